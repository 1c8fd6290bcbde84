// What is neither a convolution nor a reduction: every thread makes two neighbouring channels of
// one place of the output.
#include "compute/cuda/candidate_value.h"

// Which values a thread makes. False: none.
struct map_place {
    int candidate, width, channel, image, y, x;
    int64_t pair; // number of the pair in the output
};

DEVICE bool find_place(const struct candidate_lists *lists, const struct candidate_tensor *out,
                       int images, struct map_place *place)
{
    place->candidate = block_z();
    place->width = candidate_width(lists, place->candidate, out->axis);
    place->pair = global_id();
    const int pairs = candidate_padded(place->width) / 2;
    const int64_t pixel = place->pair / pairs;
    place->channel = (int)(place->pair % pairs) * 2;
    place->x = (int)(pixel % out->w);
    place->y = (int)(pixel / out->w % out->h);
    place->image = (int)(pixel / out->w / out->h);
    return place->image < images;
}

// The pair of the place's channels at another pixel, of a tensor of the same width.
DEVICE int64_t pair_at(const struct map_place *place, const struct candidate_tensor *tensor, int y,
                       int x)
{
    const int64_t pixel = ((int64_t)place->image * tensor->h + y) * tensor->w + x;
    return pixel * (candidate_padded(place->width) / 2) + place->channel / 2;
}

// Bytes are divided by 255 in scale already.
PLAIN_KERNEL(candidate_input, struct candidate_input_args, CANDIDATE_THREADS)
{
    const int pairs = candidate_padded(a->c) / 2;
    const int64_t i = global_id();
    if (i >= a->count * pairs) {
        return;
    }
    float values[2] = {0.0F, 0.0F};
    for (int k = 0; k < 2; k++) {
        const int channel = (int)(i % pairs) * 2 + k;
        if (channel < a->c) {
            const int64_t at = i / pairs * a->c + channel;
            const float raw = a->floats ? ((const float *)a->images)[at] : (float)a->images[at];
            values[k] = a->plain ? raw : raw * a->scale[channel] + a->shift[channel];
        }
    }
    struct candidate_pair value;
    value.low = values[0];
    value.high = values[1];
    candidate_store(a->out, i, value, a->bf16);
}

PLAIN_KERNEL(candidate_combine, struct candidate_combine_args, CANDIDATE_THREADS)
{
    struct map_place place;
    if (!find_place(&a->lists, &a->out, a->segments.images, &place)) {
        return;
    }
    struct candidate_pair value =
        candidate_load(candidate_values(&a->a, place.candidate), place.pair, a->bf16);
    value = candidate_scale(&a->affine, place.candidate, place.image / a->segments.each,
                            place.channel, place.width, value);
    if (a->how != COMBINE_ONE) {
        const int64_t at = a->vector ? pair_at(&place, &a->b, 0, 0) : place.pair;
        const struct candidate_pair other =
            candidate_load(candidate_values(&a->b, place.candidate), at, a->bf16);
        if (a->how == COMBINE_ADD) {
            value = candidate_add_pair(value, other);
        } else {
            value.low *= other.low;
            value.high *= other.high;
        }
    }
    candidate_store(candidate_values(&a->out, place.candidate), place.pair,
                    candidate_finish_pair(&a->act, value, place.channel, place.width), a->bf16);
}

PLAIN_KERNEL(candidate_depthwise, struct candidate_depthwise_args, CANDIDATE_THREADS)
{
    struct map_place place;
    if (!find_place(&a->lists, &a->out, a->segments.images, &place)) {
        return;
    }
    const unsigned char *in = candidate_values(&a->in, place.candidate);
    const float *weights =
        (const float *)(a->weights + (size_t)place.candidate * a->weights_stride);
    const int columns = candidate_padded(place.width);
    struct candidate_pair value;
    value.low = value.high = 0.0F;
    for (int k = 0; k < a->window.kernel[0]; k++) {
        const int y = place.y * a->window.stride[0] - a->window.pad[0] + k * a->window.dilation[0];
        for (int l = 0; l < a->window.kernel[1] && y >= 0 && y < a->in.h; l++) {
            const int x =
                place.x * a->window.stride[1] - a->window.pad[1] + l * a->window.dilation[1];
            if (x >= 0 && x < a->in.w) {
                const float *tap =
                    weights + (size_t)(k * a->window.kernel[1] + l) * (size_t)columns;
                const struct candidate_pair from =
                    candidate_load(in, pair_at(&place, &a->in, y, x), a->bf16);
                value.low += from.low * tap[place.channel];
                value.high += from.high * tap[place.channel + 1];
            }
        }
    }
    value = candidate_scale(&a->affine, place.candidate, place.image / a->segments.each,
                            place.channel, place.width, value);
    if (a->sum.data != NULL) {
        value = candidate_add_pair(
            value, candidate_load(candidate_values(&a->sum, place.candidate), place.pair, a->bf16));
    }
    candidate_store(candidate_values(&a->out, place.candidate), place.pair,
                    candidate_finish_pair(&a->act, value, place.channel, place.width), a->bf16);
}

