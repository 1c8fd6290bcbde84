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

// Input row (or column) under tap k of output o; -1 in the padding.
static inline int ref_tap_input(const struct op *op, int o, int k, int inputs)
{
    const int i = o * op->stride - op->pad + k;
    return i >= 0 && i < inputs ? i : -1;
}

// Output row (or column) whose tap k lies on input i; -1 if none.
static inline int ref_tap_output(const struct op *op, int i, int k, int outputs)
{
    const int start = i + op->pad - k;
    const int o = start / op->stride;
    return start >= 0 && start % op->stride == 0 && o < outputs ? o : -1;
}
