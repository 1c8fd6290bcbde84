// Arguments, element types and activations, as every reference kernel reads them.
#include "compute/ref/ref_kernel.h"

#include "compute/backend_list.h"

#include <math.h>
#include <stdlib.h>

enum status ref_kernel_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    struct ref_kernel *kernel = calloc(1, sizeof *kernel);
    if (kernel == NULL) {
        FAIL(ERR_MEMORY, "no memory for a kernel");
    }
    kernel->base.ops = backend->ops->kernels[op->kind];
    kernel->base.backend = backend;
    kernel->base.op = *op;
    kernel->delta = backend->ops == &ref_backend_ops ? ref_backend_delta(backend) : 0;
    *out = &kernel->base;
    return OK;
}

void ref_kernel_close(struct kernel *kernel)
{
    free(kernel);
}

const void *ref_read(const struct kernel *kernel, const void *address)
{
    const uintptr_t delta = ((const struct ref_kernel *)kernel)->delta;
    return address == NULL ? NULL : (const void *)((uintptr_t)address + delta);
}

void *ref_write(const struct kernel *kernel, void *address)
{
    const uintptr_t delta = ((const struct ref_kernel *)kernel)->delta;
    return address == NULL ? NULL : (void *)((uintptr_t)address + delta);
}

const void *ref_in_or_null(const struct kernel *kernel, const struct op_args *args, int slot)
{
    return ref_read(kernel, args->in[slot]);
}

const void *ref_in(const struct kernel *kernel, const struct op_args *args, int slot)
{
    CHECK(args->in[slot] != NULL);
    return ref_read(kernel, args->in[slot]);
}

void *ref_out_or_null(const struct kernel *kernel, const struct op_args *args, int slot)
{
    return ref_write(kernel, args->out[slot]);
}

void *ref_out(const struct kernel *kernel, const struct op_args *args, int slot)
{
    CHECK(args->out[slot] != NULL);
    return ref_write(kernel, args->out[slot]);
}

double ref_factor(const struct kernel *kernel, const struct op_args *args, int slot,
                  enum dtype type)
{
    return type == DTYPE_F32 ? 1.0 : (double)*(const float *)ref_in(kernel, args, slot);
}

size_t ref_in_count(const struct op *op)
{
    return (size_t)op->n * (size_t)op->in_h * (size_t)op->in_w * (size_t)op->in_c;
}

size_t ref_out_count(const struct op *op)
{
    return (size_t)op->n * (size_t)op->out_h * (size_t)op->out_w * (size_t)op->out_c;
}

double ref_load(const void *tensor, size_t i, enum dtype type)
{
    switch (type) {
    case DTYPE_U8:
        return ((const uint8_t *)tensor)[i];
    case DTYPE_S8:
        return ((const int8_t *)tensor)[i];
    case DTYPE_F32:
        break;
    }
    return (double)((const float *)tensor)[i];
}

// Rounds half to even, the processor's default.
static int round_and_clamp(double value, int least, int most)
{
    if (isnan(value)) {
        return 0;
    }
    return (int)fmin(fmax(rint(value), least), most);
}

void ref_store(void *tensor, size_t i, enum dtype type, double value)
{
    switch (type) {
    case DTYPE_U8:
        ((uint8_t *)tensor)[i] = (uint8_t)round_and_clamp(value, 0, UINT8_MAX);
        return;
    case DTYPE_S8:
        ((int8_t *)tensor)[i] = (int8_t)round_and_clamp(value, INT8_MIN, INT8_MAX);
        return;
    case DTYPE_F32:
        ((float *)tensor)[i] = (float)value;
        return;
    }
}

double ref_act_gradient(struct activation act, const float *dy, const float *dy2, const float *y,
                        size_t i)
{
    const double slope = y != NULL ? activation_slope(act, (double)y[i]) : 1.0;
    if (slope == 0.0 || isnan(slope)) {
        return slope;
    }
    return ((double)dy[i] + (dy2 != NULL ? (double)dy2[i] : 0.0)) * slope;
}
