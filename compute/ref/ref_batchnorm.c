// Batch normalisation (Ioffe & Szegedy 2015) in steps: sums over a chunk, sums over the batch, then
// per-channel numbers that turn normalising and its gradient into one multiply-add per element.
#include "compute/ref/ref_kernel.h"

#include <math.h>
#include <string.h>

// partial [2][c]: sum of x, sum of x * x.
static void run_statistics(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *x = ref_in(kernel, args, 0);
    double *partial = ref_out(kernel, args, 0);
    const size_t channels = (size_t)op->in_c, count = ref_in_count(op);
    for (size_t c = 0; c < channels; c++) {
        double sum = 0.0, squares = 0.0;
        for (size_t i = c; i < count; i += channels) {
            sum += (double)x[i];
            squares += (double)x[i] * (double)x[i];
        }
        partial[c] = sum;
        partial[channels + c] = squares;
    }
}

static void run_sum(struct kernel *kernel, const struct op_args *args)
{
    const double *a = ref_in(kernel, args, 0), *b = ref_in_or_null(kernel, args, 1);
    double *sums = ref_out(kernel, args, 0);
    for (size_t i = 0; i < 2 * (size_t)kernel->op.in_c; i++) {
        sums[i] = a[i] + (b != NULL ? b[i] : 0.0);
    }
}

static float blend(float old, double new, float momentum)
{
    return (float)((1.0 - (double)momentum) * (double)old + (double)momentum * new);
}

// Normalises with the biased variance; the running one is unbiased, as in PyTorch.
static void run_finish(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const double *sums = ref_in(kernel, args, 0);
    const float *gamma = ref_in(kernel, args, 1), *beta = ref_in(kernel, args, 2);
    float *scale = ref_out(kernel, args, 0), *shift = ref_out(kernel, args, 1);
    float *means = ref_out(kernel, args, 2), *inv_std = ref_out(kernel, args, 3);
    float *running_mean = ref_out_or_null(kernel, args, 4);
    float *running_variance = ref_out_or_null(kernel, args, 5);
    const double count = args->dynamic.count;
    CHECK(count >= 1.0 && (running_mean == NULL) == (running_variance == NULL));
    for (int c = 0; c < op->in_c; c++) {
        const double mean = sums[c] / count;
        double variance = sums[op->in_c + c] / count - mean * mean;
        variance = variance < 0.0 ? 0.0 : variance; // rounding; NaN stays NaN
        const double inverse = 1.0 / sqrt(variance + (double)op->epsilon);
        means[c] = (float)mean;
        inv_std[c] = (float)inverse;
        scale[c] = (float)((double)gamma[c] * inverse);
        shift[c] = (float)((double)beta[c] - mean * (double)gamma[c] * inverse);
        if (running_mean != NULL) {
            const double unbiased = variance * count / fmax(count - 1.0, 1.0);
            running_mean[c] = blend(running_mean[c], mean, op->momentum);
            running_variance[c] = blend(running_variance[c], unbiased, op->momentum);
        }
    }
}

// partial [2][c]: sum of g, sum of g * xhat, where xhat = (x - mean) * inv_std.
static void run_backward_reduce(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0);
    const float *dy2 = ref_in_or_null(kernel, args, 1), *y = ref_in_or_null(kernel, args, 2);
    const float *x = ref_in(kernel, args, 3);
    const float *mean = ref_in(kernel, args, 4), *inv_std = ref_in(kernel, args, 5);
    float *g = ref_out_or_null(kernel, args, 0);
    double *partial = ref_out(kernel, args, 1);
    const size_t channels = (size_t)op->in_c, count = ref_in_count(op);
    for (size_t c = 0; c < channels; c++) {
        double sum = 0.0, products = 0.0;
        for (size_t i = c; i < count; i += channels) {
            const double gradient = ref_act_gradient(op->act, dy, dy2, y, i);
            sum += gradient;
            products += gradient * ((double)x[i] - (double)mean[c]) * (double)inv_std[c];
            if (g != NULL) {
                g[i] = (float)gradient;
            }
        }
        partial[c] = sum;
        partial[channels + c] = products;
    }
}

// dx = gamma * inv_std * (g - sum(g) / N - xhat * sum(g * xhat) / N), written as k0*g + k1*x + k2
// (Ioffe & Szegedy 2015, section 3).
static void run_backward_finish(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const double *sums = ref_in(kernel, args, 0);
    const float *gamma = ref_in(kernel, args, 1), *mean = ref_in(kernel, args, 2);
    const float *inv_std = ref_in(kernel, args, 3);
    float *dgamma = ref_out_or_null(kernel, args, 0), *dbeta = ref_out_or_null(kernel, args, 1);
    float *coefficients = ref_out(kernel, args, 2);
    const double count = args->dynamic.count;
    CHECK(count >= 1.0);
    for (int c = 0; c < op->in_c; c++) {
        const double sum = sums[c], products = sums[op->in_c + c];
        const double k0 = (double)gamma[c] * (double)inv_std[c];
        const double k1 = -k0 * (double)inv_std[c] * products / count;
        coefficients[c] = (float)k0;
        coefficients[op->in_c + c] = (float)k1;
        coefficients[2 * op->in_c + c] = (float)(-k0 * sum / count - k1 * (double)mean[c]);
        if (dgamma != NULL) {
            dgamma[c] = (float)products;
        }
        if (dbeta != NULL) {
            dbeta[c] = (float)sum;
        }
    }
}

static void run_backward_apply(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *g = ref_in(kernel, args, 0), *x = ref_in(kernel, args, 1);
    const float *k0 = ref_in(kernel, args, 2);
    const float *k1 = k0 + op->in_c, *k2 = k1 + op->in_c;
    float *dx = ref_out(kernel, args, 0);
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const size_t c = i % (size_t)op->in_c;
        dx[i] =
            (float)((double)k0[c] * (double)g[i] + (double)k1[c] * (double)x[i] + (double)k2[c]);
    }
}

const struct kernel_ops ref_kernel_BN_STATISTICS = {
    .open = ref_kernel_open,
    .run = run_statistics,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_BN_SUM = {
    .open = ref_kernel_open,
    .run = run_sum,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_BN_FINISH = {
    .open = ref_kernel_open,
    .run = run_finish,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_BN_BACKWARD_REDUCE = {
    .open = ref_kernel_open,
    .run = run_backward_reduce,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_BN_BACKWARD_FINISH = {
    .open = ref_kernel_open,
    .run = run_backward_finish,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_BN_BACKWARD_APPLY = {
    .open = ref_kernel_open,
    .run = run_backward_apply,
    .close = ref_kernel_close,
};
