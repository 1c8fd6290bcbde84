// Where elements lie in NHWC tensors, and where the taps of a sliding window lie: convolution,
// pooling and their gradients.
#pragma once
#include "compute/op.h"

// Element number in a tensor of the op's input shape, and of its output shape.
static inline size_t ref_in_at(const struct op *op, int n, int h, int w, int c)
{
    const size_t row = (size_t)n * (size_t)op->in_h + (size_t)h;
    return (row * (size_t)op->in_w + (size_t)w) * (size_t)op->in_c + (size_t)c;
}

static inline size_t ref_out_at(const struct op *op, int n, int h, int w, int c)
{
    const size_t row = (size_t)n * (size_t)op->out_h + (size_t)h;
    return (row * (size_t)op->out_w + (size_t)w) * (size_t)op->out_c + (size_t)c;
}

// Input row under tap k of output row o; -1 in the padding. So for columns.
static inline int ref_tap_row(const struct op *op, int o, int k)
{
    const int i = o * op->stride[0] - op->pad[0] + k * op->dilation[0];
    return i >= 0 && i < op->in_h ? i : -1;
}

static inline int ref_tap_column(const struct op *op, int o, int k)
{
    const int i = o * op->stride[1] - op->pad[1] + k * op->dilation[1];
    return i >= 0 && i < op->in_w ? i : -1;
}

// Output row whose tap k lies on input row i; -1 if none. So for columns.
static inline int ref_row_of_tap(const struct op *op, int i, int k)
{
    const int start = i + op->pad[0] - k * op->dilation[0];
    const int o = start / op->stride[0];
    return start >= 0 && start % op->stride[0] == 0 && o < op->out_h ? o : -1;
}

static inline int ref_column_of_tap(const struct op *op, int i, int k)
{
    const int start = i + op->pad[1] - k * op->dilation[1];
    const int o = start / op->stride[1];
    return start >= 0 && start % op->stride[1] == 0 && o < op->out_w ? o : -1;
}
