// What handles each element by itself: normalising, quantising, scaling, adding, dropout, and the
// range of a tensor.
#include "compute/ref/ref_kernel.h"
#include "core/rng.h"

#include <math.h>

// y = x * scale + shift; integers come out rounded and clamped.
static void run_normalize(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const uint8_t *x = ref_in(kernel, args, 0);
    const float *scale = ref_in(kernel, args, 1), *shift = ref_in(kernel, args, 2);
    void *y = ref_out(kernel, args, 0);
    const size_t channels = (size_t)op->in_c;
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const size_t c = i % channels;
        ref_store(y, i, op->out_type, x[i] * (double)scale[c] + (double)shift[c]);
    }
}

static void run_quantize(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *x = ref_in(kernel, args, 0);
    const double factor = ref_factor(kernel, args, 1, op->out_type);
    void *y = ref_out(kernel, args, 0);
    for (size_t i = 0; i < ref_in_count(op); i++) {
        ref_store(y, i, op->out_type, (double)x[i] * factor);
    }
}

// partial [2]: least and greatest of one image, NaN once there is one.
static void find_range(const float *x, size_t count, float *partial)
{
    float least = x[0], greatest = x[0];
    for (size_t i = 1; i < count; i++) {
        least = x[i] < least || isnan(x[i]) ? x[i] : least;
        greatest = x[i] > greatest || isnan(x[i]) ? x[i] : greatest;
    }
    partial[0] = least;
    partial[1] = greatest;
}

// partial [n][2].
static void find_ranges(const struct op *op, const float *x, float *partial)
{
    const size_t count = ref_in_count(op) / (size_t)op->n;
    for (size_t i = 0; i < (size_t)op->n; i++) {
        find_range(x + i * count, count, partial + 2 * i);
    }
}

static void run_scale_shift(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *x = ref_in(kernel, args, 0);
    const float *scale = ref_in(kernel, args, 1), *shift = ref_in(kernel, args, 2);
    const float *residual = ref_in_or_null(kernel, args, 3);
    const double factor = ref_factor(kernel, args, 4, op->out_type);
    void *y = ref_out(kernel, args, 0);
    const size_t channels = (size_t)op->in_c;
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const size_t c = i % channels;
        double value = (double)x[i] * (double)scale[c] + (double)shift[c];
        value += residual != NULL ? (double)residual[i] : 0.0;
        ref_store(y, i, op->out_type, activation_value(op->act, value) * factor);
    }
    float *partial = ref_out_or_null(kernel, args, 1);
    if (partial != NULL && op->out_type == DTYPE_F32) {
        find_ranges(op, y, partial);
    }
}

static void run_add(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *a = ref_in(kernel, args, 0), *b = ref_in_or_null(kernel, args, 1);
    const double factor = ref_factor(kernel, args, 2, op->out_type);
    void *y = ref_out(kernel, args, 0);
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const double sum = (double)a[i] + (b != NULL ? (double)b[i] : 0.0);
        ref_store(y, i, op->out_type, activation_value(op->act, sum) * factor);
    }
}

static void run_act_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0);
    const float *dy2 = ref_in_or_null(kernel, args, 1), *y = ref_in_or_null(kernel, args, 2);
    float *g = ref_out(kernel, args, 0);
    for (size_t i = 0; i < ref_in_count(op); i++) {
        g[i] = (float)ref_act_gradient(op->act, dy, dy2, y, i);
    }
}

// Srivastava et al. 2014, scaled while training. Element number `first + i` of the whole batch
// decides by its own random number, so chunks and threads change nothing.
static void run_dropout(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct op_dynamic *dynamic = &args->dynamic;
    const struct op_run *run = ref_read(kernel, args->run);
    const float *x = ref_in(kernel, args, 0);
    float *y = ref_out(kernel, args, 0);
    const double scale = 1.0 / (1.0 - (double)op->rate);
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const uint32_t word = rng_at(run->seed + dynamic->stream, RNG_DROPOUT, (uint64_t)run->step,
                                     (uint64_t)dynamic->first + i);
        const double uniform = (word >> 8) * 0x1p-24; // [0, 1)
        y[i] = uniform >= (double)op->rate ? (float)((double)x[i] * scale) : 0.0F;
    }
}

// NaN anywhere makes both ends NaN.
static void run_range(struct kernel *kernel, const struct op_args *args)
{
    find_ranges(&kernel->op, ref_in(kernel, args, 0), ref_out(kernel, args, 0));
}

const struct kernel_ops ref_kernel_NORMALIZE = {
    .open = ref_kernel_open,
    .run = run_normalize,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_QUANTIZE = {
    .open = ref_kernel_open,
    .run = run_quantize,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_SCALE_SHIFT = {
    .open = ref_kernel_open,
    .run = run_scale_shift,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_ADD = {
    .open = ref_kernel_open,
    .run = run_add,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_ACT_BACKWARD = {
    .open = ref_kernel_open,
    .run = run_act_backward,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_DROPOUT = {
    .open = ref_kernel_open,
    .run = run_dropout,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_RANGE = {
    .open = ref_kernel_open,
    .run = run_range,
    .close = ref_kernel_close,
};
