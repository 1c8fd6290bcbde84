// What only moves values: parts of concatenations, and the parameter-free shortcut (option A of
// He et al. 2016) with its gradient.
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

// Every stride-th row and column; `to` zero channels, the input's, zero channels.
static void run_shortcut(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const unsigned char *x = ref_in(kernel, args, 0);
    unsigned char *y = ref_out(kernel, args, 0);
    const size_t size = dtype_bytes(op->in_type);
    memset(y, 0, ref_out_count(op) * size);
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->out_h; h++) {
            for (int w = 0; w < op->out_w; w++) {
                memcpy(y + ref_out_at(op, n, h, w, op->to) * size,
                       x + ref_in_at(op, n, h * op->stride, w * op->stride, 0) * size,
                       (size_t)op->in_c * size);
            }
        }
    }
}

static void run_shortcut_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0);
    float *dx = ref_out(kernel, args, 0);
    memset(dx, 0, ref_in_count(op) * sizeof *dx);
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->out_h; h++) {
            for (int w = 0; w < op->out_w; w++) {
                memcpy(dx + ref_in_at(op, n, h * op->stride, w * op->stride, 0),
                       dy + ref_out_at(op, n, h, w, op->to), (size_t)op->in_c * sizeof *dx);
            }
        }
    }
}

const struct kernel_ops ref_kernel_COPY_CHANNELS = {
    .open = ref_kernel_open,
    .run = run_copy_channels,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_SHORTCUT = {
    .open = ref_kernel_open,
    .run = run_shortcut,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_SHORTCUT_BACKWARD = {
    .open = ref_kernel_open,
    .run = run_shortcut_backward,
    .close = ref_kernel_close,
};
