// What only moves values: parts of concatenations, and the parameter-free shortcut (option A of He
// et al. 2016, section 4.2) with its gradient. Any element type: channels are counted in bytes.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"

#include <stdint.h>
#include <string.h>

// Copies of known length become a few instructions, where memcpy of a short row costs a call: a
// length between two steps is covered by two pieces that overlap.
#define COPY_ENDS(to, from, bytes, step)                                                           \
    do {                                                                                           \
        unsigned char head_[step], tail_[step];                                                    \
        memcpy(head_, (from), (step));                                                             \
        memcpy(tail_, (from) + (bytes) - (step), (step));                                          \
        memcpy((to), head_, (step));                                                               \
        memcpy((to) + (bytes) - (step), tail_, (step));                                            \
    } while (0)

static inline void copy_row(unsigned char *to, const unsigned char *from, size_t bytes)
{
    enum { LONG = 512 };
    if (bytes > LONG) {
        memcpy(to, from, bytes);
    } else if (bytes >= 64) {
        for (size_t i = 0; i + 64 <= bytes; i += 64) {
            memcpy(to + i, from + i, 64);
        }
        memcpy(to + bytes - 64, from + bytes - 64, 64);
    } else if (bytes >= 32) {
        COPY_ENDS(to, from, bytes, 32);
    } else if (bytes >= 16) {
        COPY_ENDS(to, from, bytes, 16);
    } else if (bytes >= 8) {
        COPY_ENDS(to, from, bytes, 8);
    } else if (bytes >= 4) {
        COPY_ENDS(to, from, bytes, 4);
    } else {
        for (size_t i = 0; i < bytes; i++) {
            to[i] = from[i];
        }
    }
}

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
        copy_row(to + i * out_pixel, from + i * in_pixel, bytes);
    }
}

// An output pixel of a shortcut and the input pixel it is sampled from.
struct pixel_pair {
    size_t in, out; // pixel numbers
};

static struct pixel_pair pixel_pair_at(const struct op *op, int n, int h, int w)
{
    const size_t in_row = (size_t)n * (size_t)op->in_h + (size_t)(h * op->stride);
    const size_t out_row = (size_t)n * (size_t)op->out_h + (size_t)h;
    return (struct pixel_pair){.in = in_row * (size_t)op->in_w + (size_t)(w * op->stride),
                               .out = out_row * (size_t)op->out_w + (size_t)w};
}

static void run_shortcut(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const size_t size = dtype_bytes(op->in_type), bytes = (size_t)op->in_c * size;
    const size_t out_pixel = (size_t)op->out_c * size, before = (size_t)op->to * size;
    const unsigned char *x = args->in[0];
    unsigned char *y = args->out[0];
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->out_h; h++) {
            for (int w = 0; w < op->out_w; w++) {
                const struct pixel_pair at = pixel_pair_at(op, n, h, w);
                unsigned char *to = y + at.out * out_pixel;
                memset(to, 0, before);
                copy_row(to + before, x + at.in * bytes, bytes);
                memset(to + before + bytes, 0, out_pixel - before - bytes);
            }
        }
    }
}

static void run_shortcut_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const size_t bytes = (size_t)op->in_c * sizeof(float);
    const size_t out_pixel = (size_t)op->out_c * sizeof(float);
    const unsigned char *dy = (const unsigned char *)args->in[0] + (size_t)op->to * sizeof(float);
    unsigned char *dx = args->out[0];
    memset(dx, 0, cpu_op_pixels(op) * bytes);
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->out_h; h++) {
            for (int w = 0; w < op->out_w; w++) {
                const struct pixel_pair at = pixel_pair_at(op, n, h, w);
                copy_row(dx + at.in * bytes, dy + at.out * out_pixel, bytes);
            }
        }
    }
}

const struct kernel_ops cpu_copy_channels_kernel = {
    .open = cpu_kernel_open,
    .run = run_copy_channels,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_shortcut_kernel = {
    .open = cpu_kernel_open,
    .run = run_shortcut,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_shortcut_backward_kernel = {
    .open = cpu_kernel_open,
    .run = run_shortcut_backward,
    .close = cpu_kernel_close,
};
