// What the float32 and the int8 convolution share.
#pragma once
#include "compute/ref/ref_kernel.h"
#include "compute/ref/ref_window.h"

// Element number of a weight, OIHW: [out_c][in_c / groups][kernel[0]][kernel[1]].
static inline size_t ref_weight_at(const struct op *op, int o, int i, int kh, int kw)
{
    const size_t plane = (size_t)o * (size_t)(op->in_c / op->groups) + (size_t)i;
    return (plane * (size_t)op->kernel[0] + (size_t)kh) * (size_t)op->kernel[1] + (size_t)kw;
}

static inline size_t ref_weight_count(const struct op *op)
{
    return ref_weight_at(op, op->out_c, 0, 0, 0);
}

// First input channel of the group that output channel o belongs to.
static inline int ref_group_start(const struct op *op, int o)
{
    return o / (op->out_c / op->groups) * (op->in_c / op->groups);
}

// int8: addresses are real ones (ref_read, ref_write).
size_t ref_conv_int8_packed_bytes(const struct op *op);
void ref_conv_int8_pack(const struct op *op, const float *weights, const float *bias,
                        const struct op_quantization *quantization, void *packed);
void ref_conv_int8_run(const struct op *op, const void *x, const void *packed, void *y);
