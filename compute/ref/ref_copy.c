// What only moves values: parts of concatenations, and padding with its gradient, which is also the
// parameter-free shortcut (option A of He et al. 2016).
#include "compute/ref/ref_kernel.h"
#include "compute/ref/ref_window.h"

#include <string.h>

static void run_copy_channels(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const unsigned char *x = ref_in(kernel, args, 0);
    unsigned char *y = ref_out(kernel, args, 0);
    const size_t size = dtype_bytes(op->in_type), bytes = (size_t)op->count * size;
    const size_t in_pixel = (size_t)op->in_c * size, out_pixel = (size_t)op->out_c * size;
    const size_t pixels = ref_in_count(op) / (size_t)op->in_c;
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        memcpy(y + pixel * out_pixel + (size_t)op->to * size,
               x + pixel * in_pixel + (size_t)op->from * size, bytes);
    }
}

// y[i * groups + g] = x[g * (c / groups) + i]: channel shuffle (Zhang et al. 2018).
static void run_shuffle(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const unsigned char *x = ref_in(kernel, args, 0);
    unsigned char *y = ref_out(kernel, args, 0);
    const size_t size = dtype_bytes(op->in_type), channels = (size_t)op->in_c;
    const size_t groups = (size_t)op->groups, part = channels / groups;
    for (size_t pixel = 0; pixel < ref_in_count(op); pixel += channels) {
        for (size_t g = 0; g < groups; g++) {
            for (size_t i = 0; i < part; i++) {
                memcpy(y + (pixel + i * groups + g) * size, x + (pixel + g * part + i) * size,
                       size);
            }
        }
    }
}

// Input row and column that an output pixel is taken from; -1 outside.
static int pad_row(const struct op *op, int oh)
{
    const int h = oh * op->stride[0] - op->pad[0];
    return h >= 0 && h < op->in_h ? h : -1;
}

static int pad_column(const struct op *op, int ow)
{
    const int w = ow * op->stride[1] - op->pad[1];
    return w >= 0 && w < op->in_w ? w : -1;
}

static void run_pad(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const unsigned char *x = ref_in(kernel, args, 0);
    unsigned char *y = ref_out(kernel, args, 0);
    const size_t size = dtype_bytes(op->in_type);
    memset(y, 0, ref_out_count(op) * size);
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++) {
            for (int ow = 0; ow < op->out_w; ow++) {
                const int h = pad_row(op, oh), w = pad_column(op, ow);
                if (h >= 0 && w >= 0) {
                    memcpy(y + ref_out_at(op, n, oh, ow, op->to) * size,
                           x + ref_in_at(op, n, h, w, 0) * size, (size_t)op->in_c * size);
                }
            }
        }
    }
}

static void run_pad_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0);
    float *dx = ref_out(kernel, args, 0);
    memset(dx, 0, ref_in_count(op) * sizeof *dx);
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++) {
            for (int ow = 0; ow < op->out_w; ow++) {
                const int h = pad_row(op, oh), w = pad_column(op, ow);
                if (h >= 0 && w >= 0) {
                    memcpy(dx + ref_in_at(op, n, h, w, 0), dy + ref_out_at(op, n, oh, ow, op->to),
                           (size_t)op->in_c * sizeof *dx);
                }
            }
        }
    }
}

const struct kernel_ops ref_kernel_COPY_CHANNELS = {
    .open = ref_kernel_open,
    .run = run_copy_channels,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_SHUFFLE = {
    .open = ref_kernel_open,
    .run = run_shuffle,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_PAD = {
    .open = ref_kernel_open,
    .run = run_pad,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_PAD_BACKWARD = {
    .open = ref_kernel_open,
    .run = run_pad_backward,
    .close = ref_kernel_close,
};