// NaN wins over everything, the first value too.
DEVICE float greater(float best, float value, bool none)
{
    return none || value > best || value != value ? value : best;
}

// Padding never wins a maximum; it counts in a mean unless exclude_pad.
PLAIN_KERNEL(candidate_pool, struct candidate_pool_args, CANDIDATE_THREADS)
{
    struct map_place place;
    if (!find_place(&a->lists, &a->out, a->images, &place)) {
        return;
    }
    const unsigned char *in = candidate_values(&a->in, place.candidate);
    struct candidate_pair value;
    value.low = value.high = 0.0F;
    int inside = 0, framed = 0; // taps
    for (int k = 0; k < a->window.kernel[0]; k++) {
        const int y = place.y * a->window.stride[0] - a->window.pad[0] + k * a->window.dilation[0];
        for (int l = 0; l < a->window.kernel[1]; l++) {
            const int x =
                place.x * a->window.stride[1] - a->window.pad[1] + l * a->window.dilation[1];
            framed += y < a->end[0] && x < a->end[1];
            if (y >= 0 && y < a->in.h && x >= 0 && x < a->in.w) {
                const struct candidate_pair from =
                    candidate_load(in, pair_at(&place, &a->in, y, x), a->bf16);
                value.low =
                    a->max ? greater(value.low, from.low, inside == 0) : value.low + from.low;
                value.high =
                    a->max ? greater(value.high, from.high, inside == 0) : value.high + from.high;
                inside++;
            }
        }
    }
    if (!a->max) {
        const float divisor = (float)(a->exclude_pad ? inside : framed);
        value.low /= divisor;
        value.high /= divisor;
    }
    struct activation none;
    none.kind = ACT_NONE;
    none.a = none.b = 0.0F;
    candidate_store(candidate_values(&a->out, place.candidate), place.pair,
                    candidate_finish_pair(&none, value, place.channel, place.width), a->bf16);
}

// One channel; false: this launch does not write it.
DEVICE bool gather_one(const struct candidate_gather_args *a, const struct map_place *place,
                       int channel, float *value)
{
    const int *routes = a->routes + (size_t)place->candidate * a->routes_stride;
    *value = 0.0F;
    if (channel >= place->width || routes[channel] < 0) {
        return a->zeros;
    }
    const int input = routes[channel] - a->first, from = routes[a->channels + channel];
    if (input < 0 || input >= a->n) {
        return false;
    }
    const struct candidate_tensor *in = &a->in[input];
    const int y = place->y * a->stride[0] - a->pad[0], x = place->x * a->stride[1] - a->pad[1];
    if (y >= 0 && y < in->h && x >= 0 && x < in->w) {
        const int padded = candidate_padded(candidate_width(&a->lists, place->candidate, in->axis));
        const int64_t at = (((int64_t)place->image * in->h + y) * in->w + x) * padded + from;
        const struct candidate_pair pair =
            candidate_load(candidate_values(in, place->candidate), at / 2, a->bf16);
        *value = at % 2 == 0 ? pair.low : pair.high;
    }
    return true;
}

PLAIN_KERNEL(candidate_gather, struct candidate_gather_args, CANDIDATE_THREADS)
{
    struct map_place place;
    if (!find_place(&a->lists, &a->out, a->images, &place)) {
        return;
    }
    unsigned char *out = candidate_values(&a->out, place.candidate);
    struct candidate_pair value;
    const bool low = gather_one(a, &place, place.channel, &value.low);
    const bool high = gather_one(a, &place, place.channel + 1, &value.high);
    if (low && high) {
        candidate_store(out, place.pair, value, a->bf16);
    } else if (low || high) {
        struct candidate_pair before = candidate_load(out, place.pair, a->bf16);
        before.low = low ? value.low : before.low;
        before.high = high ? value.high : before.high;
        candidate_store(out, place.pair, before, a->bf16);
    }
}
