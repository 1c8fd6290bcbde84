// What the kernels of candidates share: where values lie, how they are read and written, and
// activations.
#pragma once
#include "compute/cuda/candidate_args.h"
#include "compute/cuda/cuda_thread.h"

struct candidate_pair { // of neighbouring channels
    float low, high;
};

DEVICE int candidate_padded(int width)
{
    return (width + CANDIDATE_PAD - 1) / CANDIDATE_PAD * CANDIDATE_PAD;
}

DEVICE int candidate_width(const struct candidate_lists *lists, int candidate, int axis)
{
    return lists->widths[(int64_t)candidate * lists->n_axes + axis];
}

DEVICE const int *candidate_channels(const struct candidate_lists *lists, int candidate,
                                     const struct candidate_list *list)
{
    return lists->channels + (int64_t)candidate * lists->n_channels + list->first;
}

DEVICE unsigned char *candidate_values(const struct candidate_tensor *tensor, int candidate)
{
    return tensor->data + (size_t)candidate * tensor->stride;
}

// Values number 2 * pair and the next.
DEVICE struct candidate_pair candidate_load(const unsigned char *values, int64_t pair, bool bf16)
{
    struct candidate_pair value;
    if (bf16) {
        const uint32_t bits = ((const uint32_t *)values)[pair];
        value.low = bf16_low(bits);
        value.high = bf16_high(bits);
    } else {
        value.low = ((const float *)values)[2 * pair];
        value.high = ((const float *)values)[2 * pair + 1];
    }
    return value;
}

DEVICE void candidate_store(unsigned char *values, int64_t pair, struct candidate_pair value,
                            bool bf16)
{
    if (bf16) {
        ((uint32_t *)values)[pair] = bf16_pack(value.low, value.high);
    } else {
        ((float *)values)[2 * pair] = value.low;
        ((float *)values)[2 * pair + 1] = value.high;
    }
}

DEVICE float candidate_clamp(float x, float low, float high)
{
    const float floored = x < low ? low : x;
    return floored > high ? high : floored;
}

// NaN stays NaN.
DEVICE float candidate_activate(const struct activation *act, float x)
{
    switch (act->kind) {
    case ACT_RELU:
        return x < 0.0F ? 0.0F : x;
    case ACT_CLIP:
        return candidate_clamp(x, act->a, act->b);
    case ACT_LEAKY:
        return x < 0.0F ? act->a * x : x;
    case ACT_SIGMOID:
        return 1.0F / (1.0F + expf(-x));
    case ACT_HARD_SIGMOID:
        return candidate_clamp(act->a * x + act->b, 0.0F, 1.0F);
    case ACT_HARD_SWISH:
        return x < -3.0F ? 0.0F : x * (candidate_clamp(x + 3.0F, 0.0F, 6.0F) / 6.0F);
    case ACT_SILU:
        return x < -88.0F ? 0.0F : x / (1.0F + expf(-x));
    case ACT_NONE:
    case ACT_KIND_COUNT:
        break;
    }
    return x;
}

// What is behind the width stays zero, whatever the activation makes of zero.
DEVICE struct candidate_pair candidate_finish_pair(const struct activation *act,
                                                   struct candidate_pair value, int channel,
                                                   int width)
{
    value.low = channel < width ? candidate_activate(act, value.low) : 0.0F;
    value.high = channel + 1 < width ? candidate_activate(act, value.high) : 0.0F;
    return value;
}

// y = scale x + shift of two channels, the first being `channel`; beyond the width as it comes.
DEVICE struct candidate_pair candidate_scale(const struct candidate_affine *affine, int candidate,
                                             int segment, int channel, int width,
                                             struct candidate_pair value)
{
    if (affine->scale == NULL) {
        return value;
    }
    const size_t at = (size_t)candidate * affine->stride +
                      (size_t)segment * (size_t)affine->segment_stride + (size_t)channel;
    if (channel < width) {
        value.low = value.low * affine->scale[at] + affine->shift[at];
    }
    if (channel + 1 < width) {
        value.high = value.high * affine->scale[at + 1] + affine->shift[at + 1];
    }
    return value;
}

DEVICE struct candidate_pair candidate_add_pair(struct candidate_pair a, struct candidate_pair b)
{
    a.low += b.low;
    a.high += b.high;
    return a;
}

// Chunks of the inner dimension of a convolution, for one slab of so many chunks of a pixel: even,
// since a step of the matrix instruction takes two.
DEVICE int candidate_inner(int taps, int chunks)
{
    return (taps * chunks + 1) / 2 * 2;
}
