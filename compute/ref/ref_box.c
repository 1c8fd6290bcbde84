// Boxes of up to four dimensions: a sub-network's weights, which are parts of a supernet's.
#include "compute/ref/ref_kernel.h"
#include "compute/ref/ref_window.h"

static void run_gather(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *x = ref_in(kernel, args, 0);
    float *y = ref_out(kernel, args, 0);
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->in_h; h++) {
            for (int w = 0; w < op->in_w; w++) {
                for (int c = 0; c < op->in_c; c++) {
                    y[ref_in_at(op, n, h, w, c)] = x[ref_out_at(op, n, h, w, c)];
                }
            }
        }
    }
}

static void run_scatter_add(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *x = ref_in(kernel, args, 0);
    float *y = ref_out(kernel, args, 0);
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->in_h; h++) {
            for (int w = 0; w < op->in_w; w++) {
                for (int c = 0; c < op->in_c; c++) {
                    y[ref_out_at(op, n, h, w, c)] += op->alpha * x[ref_in_at(op, n, h, w, c)];
                }
            }
        }
    }
}

const struct kernel_ops ref_kernel_GATHER = {
    .open = ref_kernel_open,
    .run = run_gather,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_SCATTER_ADD = {
    .open = ref_kernel_open,
    .run = run_scatter_add,
    .close = ref_kernel_close,
};
