// Which values of a folded graph an int8 inference plan holds as integers.
#pragma once
#include "nn/graph.h"

// types [n_nodes], out: DTYPE_U8 (never negative), DTYPE_S8, or DTYPE_F32. A convolution's value is
// an integer when all that read it can read integers: convolutions, pools, shortcuts, and a
// residual sum whose result has the same type. Linear layers, the output, concatenations and
// BatchNorm's inputs stay float32.
void int8_assign(const struct graph *folded, const bool *nonnegative, enum dtype *types);

// nonnegative [n_nodes], out: whose value is never below 0, whatever the image.
void int8_signs(const struct graph *folded, bool *nonnegative);
// The type a value takes as integers.
enum dtype int8_type(bool nonnegative);

// Real value of one integer step, for a value whose greatest magnitude is `range`.
float int8_scale(enum dtype type, float range);
