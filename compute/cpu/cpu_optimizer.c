// Optimiser steps with PyTorch's formulas, over op.in_c weights; the gradient is first multiplied
// by dynamic.scale, then weight decay is added to it (L2). Momentum buffers are neither read nor
// written when op.momentum is 0.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_vector.h"

#include <math.h>

// Coefficients of one call.
struct optimizer {
    int n;
    float rate, scale, decay, momentum;
    float keep, add; // of the mean of squares: keep * old + add * g^2
    float epsilon;
};

static struct optimizer optimizer_make(const struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    return (struct optimizer){.n = op->in_c,
                              .rate = args->dynamic.rate,
                              .scale = args->dynamic.scale,
                              .decay = op->decay,
                              .momentum = op->momentum,
                              .keep = op->kind == OP_ADAM ? op->beta2 : op->alpha,
                              .add = 1.0F - (op->kind == OP_ADAM ? op->beta2 : op->alpha),
                              .epsilon = op->epsilon};
}

// ---- SGD. Sutskever et al. 2013 in PyTorch's form: the rate multiplies the velocity's result.
CPU_CLONES static void sgd_plain(const struct optimizer *o, const float *restrict gradient,
                                 float *restrict weights)
{
    const float rate = o->rate, scale = o->scale, decay = o->decay;
    for (int i = 0; i < o->n; i++) {
        weights[i] -= rate * (gradient[i] * scale + decay * weights[i]);
    }
}

CPU_CLONES static void sgd_momentum(const struct optimizer *o, bool nesterov,
                                    const float *restrict gradient, float *restrict weights,
                                    float *restrict velocity)
{
    const float rate = o->rate, scale = o->scale, decay = o->decay, momentum = o->momentum;
    // step = of_g * g + of_v * v
    const float of_g = nesterov ? 1.0F : 0.0F, of_v = nesterov ? momentum : 1.0F;
    for (int i = 0; i < o->n; i++) {
        const float g = gradient[i] * scale + decay * weights[i];
        const float v = momentum * velocity[i] + g;
        velocity[i] = v;
        weights[i] -= rate * (of_g * g + of_v * v);
    }
}

static void run_sgd(struct kernel *kernel, const struct op_args *args)
{
    const struct optimizer o = optimizer_make(kernel, args);
    if (o.momentum > 0.0F) {
        sgd_momentum(&o, kernel->op.nesterov > 0.0F, args->in[0], args->out[0], args->out[1]);
    } else {
        sgd_plain(&o, args->in[0], args->out[0]);
    }
}

// ---- RMSProp: Hinton's lecture 6e; epsilon is outside the root.
CPU_CLONES static void rmsprop_plain(const struct optimizer *o, const float *restrict gradient,
                                     float *restrict weights, float *restrict squares)
{
    const float rate = o->rate, scale = o->scale, decay = o->decay, keep = o->keep, add = o->add;
    const float epsilon = o->epsilon;
    for (int i = 0; i < o->n; i++) {
        const float g = gradient[i] * scale + decay * weights[i];
        const float square = keep * squares[i] + add * (g * g);
        squares[i] = square;
        weights[i] -= rate * (g / (sqrtf(square) + epsilon));
    }
}

CPU_CLONES static void rmsprop_momentum(const struct optimizer *o, const float *restrict gradient,
                                        float *restrict weights, float *restrict squares,
                                        float *restrict velocity)
{
    const float rate = o->rate, scale = o->scale, decay = o->decay, keep = o->keep, add = o->add;
    const float epsilon = o->epsilon, momentum = o->momentum;
    for (int i = 0; i < o->n; i++) {
        const float g = gradient[i] * scale + decay * weights[i];
        const float square = keep * squares[i] + add * (g * g);
        const float v = momentum * velocity[i] + g / (sqrtf(square) + epsilon);
        squares[i] = square;
        velocity[i] = v;
        weights[i] -= rate * v;
    }
}

static void run_rmsprop(struct kernel *kernel, const struct op_args *args)
{
    const struct optimizer o = optimizer_make(kernel, args);
    if (o.momentum > 0.0F) {
        rmsprop_momentum(&o, args->in[0], args->out[0], args->out[1], args->out[2]);
    } else {
        rmsprop_plain(&o, args->in[0], args->out[0], args->out[1]);
    }
}

// ---- Adam: Kingma & Ba 2015, algorithm 1, with the bias corrections taken out of the loop.
struct adam {
    struct optimizer base;
    float beta1;
    float step;      // rate / (1 - beta1^t)
    float root_bias; // 1 / sqrt(1 - beta2^t)
};

CPU_CLONES static void adam(const struct adam *a, const float *restrict gradient,
                            float *restrict weights, float *restrict first, float *restrict second)
{
    const float scale = a->base.scale, decay = a->base.decay, epsilon = a->base.epsilon;
    const float beta1 = a->beta1, rest1 = 1.0F - beta1, beta2 = a->base.keep, rest2 = a->base.add;
    const float step = a->step, root_bias = a->root_bias;
    for (int i = 0; i < a->base.n; i++) {
        const float g = gradient[i] * scale + decay * weights[i];
        const float m = beta1 * first[i] + rest1 * g;
        const float v = beta2 * second[i] + rest2 * (g * g);
        first[i] = m;
        second[i] = v;
        weights[i] -= step * (m / (sqrtf(v) * root_bias + epsilon));
    }
}

static void run_adam(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const double t = (double)args->dynamic.step;
    CHECK(t >= 1.0);
    const double bias1 = 1.0 - pow((double)op->beta1, t), bias2 = 1.0 - pow((double)op->beta2, t);
    const struct adam a = {.base = optimizer_make(kernel, args),
                           .beta1 = op->beta1,
                           .step = (float)((double)args->dynamic.rate / bias1),
                           .root_bias = (float)(1.0 / sqrt(bias2))};
    adam(&a, args->in[0], args->out[0], args->out[1], args->out[2]);
}

const struct kernel_ops cpu_sgd_kernel = {
    .open = cpu_kernel_open,
    .run = run_sgd,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_rmsprop_kernel = {
    .open = cpu_kernel_open,
    .run = run_rmsprop,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_adam_kernel = {
    .open = cpu_kernel_open,
    .run = run_adam,
    .close = cpu_kernel_close,
};
