// Boxes of up to four dimensions: a sub-network's weights, which are parts of a supernet's. Runs of
// values that lie behind each other on both sides are as long as they can be.
#include "compute/cpu/cpu_copy_bytes.h"
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"

// Runs of `run` values, n x h x w of them, so far apart in the tensor; in the box they are dense.
struct box {
    size_t n, h, w, run, n_step, h_step, w_step;
};

static struct box box_of(const struct op *op)
{
    struct box box = {.n = (size_t)op->n,
                      .h = (size_t)op->in_h,
                      .w = (size_t)op->in_w,
                      .run = (size_t)op->in_c,
                      .w_step = (size_t)op->out_c};
    box.h_step = (size_t)op->out_w * box.w_step;
    box.n_step = (size_t)op->out_h * box.h_step;
    size_t *const outer[] = {&box.w, &box.h, &box.n};
    const bool whole[] = {op->in_c == op->out_c, op->in_w == op->out_w, op->in_h == op->out_h};
    for (int i = 0; i < 3 && whole[i]; i++) { // no gap behind it
        box.run *= *outer[i];
        *outer[i] = 1;
    }
    return box;
}

static void run_gather(struct kernel *kernel, const struct op_args *args)
{
    const struct box box = box_of(&kernel->op);
    float *y = args->out[0];
    for (size_t n = 0; n < box.n; n++) {
        for (size_t h = 0; h < box.h; h++) {
            const float *x = (const float *)args->in[0] + n * box.n_step + h * box.h_step;
            for (size_t w = 0; w < box.w; w++, x += box.w_step, y += box.run) {
                cpu_copy_bytes((unsigned char *)y, (const unsigned char *)x, box.run * sizeof *y);
            }
        }
    }
}

static void run_scatter_add(struct kernel *kernel, const struct op_args *args)
{
    const struct box box = box_of(&kernel->op);
    const float alpha = kernel->op.alpha, *x = args->in[0];
    for (size_t n = 0; n < box.n; n++) {
        for (size_t h = 0; h < box.h; h++) {
            float *y = (float *)args->out[0] + n * box.n_step + h * box.h_step;
            for (size_t w = 0; w < box.w; w++, x += box.run, y += box.w_step) {
                for (size_t i = 0; i < box.run; i++) {
                    y[i] += alpha * x[i];
                }
            }
        }
    }
}

const struct kernel_ops cpu_gather_kernel = {
    .open = cpu_kernel_open,
    .run = run_gather,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_scatter_add_kernel = {
    .open = cpu_kernel_open,
    .run = run_scatter_add,
    .close = cpu_kernel_close,
};
