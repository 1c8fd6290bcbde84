// Resizing and its gradient, each output (or input) as a sum over all places that have a share in
// it.
#include "compute/ref/ref_kernel.h"
#include "compute/ref/ref_window.h"

static struct resize_tap row_tap(const struct op *op, int oh)
{
    return resize_tap_at(op->resize, op->coordinates, op->in_h, op->out_h, oh);
}

static struct resize_tap column_tap(const struct op *op, int ow)
{
    return resize_tap_at(op->resize, op->coordinates, op->in_w, op->out_w, ow);
}

// What input i counts for.
static double share_of(struct resize_tap tap, int i)
{
    return (tap.low == i ? 1.0 - tap.share : 0.0) + (tap.high == i ? tap.share : 0.0);
}

static double blend_row(const struct op *op, const void *x, int n, int h, struct resize_tap column,
                        int c)
{
    const double low = ref_load(x, ref_in_at(op, n, h, column.low, c), op->in_type);
    if (column.share == 0.0) {
        return low;
    }
    const double high = ref_load(x, ref_in_at(op, n, h, column.high, c), op->in_type);
    return (1.0 - column.share) * low + column.share * high;
}

static double blend(const struct op *op, const void *x, int n, struct resize_tap row,
                    struct resize_tap column, int c)
{
    const double low = blend_row(op, x, n, row.low, column, c);
    if (row.share == 0.0) {
        return low;
    }
    return (1.0 - row.share) * low + row.share * blend_row(op, x, n, row.high, column, c);
}

static void run_resize(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const void *x = ref_in(kernel, args, 0);
    void *y = ref_out(kernel, args, 0);
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++) {
            for (int ow = 0; ow < op->out_w; ow++) {
                const struct resize_tap row = row_tap(op, oh), column = column_tap(op, ow);
                for (int c = 0; c < op->out_c; c++) {
                    ref_store(y, ref_out_at(op, n, oh, ow, c), op->out_type,
                              blend(op, x, n, row, column, c));
                }
            }
        }
    }
}

static double input_gradient(const struct op *op, const float *dy, int n, int h, int w, int c)
{
    double sum = 0.0;
    for (int oh = 0; oh < op->out_h; oh++) {
        const double rows = share_of(row_tap(op, oh), h);
        for (int ow = 0; rows != 0.0 && ow < op->out_w; ow++) {
            const double share = rows * share_of(column_tap(op, ow), w);
            if (share != 0.0) {
                sum += share * (double)dy[ref_out_at(op, n, oh, ow, c)];
            }
        }
    }
    return sum;
}

static void run_resize_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0);
    float *dx = ref_out(kernel, args, 0);
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->in_h; h++) {
            for (int w = 0; w < op->in_w; w++) {
                for (int c = 0; c < op->in_c; c++) {
                    dx[ref_in_at(op, n, h, w, c)] = (float)input_gradient(op, dy, n, h, w, c);
                }
            }
        }
    }
}

const struct kernel_ops ref_kernel_RESIZE = {
    .open = ref_kernel_open,
    .run = run_resize,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_RESIZE_BACKWARD = {
    .open = ref_kernel_open,
    .run = run_resize_backward,
    .close = ref_kernel_close,
};
