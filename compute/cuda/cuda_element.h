// What kernels do with single elements: where they lie, their types, activations. Only for files of
// kernels. Elements are numbered by int: cuda_kernel_open refuses what has more.
#pragma once
#include "compute/cuda/cuda_thread.h"
// This one first: it makes C headers fit for nvcc.
#include "compute/cuda/cuda_call.h"

DEVICE const float *in_f32(const struct cuda_call *a, int slot)
{
    return (const float *)a->args.in[slot];
}

DEVICE float *out_f32(const struct cuda_call *a, int slot)
{
    return (float *)a->args.out[slot];
}

// The number of this thread among a->count, which a launch along x covers; -1: it has no work.
DEVICE int element_of_thread(const struct cuda_call *a)
{
    const int64_t i = global_id();
    return i < a->count ? (int)i : -1;
}

// A pixel: image, row, column; and a channel.
struct element_place {
    int n, h, w, c;
};

DEVICE struct element_place place_in(int i, int height, int width, int channels)
{
    struct element_place place;
    const int pixel = i / channels, row = pixel / width;
    place.c = i - pixel * channels;
    place.w = pixel - row * width;
    place.n = row / height;
    place.h = row - place.n * height;
    return place;
}

DEVICE int in_at(const struct op *op, int n, int h, int w, int c)
{
    return ((n * op->in_h + h) * op->in_w + w) * op->in_c + c;
}

DEVICE int out_at(const struct op *op, int n, int h, int w, int c)
{
    return ((n * op->out_h + h) * op->out_w + w) * op->out_c + c;
}

// Input row or column (axis 0, 1) under tap k of output o; -1 in the padding.
DEVICE int tap_input(const struct op *op, int axis, int o, int k)
{
    const int i = o * op->stride[axis] - op->pad[axis] + k * op->dilation[axis];
    return i >= 0 && i < (axis == 0 ? op->in_h : op->in_w) ? i : -1;
}

// Output row or column whose tap k lies on input i; -1: none.
DEVICE int tap_output(const struct op *op, int axis, int i, int k)
{
    const int start = i + op->pad[axis] - k * op->dilation[axis], stride = op->stride[axis];
    const int o = start / stride;
    return start >= 0 && o * stride == start && o < (axis == 0 ? op->out_h : op->out_w) ? o : -1;
}

DEVICE float load_real(const void *tensor, int i, enum dtype type)
{
    if (type == DTYPE_U8) {
        return (float)((const uint8_t *)tensor)[i];
    }
    return type == DTYPE_S8 ? (float)((const int8_t *)tensor)[i] : ((const float *)tensor)[i];
}

// Integers are rounded to nearest even and clamped; NaN becomes 0.
DEVICE void store_real(void *tensor, int i, enum dtype type, float value)
{
    if (type == DTYPE_F32) {
        ((float *)tensor)[i] = value;
        return;
    }
    const float least = type == DTYPE_U8 ? 0.0F : -128.0F;
    const float most = type == DTYPE_U8 ? 255.0F : 127.0F;
    const float whole = value != value ? 0.0F : fminf(fmaxf(rintf(value), least), most);
    if (type == DTYPE_U8) {
        ((uint8_t *)tensor)[i] = (uint8_t)whole;
    } else {
        ((int8_t *)tensor)[i] = (int8_t)whole;
    }
}

// Comparisons are written so that NaN comes out as NaN.
DEVICE float clamp(float x, float low, float high)
{
    const float floored = x < low ? low : x;
    return floored > high ? high : floored;
}

DEVICE float sigmoid(float x)
{
    return 1.0F / (1.0F + expf(-x));
}

DEVICE float act_value(struct activation act, float x)
{
    switch (act.kind) {
    case ACT_RELU:
        return x < 0.0F ? 0.0F : x;
    case ACT_CLIP:
        return clamp(x, act.a, act.b);
    case ACT_LEAKY:
        return x < 0.0F ? act.a * x : x;
    case ACT_SIGMOID:
        return sigmoid(x);
    case ACT_HARD_SIGMOID:
        return clamp(act.a * x + act.b, 0.0F, 1.0F);
    case ACT_HARD_SWISH:
        return x <= -3.0F ? 0.0F : x * clamp(x + 3.0F, 0.0F, 6.0F) / 6.0F;
    case ACT_SILU:
        return x < -100.0F ? 0.0F : x * sigmoid(x); // -infinity * 0 has no value
    default:
        return x;
    }
}

// By y, or by x where the activation's slope follows from that.
DEVICE float act_slope(struct activation act, float from)
{
    if (from != from) {
        return from;
    }
    switch (act.kind) {
    case ACT_RELU:
        return from <= 0.0F ? 0.0F : 1.0F;
    case ACT_CLIP:
        return from <= act.a || from >= act.b ? 0.0F : 1.0F;
    case ACT_LEAKY:
        return from <= 0.0F ? act.a : 1.0F;
    case ACT_SIGMOID:
        return from * (1.0F - from);
    case ACT_HARD_SIGMOID:
        return from <= 0.0F || from >= 1.0F ? 0.0F : act.a;
    case ACT_HARD_SWISH:
        return from <= -3.0F ? 0.0F : from >= 3.0F ? 1.0F : from / 3.0F + 0.5F;
    case ACT_SILU: {
        const float s = sigmoid(from);
        return from - from != 0.0F ? s : s * (1.0F + from * (1.0F - s)); // infinity: s
    }
    default:
        return 1.0F;
    }
}

// n floats, 1 or 4; four are aligned to 16 bytes.
DEVICE void load_floats(float *values, const int n, const float *from)
{
    if (n == 1) {
        values[0] = *from;
        return;
    }
    const struct f32x4 run = load_f32x4(from);
    values[0] = run.x;
    values[1] = run.y;
    values[2] = run.z;
    values[3] = run.w;
}

DEVICE void store_floats(float *to, const int n, const float *values)
{
    if (n == 1) {
        *to = values[0];
        return;
    }
    const struct f32x4 run = {values[0], values[1], values[2], values[3]};
    store_f32x4(to, run);
}

// What a gradient before an activation follows from, of up to four elements.
struct gradient_run {
    float dy[4], dy2[4], y[4];
};

// n elements from i on of in[0], in[1] and in[2], of which the last two may be NULL.
DEVICE void load_gradient_run(const struct cuda_call *a, const int n, int i,
                              struct gradient_run *run)
{
    const float *dy2 = in_f32(a, 1), *y = in_f32(a, 2);
    UNROLL
    for (int k = 0; k < 4; k++) {
        run->dy2[k] = 0.0F;
        run->y[k] = 0.0F;
    }
    load_floats(run->dy, n, in_f32(a, 0) + i);
    if (dy2 != NULL) {
        load_floats(run->dy2, n, dy2 + i);
    }
    if (y != NULL) {
        load_floats(run->y, n, y + i);
    }
}

// (dy + dy2) * slope: 0 where the slope is 0, NaN where y is.
DEVICE float gradient_of(const struct cuda_call *a, const struct gradient_run *run, int k)
{
    const float slope = a->args.in[2] != NULL ? act_slope(a->op.act, run->y[k]) : 1.0F;
    return slope == 0.0F || slope != slope ? slope : (run->dy[k] + run->dy2[k]) * slope;
}
