// What handles each element by itself, one thread each, and the range of each image.
#include "compute/cuda/cuda_element.h"

#define PHILOX_FUNCTION DEVICE
#include "core/philox.h"
#include "core/rng.h"

// A real number as it is, or times the factor, which lies in slot `factor`, rounded.
DEVICE void store_scaled(const struct cuda_call *a, int factor, int i, float value)
{
    const enum dtype type = a->op.out_type;
    store_real(a->args.out[0], i, type, type == DTYPE_F32 ? value : value * in_f32(a, factor)[0]);
}

PLAIN_KERNEL(normalize, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        const int c = i % a->op.in_c;
        const float x = load_real(a->args.in[0], i, DTYPE_U8);
        store_real(a->args.out[0], i, a->op.out_type, x * in_f32(a, 1)[c] + in_f32(a, 2)[c]);
    }
}

PLAIN_KERNEL(quantize, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        store_scaled(a, 1, i, in_f32(a, 0)[i]);
    }
}

// n elements from i on, as they are or rounded.
DEVICE void store_each(const struct cuda_call *a, const int n, int factor, int i,
                       const float *values)
{
    if (a->op.out_type == DTYPE_F32) {
        store_floats(out_f32(a, 0) + i, n, values);
        return;
    }
    UNROLL
    for (int k = 0; k < n; k++) {
        store_scaled(a, factor, i + k, values[k]);
    }
}

DEVICE void scale_shift_at(const struct cuda_call *a, const int n, int i)
{
    const int c = i % a->op.in_c;
    const float *residual = in_f32(a, 3);
    float values[4], scale[4], shift[4], others[4] = {0.0F, 0.0F, 0.0F, 0.0F};
    load_floats(values, n, in_f32(a, 0) + i);
    if (residual != NULL) {
        load_floats(others, n, residual + i);
    }
    load_floats(scale, n, in_f32(a, 1) + c);
    load_floats(shift, n, in_f32(a, 2) + c);
    UNROLL
    for (int k = 0; k < n; k++) {
        values[k] = act_value(a->op.act, values[k] * scale[k] + shift[k] + others[k]);
    }
    store_each(a, n, 4, i, values);
}

PLAIN_KERNEL(scale_shift, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0 && a->vector) {
        scale_shift_at(a, 4, 4 * i);
    } else if (i >= 0) {
        scale_shift_at(a, 1, i);
    }
}

DEVICE void add_at(const struct cuda_call *a, const int n, int i)
{
    float values[4], others[4] = {0.0F, 0.0F, 0.0F, 0.0F};
    load_floats(values, n, in_f32(a, 0) + i);
    if (in_f32(a, 1) != NULL) {
        load_floats(others, n, in_f32(a, 1) + i);
    }
    UNROLL
    for (int k = 0; k < n; k++) {
        values[k] = act_value(a->op.act, values[k] + others[k]);
    }
    store_each(a, n, 2, i, values);
}

PLAIN_KERNEL(add, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0 && a->vector) {
        add_at(a, 4, 4 * i);
    } else if (i >= 0) {
        add_at(a, 1, i);
    }
}

PLAIN_KERNEL(multiply, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        const int channels = a->op.in_c, image = a->op.in_h * a->op.in_w * channels;
        const int at = a->op.broadcast ? i / image * channels + i % channels : i;
        store_scaled(a, 2, i, act_value(a->op.act, in_f32(a, 0)[i] * in_f32(a, 1)[at]));
    }
}

DEVICE void act_backward_at(const struct cuda_call *a, const int n, int i)
{
    float gradients[4];
    struct gradient_run run;
    load_gradient_run(a, n, i, &run);
    UNROLL
    for (int k = 0; k < n; k++) {
        gradients[k] = gradient_of(a, &run, k);
    }
    store_floats(out_f32(a, 0) + i, n, gradients);
}

PLAIN_KERNEL(act_backward, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0 && a->vector) {
        act_backward_at(a, 4, 4 * i);
    } else if (i >= 0) {
        act_backward_at(a, 1, i);
    }
}

// The word that rng_at(seed + stream, RNG_DROPOUT, step, element) gives.
DEVICE uint32_t dropout_word(const struct op_args *args, uint64_t element)
{
    const uint64_t index = (uint64_t)args->run->step;
    uint32_t key[2], block[4];
    philox_key(args->run->seed + args->dynamic.stream, (uint32_t)RNG_DROPOUT, key);
    const uint32_t counter[4] = {(uint32_t)(element / 4), 0, (uint32_t)index,
                                 (uint32_t)(index >> 32)};
    philox(counter, key, block);
    const uint32_t low = element % 2 == 0 ? block[0] : block[1];
    const uint32_t high = element % 2 == 0 ? block[2] : block[3];
    return element % 4 < 2 ? low : high;
}

PLAIN_KERNEL(dropout, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        const uint32_t word = dropout_word(&a->args, (uint64_t)a->args.dynamic.first + (uint64_t)i);
        const float uniform = (float)(word >> 8) * 0x1p-24F; // [0, 1)
        out_f32(a, 0)[i] = uniform >= a->op.rate ? in_f32(a, 0)[i] / (1.0F - a->op.rate) : 0.0F;
    }
}

DEVICE float lesser(float a, float b)
{
    return a < b || a != a ? a : b;
}

DEVICE float greater(float a, float b)
{
    return a > b || a != a ? a : b;
}

// One block for each image. in: the numbers; out: least and greatest, NaN where there is one.
DEVICE void find_range(const float *x, int count, float *partial)
{
    float *least = (float *)(void *)shared_memory(), *greatest = least + WARP;
    float low = x[0], high = x[0];
    for (int i = thread_id(); i < count; i += thread_count()) {
        low = lesser(x[i], low);
        high = greater(x[i], high);
    }
    for (int mask = WARP / 2; mask > 0; mask /= 2) {
        low = lesser(warp_xor_f32(low, mask), low);
        high = greater(warp_xor_f32(high, mask), high);
    }
    if (lane_id() == 0) {
        least[warp_id()] = low;
        greatest[warp_id()] = high;
    }
    block_sync();
    if (thread_id() == 0) {
        for (int i = 1; i < thread_count() / WARP; i++) {
            low = lesser(least[i], low);
            high = greater(greatest[i], high);
        }
        partial[0] = low;
        partial[1] = high;
    }
}

// count: elements of an image.
BLOCK_KERNEL(range, struct cuda_call, 1024)
{
    const int64_t first = (int64_t)block_x() * a->count;
    find_range(in_f32(a, 0) + first, a->count, out_f32(a, 0) + 2 * block_x());
}

// The same of what SCALE_SHIFT wrote.
BLOCK_KERNEL(scale_shift_range, struct cuda_call, 1024)
{
    const int64_t first = (int64_t)block_x() * a->count;
    find_range(out_f32(a, 0) + first, a->count, out_f32(a, 1) + 2 * block_x());
}
