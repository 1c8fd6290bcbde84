// The norm of a gradient, and optimiser steps with PyTorch's formulas: the gradient is first
// multiplied by the scale, then weight decay is added to it (L2). Momentum buffers are neither read
// nor written when op.momentum is 0; nothing is when the scale is NaN.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_vector.h"

#include <math.h>

// ---- the norm
enum { SQUARES = 32 }; // sums side by side

CPU_CLONES static double sum_squares(size_t n, const float *x)
{
    double sums[SQUARES] = {0.0};
    size_t i = 0;
    for (; i + SQUARES <= n; i += SQUARES) {
        for (int j = 0; j < SQUARES; j++) {
            sums[j] += (double)x[i + (size_t)j] * (double)x[i + (size_t)j];
        }
    }
    for (int j = 0; i + (size_t)j < n; j++) {
        sums[j] += (double)x[i + (size_t)j] * (double)x[i + (size_t)j];
    }
    for (int half = SQUARES / 2; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            sums[j] += sums[j + half];
        }
    }
    return sums[0];
}

static void run_sum_squares(struct kernel *kernel, const struct op_args *args)
{
    double *partial = args->out[0];
    partial[0] = sum_squares(cpu_op_count(&kernel->op), args->in[0]);
    partial[1] = 0.0;
}

static void run_clip(struct kernel *kernel, const struct op_args *args)
{
    const double *sum = args->in[0];
    const double norm = sqrt(sum[0]), most = (double)kernel->op.clip;
    const float scale = most > 0.0 && norm > most ? (float)(most / norm) : 1.0F;
    *(double *)args->out[0] = norm;
    *(float *)args->out[1] = isfinite(norm) ? scale : NAN;
}

// ---- the steps
// Coefficients of one call.
struct optimizer {
    size_t n;
    float rate, scale, decay, momentum;
    float keep, add; // of the mean of squares: keep * old + add * g^2
    float epsilon;
};

static struct optimizer optimizer_make(const struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *scale = args->in[1];
    return (struct optimizer){.n = cpu_op_count(op),
                              .rate = args->run->rate,
                              .scale = scale != NULL ? *scale : 1.0F,
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
    for (size_t i = 0; i < o->n; i++) {
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
    for (size_t i = 0; i < o->n; i++) {
        const float g = gradient[i] * scale + decay * weights[i];
        const float v = momentum * velocity[i] + g;
        velocity[i] = v;
        weights[i] -= rate * (of_g * g + of_v * v);
    }
}

static void run_sgd(struct kernel *kernel, const struct op_args *args)
{
    const struct optimizer o = optimizer_make(kernel, args);
    if (isnan(o.scale)) {
        return;
    }
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
    for (size_t i = 0; i < o->n; i++) {
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
    for (size_t i = 0; i < o->n; i++) {
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
    if (isnan(o.scale)) {
        return;
    }
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
    for (size_t i = 0; i < a->base.n; i++) {
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
    const double t = (double)args->run->step;
    CHECK(t >= 1.0);
    const double bias1 = 1.0 - pow((double)op->beta1, t), bias2 = 1.0 - pow((double)op->beta2, t);
    const struct adam a = {.base = optimizer_make(kernel, args),
                           .beta1 = op->beta1,
                           .step = (float)((double)args->run->rate / bias1),
                           .root_bias = (float)(1.0 / sqrt(bias2))};
    if (isnan(a.base.scale)) {
        return;
    }
    adam(&a, args->in[0], args->out[0], args->out[1], args->out[2]);
}

const struct kernel_ops cpu_sum_squares_kernel = {
    .open = cpu_kernel_open,
    .run = run_sum_squares,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_clip_kernel = {
    .open = cpu_kernel_open,
    .run = run_clip,
    .close = cpu_kernel_close,
};

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
