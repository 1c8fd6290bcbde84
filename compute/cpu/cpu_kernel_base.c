// Opening and closing of the CPU kernels that are plain loops.
#include "compute/cpu/cpu_kernel_base.h"

#include <stdlib.h>

enum status cpu_kernel_open_scratch(struct backend *backend, const struct op *op,
                                    size_t scratch_bytes, struct kernel **out)
{
    struct kernel *kernel = malloc(sizeof *kernel);
    if (kernel == NULL) {
        FAIL(ERR_MEMORY, "no memory for a %s kernel", op_kind_name(op->kind));
    }
    *kernel = (struct kernel){.ops = backend->ops->kernels[op->kind],
                              .backend = backend,
                              .op = *op,
                              .scratch_bytes = scratch_bytes};
    *out = kernel;
    return OK;
}

enum status cpu_kernel_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    return cpu_kernel_open_scratch(backend, op, 0, out);
}

void cpu_kernel_close(struct kernel *kernel)
{
    free(kernel);
}
