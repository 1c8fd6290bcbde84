// The norm of a gradient, and optimiser steps with PyTorch's formulas, one thread for each weight:
// the gradient is first multiplied by the scale, then weight decay is added to it. Momentum buffers
// are neither read nor written when op.momentum is 0; nothing is when the scale is NaN.
#include "compute/cuda/cuda_element.h"

// Sum over the block, in thread 0. Shared memory: one f64 for each warp.
DEVICE double block_sum(double value)
{
    double *sums = (double *)(void *)shared_memory();
    value = warp_sum_f64(value);
    if (lane_id() == 0) {
        sums[warp_id()] = value;
    }
    block_sync();
    for (int warp = 1; thread_id() == 0 && warp < thread_count() / WARP; warp++) {
        value += sums[warp];
    }
    return value;
}

// Leaves each block's sum in scratch [splits].
BLOCK_KERNEL(sum_squares, struct cuda_call, 256)
{
    const float *x = in_f32(a, 0);
    const int64_t step = (int64_t)grid_x() * thread_count();
    double sum = 0.0;
    for (int64_t i = global_id(); i < a->count; i += step) {
        sum += (double)x[i] * (double)x[i];
    }
    sum = block_sum(sum);
    if (thread_id() == 0) {
        ((double *)a->args.scratch)[block_x()] = sum;
    }
}

// One block.
BLOCK_KERNEL(sum_squares_end, struct cuda_call, 256)
{
    const double *sums = (const double *)a->args.scratch;
    double sum = 0.0;
    for (int i = thread_id(); i < a->splits; i += thread_count()) {
        sum += sums[i];
    }
    sum = block_sum(sum);
    if (thread_id() == 0) {
        ((double *)a->args.out[0])[0] = sum;
        ((double *)a->args.out[0])[1] = 0.0;
    }
}

PLAIN_KERNEL(clip, struct cuda_call, 32)
{
    if (thread_id() == 0) {
        const double norm = sqrt(((const double *)a->args.in[0])[0]), most = (double)a->op.clip;
        const float scale = most > 0.0 && norm > most ? (float)(most / norm) : 1.0F;
        ((double *)a->args.out[0])[0] = norm;
        out_f32(a, 1)[0] = norm - norm == 0.0 ? scale : NAN;
    }
}

// The weight of this thread, -1: it has nothing to do.
DEVICE int weight_of_thread(const struct cuda_call *a)
{
    const float *scale = in_f32(a, 1);
    return scale != NULL && *scale != *scale ? -1 : element_of_thread(a);
}

DEVICE float decayed_gradient(const struct cuda_call *a, int i)
{
    const float *scale = in_f32(a, 1);
    const float gradient = in_f32(a, 0)[i] * (scale != NULL ? *scale : 1.0F);
    return gradient + a->op.decay * out_f32(a, 0)[i];
}

DEVICE void step_weight(const struct cuda_call *a, int i, float step)
{
    out_f32(a, 0)[i] -= a->args.run->rate * step;
}

PLAIN_KERNEL(sgd, struct cuda_call, 256)
{
    const int i = weight_of_thread(a);
    if (i >= 0) {
        float step = decayed_gradient(a, i);
        if (a->op.momentum > 0.0F) {
            float *velocity = out_f32(a, 1);
            const float moved = a->op.momentum * velocity[i] + step;
            velocity[i] = moved;
            step = a->op.nesterov > 0.0F ? step + a->op.momentum * moved : moved;
        }
        step_weight(a, i, step);
    }
}

PLAIN_KERNEL(rmsprop, struct cuda_call, 256)
{
    const int i = weight_of_thread(a);
    if (i >= 0) {
        const float g = decayed_gradient(a, i);
        float *squares = out_f32(a, 1);
        const float square = a->op.alpha * squares[i] + (1.0F - a->op.alpha) * g * g;
        squares[i] = square;
        float step = g / (sqrtf(square) + a->op.epsilon);
        if (a->op.momentum > 0.0F) {
            float *velocity = out_f32(a, 2);
            step += a->op.momentum * velocity[i];
            velocity[i] = step;
        }
        step_weight(a, i, step);
    }
}

// 1 - beta^step.
DEVICE float bias_of(float beta, int64_t step)
{
    double power = 1.0, square = (double)beta;
    for (; step > 0; step /= 2, square *= square) {
        power *= step % 2 != 0 ? square : 1.0;
    }
    return (float)(1.0 - power);
}

PLAIN_KERNEL(adam, struct cuda_call, 256)
{
    const int i = weight_of_thread(a);
    if (i >= 0) {
        const float g = decayed_gradient(a, i), beta1 = a->op.beta1, beta2 = a->op.beta2;
        const float bias1 = bias_of(beta1, a->args.run->step);
        const float bias2 = bias_of(beta2, a->args.run->step);
        float *first = out_f32(a, 1), *second = out_f32(a, 2);
        const float m = beta1 * first[i] + (1.0F - beta1) * g;
        const float v = beta2 * second[i] + (1.0F - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        step_weight(a, i, m / bias1 / (sqrtf(v / bias2) + a->op.epsilon));
    }
}
