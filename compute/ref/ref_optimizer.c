// The norm of a gradient, and optimiser steps with PyTorch's formulas: the gradient is first
// multiplied by the scale, then weight decay is added to it (L2). Momentum buffers are neither read
// nor written when op.momentum is 0; nothing is when the scale is NaN.
#include "compute/ref/ref_kernel.h"

#include <math.h>

static void run_sum_squares(struct kernel *kernel, const struct op_args *args)
{
    const float *x = ref_in(kernel, args, 0);
    double *partial = ref_out(kernel, args, 0);
    double sum = 0.0;
    for (size_t i = 0; i < ref_in_count(&kernel->op); i++) {
        sum += (double)x[i] * (double)x[i];
    }
    partial[0] = sum;
    partial[1] = 0.0;
}

static void run_clip(struct kernel *kernel, const struct op_args *args)
{
    const double *sum = ref_in(kernel, args, 0);
    double *norm = ref_out(kernel, args, 0);
    float *scale = ref_out(kernel, args, 1);
    const double most = (double)kernel->op.clip;
    *norm = sqrt(sum[0]);
    *scale = most > 0.0 && *norm > most ? (float)(most / *norm) : 1.0F;
    *scale = isfinite(*norm) ? *scale : NAN;
}

static double scale_of(struct kernel *kernel, const struct op_args *args)
{
    const float *scale = ref_in_or_null(kernel, args, 1);
    return scale != NULL ? (double)*scale : 1.0;
}

static double decayed_gradient(const struct op *op, double scale, float gradient, float weight)
{
    return (double)gradient * scale + (double)op->decay * (double)weight;
}

// Sutskever et al. 2013 in PyTorch's form: the learning rate multiplies the velocity's result.
static void run_sgd(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct op_run *run = ref_read(kernel, args->run);
    const double rate = (double)run->rate, scale = scale_of(kernel, args);
    if (isnan(scale)) {
        return;
    }
    const float *gradient = ref_in(kernel, args, 0);
    float *weights = ref_out(kernel, args, 0);
    const double momentum = (double)op->momentum;
    float *velocity = momentum > 0.0 ? ref_out(kernel, args, 1) : NULL;
    for (size_t i = 0; i < ref_in_count(op); i++) {
        double step = decayed_gradient(op, scale, gradient[i], weights[i]);
        if (velocity != NULL) {
            const double moved = momentum * (double)velocity[i] + step;
            velocity[i] = (float)moved;
            step = op->nesterov > 0.0F ? step + momentum * moved : moved;
        }
        weights[i] = (float)((double)weights[i] - rate * step);
    }
}

// Hinton's lecture 6e; epsilon is outside the root.
static void run_rmsprop(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct op_run *run = ref_read(kernel, args->run);
    const double rate = (double)run->rate, scale = scale_of(kernel, args);
    if (isnan(scale)) {
        return;
    }
    const float *gradient = ref_in(kernel, args, 0);
    float *weights = ref_out(kernel, args, 0), *squares = ref_out(kernel, args, 1);
    const double alpha = (double)op->alpha, momentum = (double)op->momentum;
    float *velocity = momentum > 0.0 ? ref_out(kernel, args, 2) : NULL;
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const double g = decayed_gradient(op, scale, gradient[i], weights[i]);
        const double square = alpha * (double)squares[i] + (1.0 - alpha) * g * g;
        squares[i] = (float)square;
        double step = g / (sqrt(square) + (double)op->epsilon);
        if (velocity != NULL) {
            step += momentum * (double)velocity[i];
            velocity[i] = (float)step;
        }
        weights[i] = (float)((double)weights[i] - rate * step);
    }
}

// Kingma & Ba 2015, algorithm 1.
static void run_adam(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct op_run *run = ref_read(kernel, args->run);
    const double rate = (double)run->rate, scale = scale_of(kernel, args);
    if (isnan(scale)) {
        return;
    }
    const float *gradient = ref_in(kernel, args, 0);
    float *weights = ref_out(kernel, args, 0);
    float *first = ref_out(kernel, args, 1), *second = ref_out(kernel, args, 2);
    const double beta1 = (double)op->beta1, beta2 = (double)op->beta2;
    CHECK(run->step >= 1);
    const double bias1 = 1.0 - pow(beta1, (double)run->step);
    const double bias2 = 1.0 - pow(beta2, (double)run->step);
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const double g = decayed_gradient(op, scale, gradient[i], weights[i]);
        const double m = beta1 * (double)first[i] + (1.0 - beta1) * g;
        const double v = beta2 * (double)second[i] + (1.0 - beta2) * g * g;
        const double step = m / bias1 / (sqrt(v / bias2) + (double)op->epsilon);
        first[i] = (float)m;
        second[i] = (float)v;
        weights[i] = (float)((double)weights[i] - rate * step);
    }
}

const struct kernel_ops ref_kernel_SUM_SQUARES = {
    .open = ref_kernel_open,
    .run = run_sum_squares,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_CLIP = {
    .open = ref_kernel_open,
    .run = run_clip,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_SGD = {
    .open = ref_kernel_open,
    .run = run_sgd,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_RMSPROP = {
    .open = ref_kernel_open,
    .run = run_rmsprop,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_ADAM = {
    .open = ref_kernel_open,
    .run = run_adam,
    .close = ref_kernel_close,
};
