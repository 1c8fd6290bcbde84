// One image's op as several smaller ops that may run at once: bands of output rows, or, where the
// output is one pixel, runs of output channels. A piece adds up each output in the same order as
// the whole does.
#pragma once
#include "compute/op.h"

// A piece: an op of its own, and where its arguments begin in those of the whole.
struct op_piece {
    struct op op;
    size_t in_bytes[OP_MAX_IN], out_bytes[OP_MAX_OUT];
    int first_channel; // CONV: of its outputs, hence of weights and bias
};

// In how many pieces the op is worth cutting, 1 to `most`. 1 for what cannot be cut: more than one
// image, kinds that mix rows, gradients.
int op_cut_count(const struct op *op, int most);
// Piece number `index` of `count`, which is 2 to what op_cut_count allows. The pieces' outputs lie
// side by side and cover the whole's.
struct op_piece op_cut_piece(const struct op *op, int index, int count);
