// What only moves values: parts of concatenations, and padding with its gradient, which is also the
// parameter-free shortcut (option A of He et al. 2016, section 4.2). Any element type: channels are
// counted in bytes.
#include "compute/cpu/cpu_copy_bytes.h"
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"

#include <stdint.h>
#include <string.h>

static void run_copy_channels(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const size_t size = dtype_bytes(op->in_type), bytes = (size_t)op->count * size;
    const size_t in_pixel = (size_t)op->in_c * size, out_pixel = (size_t)op->out_c * size;
    const size_t pixels = cpu_op_pixels(op);
    const unsigned char *from = (const unsigned char *)args->in[0] + (size_t)op->from * size;
    unsigned char *to = (unsigned char *)args->out[0] + (size_t)op->to * size;
    if (bytes == in_pixel && bytes == out_pixel) {
        memcpy(to, from, pixels * bytes);
        return;
    }
    for (size_t i = 0; i < pixels; i++) {
        cpu_copy_bytes(to + i * out_pixel, from + i * in_pixel, bytes);
    }
}

static void shuffle_f32(size_t pixels, size_t groups, size_t part, const float *x, float *y)
{
    for (size_t pixel = 0; pixel < pixels; pixel++, y += groups * part) {
        for (size_t g = 0; g < groups; g++, x += part) {
            for (size_t i = 0; i < part; i++) {
                y[i * groups + g] = x[i];
            }
        }
    }
}

static void shuffle_bytes(size_t pixels, size_t groups, size_t part, const unsigned char *x,
                          unsigned char *y)
{
    for (size_t pixel = 0; pixel < pixels; pixel++, y += groups * part) {
        for (size_t g = 0; g < groups; g++, x += part) {
            for (size_t i = 0; i < part; i++) {
                y[i * groups + g] = x[i];
            }
        }
    }
}

static void run_shuffle(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const size_t groups = (size_t)op->groups, part = (size_t)op->in_c / groups;
    if (op->in_type == DTYPE_F32) {
        shuffle_f32(cpu_op_pixels(op), groups, part, args->in[0], args->out[0]);
    } else {
        shuffle_bytes(cpu_op_pixels(op), groups, part, args->in[0], args->out[0]);
    }
}

// The outputs along one axis that hold an input: first .. end - 1.
struct filled {
    int first, end;
};

static struct filled filled_of(const struct op *op, int axis)
{
    const int stride = op->stride[axis], pad = op->pad[axis];
    const int in = axis == 0 ? op->in_h : op->in_w, out = axis == 0 ? op->out_h : op->out_w;
    const int first = pad > 0 ? (pad + stride - 1) / stride : 0;
    const int past = in + pad > 0 ? (in + pad - 1) / stride + 1 : 0; // may be less than first
    const int end = past < out ? past : out;
    return (struct filled){.first = first < end ? first : end, .end = end};
}

// Pixel number of what output (oh, ow) of image n is taken from.
static size_t source_pixel(const struct op *op, int n, int oh, int ow)
{
    const int h = oh * op->stride[0] - op->pad[0], w = ow * op->stride[1] - op->pad[1];
    return ((size_t)n * (size_t)op->in_h + (size_t)h) * (size_t)op->in_w + (size_t)w;
}

static void run_pad(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct filled rows = filled_of(op, 0), columns = filled_of(op, 1);
    const size_t size = dtype_bytes(op->in_type), bytes = (size_t)op->in_c * size;
    const size_t out_pixel = (size_t)op->out_c * size, before = (size_t)op->to * size;
    const size_t out_row = (size_t)op->out_w * out_pixel;
    const size_t step = (size_t)op->stride[1] * bytes;
    unsigned char *y = args->out[0];
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++, y += out_row) {
            if (oh < rows.first || oh >= rows.end || columns.first == columns.end) {
                memset(y, 0, out_row);
                continue;
            }
            const unsigned char *from =
                (const unsigned char *)args->in[0] + source_pixel(op, n, oh, columns.first) * bytes;
            unsigned char *to = y + (size_t)columns.first * out_pixel;
            memset(y, 0, (size_t)columns.first * out_pixel);
            for (int ow = columns.first; ow < columns.end; ow++, from += step, to += out_pixel) {
                memset(to, 0, before);
                cpu_copy_bytes(to + before, from, bytes);
                memset(to + before + bytes, 0, out_pixel - before - bytes);
            }
            memset(to, 0, (size_t)(op->out_w - columns.end) * out_pixel);
        }
    }
}

static void run_pad_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct filled rows = filled_of(op, 0), columns = filled_of(op, 1);
    const size_t bytes = (size_t)op->in_c * sizeof(float);
    const size_t out_pixel = (size_t)op->out_c * sizeof(float);
    const size_t step = (size_t)op->stride[1] * bytes;
    const unsigned char *dy = (const unsigned char *)args->in[0] + (size_t)op->to * sizeof(float);
    memset(args->out[0], 0, cpu_op_pixels(op) * bytes);
    for (int n = 0; n < op->n; n++) {
        for (int oh = rows.first; oh < rows.end && columns.first < columns.end; oh++) {
            const size_t row = (size_t)n * (size_t)op->out_h + (size_t)oh;
            const size_t first = row * (size_t)op->out_w + (size_t)columns.first;
            const unsigned char *from = dy + first * out_pixel;
            unsigned char *to =
                (unsigned char *)args->out[0] + source_pixel(op, n, oh, columns.first) * bytes;
            for (int ow = columns.first; ow < columns.end; ow++, from += out_pixel, to += step) {
                cpu_copy_bytes(to, from, bytes);
            }
        }
    }
}

const struct kernel_ops cpu_copy_channels_kernel = {
    .open = cpu_kernel_open,
    .run = run_copy_channels,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_shuffle_kernel = {
    .open = cpu_kernel_open,
    .run = run_shuffle,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_pad_kernel = {
    .open = cpu_kernel_open,
    .run = run_pad,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_pad_backward_kernel = {
    .open = cpu_kernel_open,
    .run = run_pad_backward,
    .close = cpu_kernel_close,
};
