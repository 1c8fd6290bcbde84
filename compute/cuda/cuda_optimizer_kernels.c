// Optimiser steps with PyTorch's formulas, one thread for each weight. The gradient is first
// multiplied by dynamic.scale, then weight decay is added to it. Momentum buffers are neither read
// nor written when op.momentum is 0.
#include "compute/cuda/cuda_element.h"

DEVICE float decayed_gradient(const struct cuda_call *a, int i)
{
    return in_f32(a, 0)[i] * a->args.dynamic.scale + a->op.decay * out_f32(a, 0)[i];
}

DEVICE void step_weight(const struct cuda_call *a, int i, float step)
{
    out_f32(a, 0)[i] -= a->args.dynamic.rate * step;
}

PLAIN_KERNEL(sgd, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
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
    const int i = element_of_thread(a);
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

PLAIN_KERNEL(adam, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        const float g = decayed_gradient(a, i), beta1 = a->op.beta1, beta2 = a->op.beta2;
        float *first = out_f32(a, 1), *second = out_f32(a, 2);
        const float m = beta1 * first[i] + (1.0F - beta1) * g;
        const float v = beta2 * second[i] + (1.0F - beta2) * g * g;
        const float bias1 = (float)a->extra[0], bias2 = (float)a->extra[1];
        first[i] = m;
        second[i] = v;
        step_weight(a, i, m / bias1 / (sqrtf(v / bias2) + a->op.epsilon));
    }
}
