// Softmax over the channels of each pixel, and its gradient, in blocks of channels.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"
#include "compute/cpu/cpu_vector.h"

// The first `count` values of a block, `rest` after them.
CPU_INLINE void load_padded(const float *x, int count, float rest, float *v)
{
    if (count == CPU_BLOCK) {
        memcpy(v, x, CPU_BLOCK * sizeof *v);
        return;
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = rest;
    }
    memcpy(v, x, (size_t)count * sizeof *v);
}

CPU_INLINE float greatest_of(int c, const float *x)
{
    float most[CPU_BLOCK], greatest = -INFINITY;
    for (int j = 0; j < CPU_BLOCK; j++) {
        most[j] = -INFINITY;
    }
    for (int i = 0; i < c; i += CPU_BLOCK) {
        float v[CPU_BLOCK];
        load_padded(x + i, cpu_block_count(c, i), -INFINITY, v);
        for (int j = 0; j < CPU_BLOCK; j++) {
            most[j] = v[j] > most[j] ? v[j] : most[j];
        }
    }
    for (int j = 0; j < cpu_block_count(c, 0); j++) {
        greatest = most[j] > greatest ? most[j] : greatest;
    }
    return greatest;
}

// v = exp(v - greatest). What is below exp(-87) counts as that; NaN stays.
CPU_INLINE void exp_block(float greatest, float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] -= greatest;
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = v[j] < -87.0F ? -87.0F : v[j];
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        float scale, small;
        cpu_exp_parts(v[j], &scale, &small);
        v[j] = scale + scale * small;
    }
}

// Of the lanes that c channels use.
CPU_INLINE float sum_of(int c, const float *lanes)
{
    double sum = 0.0;
    for (int j = 0; j < cpu_block_count(c, 0); j++) {
        sum += (double)lanes[j];
    }
    return (float)sum;
}

CPU_CLONES static void softmax_pixels(size_t pixels, int c, const float *x, float *y)
{
    for (size_t pixel = 0; pixel < pixels; pixel++, x += c, y += c) {
        const float greatest = greatest_of(c, x);
        float sum[CPU_BLOCK] = {0};
        for (int i = 0; i < c; i += CPU_BLOCK) {
            const int count = cpu_block_count(c, i);
            float v[CPU_BLOCK], part[CPU_BLOCK];
            load_padded(x + i, count, greatest, v);
            exp_block(greatest, v);
            cpu_block_load(v, count, part);
            for (int j = 0; j < CPU_BLOCK; j++) {
                sum[j] += part[j];
            }
            cpu_block_store_part(v, count, y + i);
        }
        const float by = 1.0F / sum_of(c, sum);
        for (int i = 0; i < c; i++) {
            y[i] *= by;
        }
    }
}

static void run_softmax(struct kernel *kernel, const struct op_args *args)
{
    softmax_pixels(cpu_op_pixels(&kernel->op), kernel->op.in_c, args->in[0], args->out[0]);
}

// dx = y * (dy - sum of dy * y).
CPU_CLONES static void softmax_gradients(size_t pixels, int c, const float *dy, const float *y,
                                         float *dx)
{
    for (size_t pixel = 0; pixel < pixels; pixel++, dy += c, y += c, dx += c) {
        float sum[CPU_BLOCK] = {0};
        for (int i = 0; i < c; i += CPU_BLOCK) {
            const int count = cpu_block_count(c, i);
            float v[CPU_BLOCK], w[CPU_BLOCK];
            cpu_block_load(dy + i, count, v);
            cpu_block_load(y + i, count, w);
            for (int j = 0; j < CPU_BLOCK; j++) {
                sum[j] += v[j] * w[j];
            }
        }
        const float total = sum_of(c, sum);
        for (int i = 0; i < c; i++) {
            dx[i] = y[i] * (dy[i] - total);
        }
    }
}

static void run_softmax_backward(struct kernel *kernel, const struct op_args *args)
{
    softmax_gradients(cpu_op_pixels(&kernel->op), kernel->op.in_c, args->in[0], args->in[1],
                      args->out[0]);
}

const struct kernel_ops cpu_softmax_kernel = {
    .open = cpu_kernel_open,
    .run = run_softmax,
    .close = cpu_kernel_close,
};

const struct kernel_ops cpu_softmax_backward_kernel = {
    .open = cpu_kernel_open,
    .run = run_softmax_backward,
    .close = cpu_kernel_close,
};
