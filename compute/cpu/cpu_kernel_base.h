// What the CPU kernels without oneDNN share: opening, closing, and sizes.
#pragma once
#include "compute/backend.h"

// For kernels that need nothing but the op.
enum status cpu_kernel_open(struct backend *backend, const struct op *op, struct kernel **out);
// For kernels that also need scratch in a run.
enum status cpu_kernel_open_scratch(struct backend *backend, const struct op *op,
                                    size_t scratch_bytes, struct kernel **out);
void cpu_kernel_close(struct kernel *kernel);

// Of the forward input: n * h * w, and times c.
static inline size_t cpu_op_pixels(const struct op *op)
{
    return (size_t)op->n * (size_t)op->in_h * (size_t)op->in_w;
}

static inline size_t cpu_op_count(const struct op *op)
{
    return cpu_op_pixels(op) * (size_t)op->in_c;
}
