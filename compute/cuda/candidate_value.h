// What the kernels of candidates share: where values lie, how they are read and written, and
// activations.
#pragma once
#include "compute/cuda/cuda_thread.h"
// Behind it, which tells C++ what _Noreturn is.
#include "compute/cuda/candidate_args.h"

#ifdef __CUDACC__
#define CALLED static __device__ __noinline__
#else
#define CALLED static inline
#endif

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

// Whose values are looked at, and from where.
struct candidate_where {
    const struct candidate_lists *lists;
    int candidate;
    bool bf16;
    unsigned char *shared; // the block's shared memory, of kernels that keep values there
};

// One candidate's values. A pixel is so many chunks of 16 bytes; in shared memory they change
// places from pixel to pixel, so that the same chunk of 8 neighbouring pixels lies in different
// banks.
struct candidate_view {
    unsigned char *data;
    int width, chunks; // of a pixel
    int shift, mask;   // of the change of places
    int h, w;
    bool bf16;
};

DEVICE void candidate_swizzle(int chunks, int *shift, int *mask)
{
    const int power = chunks & -chunks; // the greatest that divides
    *mask = (power > 8 ? 8 : power) - 1;
    *shift = power == 2 ? 2 : power == 4 ? 1 : 0;
}

// But for where it lies.
DEVICE struct candidate_view candidate_unplaced_view(const struct candidate_where *where,
                                                     const struct candidate_tensor *tensor)
{
    struct candidate_view view;
    view.data = NULL;
    view.width = candidate_width(where->lists, where->candidate, tensor->axis);
    view.chunks = candidate_padded(view.width) * (where->bf16 ? 2 : 4) / CANDIDATE_CHUNK;
    view.h = tensor->h;
    view.w = tensor->w;
    view.bf16 = where->bf16;
    view.shift = view.mask = 0;
    return view;
}

// Of a tensor that is known to be in shared memory, which the compiler then sees.
DEVICE struct candidate_view candidate_shared_view(const struct candidate_where *where,
                                                   const struct candidate_tensor *tensor)
{
    struct candidate_view view = candidate_unplaced_view(where, tensor);
    view.data = shared_memory() + tensor->stride;
    candidate_swizzle(view.chunks, &view.shift, &view.mask);
    return view;
}

DEVICE struct candidate_view candidate_view_of(const struct candidate_where *where,
                                               const struct candidate_tensor *tensor)
{
    struct candidate_view view = candidate_unplaced_view(where, tensor);
    if (tensor->shared) {
        view.data = where->shared + tensor->stride;
        candidate_swizzle(view.chunks, &view.shift, &view.mask);
    } else {
        view.data = tensor->data + (size_t)where->candidate * tensor->stride;
    }
    return view;
}

DEVICE unsigned char *candidate_chunk(const struct candidate_view *view, int64_t pixel, int chunk)
{
    // A candidate has fewer than 2^32 chunks: half of a place each, of which there are 2^31.
    const uint32_t number = (uint32_t)pixel;
    const uint32_t place = (uint32_t)chunk ^ (number >> view->shift & (uint32_t)view->mask);
    return view->data + (size_t)(number * (uint32_t)view->chunks + place) * CANDIDATE_CHUNK;
}

// Channels `channel`, which is even, and the next.
DEVICE struct candidate_pair candidate_load(const struct candidate_view *view, int64_t pixel,
                                            int channel)
{
    struct candidate_pair value;
    if (view->bf16) {
        const uint32_t *chunk = (const uint32_t *)candidate_chunk(view, pixel, channel / 8);
        const uint32_t bits = chunk[channel % 8 / 2];
        value.low = bf16_low(bits);
        value.high = bf16_high(bits);
    } else {
        const float *chunk = (const float *)candidate_chunk(view, pixel, channel / 4);
        value.low = chunk[channel % 4];
        value.high = chunk[channel % 4 + 1];
    }
    return value;
}

DEVICE void candidate_store(const struct candidate_view *view, int64_t pixel, int channel,
                            struct candidate_pair value)
{
    if (view->bf16) {
        uint32_t *chunk = (uint32_t *)candidate_chunk(view, pixel, channel / 8);
        chunk[channel % 8 / 2] = bf16_pack(value.low, value.high);
    } else {
        float *chunk = (float *)candidate_chunk(view, pixel, channel / 4);
        chunk[channel % 4] = value.low;
        chunk[channel % 4 + 1] = value.high;
    }
}

DEVICE float candidate_clamp(float x, float low, float high)
{
    const float floored = x < low ? low : x;
    return floored > high ? high : floored;
}

// All but the most frequent ones: called, since it would be repeated for every number of a tile.
CALLED float candidate_activate_other(enum activation_kind kind, float a, float b, float x)
{
    switch (kind) {
    case ACT_CLIP:
        return candidate_clamp(x, a, b);
    case ACT_LEAKY:
        return x < 0.0F ? a * x : x;
    case ACT_SIGMOID:
        return 1.0F / (1.0F + expf(-x));
    case ACT_HARD_SIGMOID:
        return candidate_clamp(a * x + b, 0.0F, 1.0F);
    case ACT_HARD_SWISH:
        return x < -3.0F ? 0.0F : x * (candidate_clamp(x + 3.0F, 0.0F, 6.0F) / 6.0F);
    case ACT_SILU:
        return x < -88.0F ? 0.0F : x / (1.0F + expf(-x));
    case ACT_NONE:
    case ACT_RELU:
    case ACT_KIND_COUNT:
        break;
    }
    return x;
}

// NaN stays NaN.
DEVICE float candidate_activate(const struct activation *act, float x)
{
    if (act->kind == ACT_RELU) {
        return x < 0.0F ? 0.0F : x;
    }
    return act->kind == ACT_NONE ? x : candidate_activate_other(act->kind, act->a, act->b, x);
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
