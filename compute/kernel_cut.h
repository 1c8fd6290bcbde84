// A kernel whose call is shared by several lanes.
#pragma once
#include "compute/backend.h"

// Like kernel_open, cut into at most `most` pieces (op_cut.h): then kernel->pieces of them, 2 or
// more, run as calls of their own, args.piece each, all with the arguments of the whole call. A
// piece takes the lane of its caller. pack fills in what all pieces need. What cannot be cut or is
// not worth it gets an ordinary kernel, with 0 pieces.
enum status kernel_open_cut(struct backend *backend, const struct op *op, int most,
                            struct kernel **out);
