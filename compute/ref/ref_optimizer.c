// Optimiser steps with PyTorch's formulas. op.in_c is the number of weights; the gradient is first
// multiplied by dynamic.scale, then weight decay is added to it (L2). Momentum buffers are neither
// read nor written when op.momentum is 0.
#include "compute/ref/ref_kernel.h"

#include <math.h>

static double decayed_gradient(const struct op *op, const struct op_args *args, float gradient,
                               float weight)
{
    return (double)gradient * (double)args->dynamic.scale + (double)op->decay * (double)weight;
}

// Sutskever et al. 2013 in PyTorch's form: the learning rate multiplies the velocity's result.
static void run_sgd(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *gradient = ref_in(kernel, args, 0);
    float *weights = ref_out(kernel, args, 0);
    const double momentum = (double)op->momentum;
    float *velocity = momentum > 0.0 ? ref_out(kernel, args, 1) : NULL;
    for (size_t i = 0; i < ref_in_count(op); i++) {
        double step = decayed_gradient(op, args, gradient[i], weights[i]);
        if (velocity != NULL) {
            const double moved = momentum * (double)velocity[i] + step;
            velocity[i] = (float)moved;
            step = op->nesterov > 0.0F ? step + momentum * moved : moved;
        }
        weights[i] = (float)((double)weights[i] - (double)args->dynamic.rate * step);
    }
}

// Hinton's lecture 6e; epsilon is outside the root.
static void run_rmsprop(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *gradient = ref_in(kernel, args, 0);
    float *weights = ref_out(kernel, args, 0), *squares = ref_out(kernel, args, 1);
    const double alpha = (double)op->alpha, momentum = (double)op->momentum;
    float *velocity = momentum > 0.0 ? ref_out(kernel, args, 2) : NULL;
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const double g = decayed_gradient(op, args, gradient[i], weights[i]);
        const double square = alpha * (double)squares[i] + (1.0 - alpha) * g * g;
        squares[i] = (float)square;
        double step = g / (sqrt(square) + (double)op->epsilon);
        if (velocity != NULL) {
            step += momentum * (double)velocity[i];
            velocity[i] = (float)step;
        }
        weights[i] = (float)((double)weights[i] - (double)args->dynamic.rate * step);
    }
}

// Kingma & Ba 2015, algorithm 1.
static void run_adam(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *gradient = ref_in(kernel, args, 0);
    float *weights = ref_out(kernel, args, 0);
    float *first = ref_out(kernel, args, 1), *second = ref_out(kernel, args, 2);
    const double beta1 = (double)op->beta1, beta2 = (double)op->beta2;
    CHECK(args->dynamic.step >= 1);
    const double bias1 = 1.0 - pow(beta1, (double)args->dynamic.step);
    const double bias2 = 1.0 - pow(beta2, (double)args->dynamic.step);
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const double g = decayed_gradient(op, args, gradient[i], weights[i]);
        const double m = beta1 * (double)first[i] + (1.0 - beta1) * g;
        const double v = beta2 * (double)second[i] + (1.0 - beta2) * g * g;
        const double step = m / bias1 / (sqrt(v / bias2) + (double)op->epsilon);
        first[i] = (float)m;
        second[i] = (float)v;
        weights[i] = (float)((double)weights[i] - (double)args->dynamic.rate * step);
    }
}

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
