// What makes every place of its output by itself, of values in memory or in shared memory. A place
// is a few neighbouring channels of a pixel.
#pragma once
#include "compute/cuda/candidate_value.h"

// Which values are made.
struct candidate_place {
    int image, y, x, channel;
    int64_t pixel; // of the output, over all images
    int segment;
};

// How many channels a place is: one of a pool is much work.
DEVICE int candidate_place_channels(enum candidate_element_kind kind)
{
    return kind == ELEMENT_POOL_MAX || kind == ELEMENT_POOL_AVG ? 2 : CANDIDATE_PAD;
}

// Place number i of an output, of fewer than 2^31. False: behind the last of `images`.
DEVICE bool candidate_find_place(const struct candidate_view *out, int images, int channels,
                                 int64_t i, struct candidate_place *place)
{
    const uint32_t groups = (uint32_t)(candidate_padded(out->width) / channels);
    const uint32_t number = (uint32_t)i, pixel = number / groups, row = pixel / (uint32_t)out->w;
    place->pixel = pixel;
    place->channel = (int)(number % groups) * channels;
    place->x = (int)(pixel % (uint32_t)out->w);
    place->y = (int)(row % (uint32_t)out->h);
    place->image = (int)(row / (uint32_t)out->h);
    place->segment = 0;
    return place->image < images;
}

DEVICE int64_t candidate_pixel(const struct candidate_view *view, int image, int y, int x)
{
    return ((int64_t)image * view->h + y) * view->w + x;
}

// The channels of one pixel of an image, normalised. Bytes are divided by 255 in scale already.
DEVICE struct candidate_pair candidate_raw_pair(const struct candidate_input_args *a, int64_t pixel,
                                                int channel)
{
    float values[2];
    UNROLL
    for (int k = 0; k < 2; k++) {
        values[k] = 0.0F;
        if (channel + k < a->c) {
            const int64_t at = pixel * a->c + channel + k;
            const float raw = a->floats ? ((const float *)a->images)[at] : (float)a->images[at];
            values[k] = a->plain ? raw : raw * a->scale[channel + k] + a->shift[channel + k];
        }
    }
    struct candidate_pair value;
    value.low = values[0];
    value.high = values[1];
    return value;
}

// Scale, shift, sum (adds: there is one), activation.
DEVICE struct candidate_pair candidate_complete(const struct candidate_filter *filter,
                                                const struct candidate_view *out,
                                                const struct candidate_view *sum, bool adds,
                                                int candidate, int segment, int64_t pixel,
                                                int channel, struct candidate_pair value)
{
    value = candidate_scale(&filter->affine, candidate, segment, channel, out->width, value);
    if (adds) {
        value = candidate_add_pair(value, candidate_load(sum, pixel, channel));
    }
    return candidate_finish_pair(&filter->act, value, channel, out->width);
}

DEVICE void element_combine(const struct candidate_where *where,
                            const struct candidate_element *element,
                            const struct candidate_tensor *in, const struct candidate_view *out,
                            const struct candidate_place *place)
{
    const bool two = element->kind != ELEMENT_ONE, adds = element->kind == ELEMENT_ADD;
    const struct candidate_view a = candidate_view_of(where, &in[0]);
    const struct candidate_view b = candidate_view_of(where, two ? &in[1] : &in[0]);
    const int64_t other_pixel = element->vector ? place->image : place->pixel;
    UNROLL
    for (int k = 0; k < CANDIDATE_PAD; k += 2) {
        const int channel = place->channel + k;
        struct candidate_pair value = candidate_load(&a, place->pixel, channel);
        value = candidate_scale(&element->filter.affine, where->candidate, place->segment, channel,
                                out->width, value);
        if (two) {
            const struct candidate_pair other = candidate_load(&b, other_pixel, channel);
            value.low = adds ? value.low + other.low : value.low * other.low;
            value.high = adds ? value.high + other.high : value.high * other.high;
        }
        candidate_store(out, place->pixel, channel,
                        candidate_finish_pair(&element->filter.act, value, channel, out->width));
    }
}

// weights: the candidate's, in whatever memory.
DEVICE struct candidate_pair element_depthwise(const struct candidate_where *where,
                                               const struct candidate_element *element,
                                               const struct candidate_tensor *in,
                                               const float *weights,
                                               const struct candidate_view *out,
                                               const struct candidate_place *place, int channel)
{
    const struct candidate_window *window = &element->filter.window;
    const struct candidate_view from = candidate_view_of(where, in);
    const int columns = candidate_padded(out->width);
    struct candidate_pair value;
    value.low = value.high = 0.0F;
    for (int k = 0; k < window->kernel[0]; k++) {
        const int y = place->y * window->stride[0] - window->pad[0] + k * window->dilation[0];
        for (int l = 0; l < window->kernel[1] && y >= 0 && y < from.h; l++) {
            const int x = place->x * window->stride[1] - window->pad[1] + l * window->dilation[1];
            if (x >= 0 && x < from.w) {
                const float *tap = weights + (size_t)(k * window->kernel[1] + l) * (size_t)columns;
                const struct candidate_pair seen =
                    candidate_load(&from, candidate_pixel(&from, place->image, y, x), channel);
                value.low += seen.low * tap[channel];
                value.high += seen.high * tap[channel + 1];
            }
        }
    }
    return value;
}

// NaN wins over everything, the first value too.
DEVICE float candidate_greater(float best, float value, bool none)
{
    return none || value > best || value != value ? value : best;
}

// Padding never wins a maximum; it counts in a mean unless exclude_pad.
DEVICE struct candidate_pair element_pool(const struct candidate_where *where,
                                          const struct candidate_element *element,
                                          const struct candidate_tensor *in,
                                          const struct candidate_place *place)
{
    const struct candidate_window *window = &element->filter.window;
    const struct candidate_view from = candidate_view_of(where, in);
    const bool most = element->kind == ELEMENT_POOL_MAX;
    struct candidate_pair value;
    value.low = value.high = 0.0F;
    int inside = 0, framed = 0; // taps
    for (int k = 0; k < window->kernel[0]; k++) {
        const int y = place->y * window->stride[0] - window->pad[0] + k * window->dilation[0];
        for (int l = 0; l < window->kernel[1]; l++) {
            const int x = place->x * window->stride[1] - window->pad[1] + l * window->dilation[1];
            framed += y < element->end[0] && x < element->end[1];
            if (y >= 0 && y < from.h && x >= 0 && x < from.w) {
                const struct candidate_pair seen = candidate_load(
                    &from, candidate_pixel(&from, place->image, y, x), place->channel);
                value.low = most ? candidate_greater(value.low, seen.low, inside == 0)
                                 : value.low + seen.low;
                value.high = most ? candidate_greater(value.high, seen.high, inside == 0)
                                  : value.high + seen.high;
                inside++;
            }
        }
    }
    if (!most) {
        const float divisor = (float)(element->exclude_pad ? inside : framed);
        value.low /= divisor;
        value.high /= divisor;
    }
    return value;
}

// One channel; false: others write it.
DEVICE bool gather_one(const struct candidate_where *where, const struct candidate_element *element,
                       const struct candidate_tensor *in, const struct candidate_view *out,
                       const struct candidate_place *place, int channel, float *value)
{
    const int *routes = element->routes + (size_t)where->candidate * element->routes_stride;
    const struct candidate_window *window = &element->filter.window;
    *value = 0.0F;
    if (channel >= out->width || routes[channel] < 0) {
        return element->zeros;
    }
    const int input = routes[channel] - element->first;
    const int kept = routes[element->channels + channel];
    if (input < 0 || input >= element->n) {
        return false;
    }
    const struct candidate_view from = candidate_view_of(where, &in[input]);
    const int y = place->y * window->stride[0] - window->pad[0];
    const int x = place->x * window->stride[1] - window->pad[1];
    if (y >= 0 && y < from.h && x >= 0 && x < from.w) {
        const struct candidate_pair pair =
            candidate_load(&from, candidate_pixel(&from, place->image, y, x), kept / 2 * 2);
        *value = kept % 2 == 0 ? pair.low : pair.high;
    }
    return true;
}

DEVICE void element_gather(const struct candidate_where *where,
                           const struct candidate_element *element,
                           const struct candidate_tensor *in, const struct candidate_view *out,
                           const struct candidate_place *place, int channel)
{
    struct candidate_pair value;
    const bool low = gather_one(where, element, in, out, place, channel, &value.low);
    const bool high = gather_one(where, element, in, out, place, channel + 1, &value.high);
    if (low != high) {
        const struct candidate_pair before = candidate_load(out, place->pixel, channel);
        value.low = low ? value.low : before.low;
        value.high = high ? value.high : before.high;
    }
    if (low || high) {
        candidate_store(out, place->pixel, channel, value);
    }
}

// A place whose channels are all zeros, or come in order from one place of one input: as it is.
// False: it is not such a place.
DEVICE bool gather_whole(const struct candidate_where *where,
                         const struct candidate_element *element, const struct candidate_tensor *in,
                         const struct candidate_view *out, const struct candidate_place *place)
{
    const int *inputs = element->routes + (size_t)where->candidate * element->routes_stride;
    const int *kept = inputs + element->channels;
    const int first = place->channel, input = inputs[first], from_channel = kept[first];
    bool whole = element->zeros && first + CANDIDATE_PAD <= out->width &&
                 (input < 0 || from_channel % CANDIDATE_PAD == 0);
    for (int k = 1; k < CANDIDATE_PAD && whole; k++) {
        whole = input < 0 ? inputs[first + k] < 0
                          : inputs[first + k] == input && kept[first + k] == from_channel + k;
    }
    const int number = input - element->first;
    if (!whole || (input >= 0 && (number < 0 || number >= element->n))) {
        return false;
    }
    const struct candidate_view from = candidate_view_of(where, &in[input < 0 ? 0 : number]);
    const struct candidate_window *window = &element->filter.window;
    const int y = place->y * window->stride[0] - window->pad[0];
    const int x = place->x * window->stride[1] - window->pad[1];
    const bool seen = input >= 0 && y >= 0 && y < from.h && x >= 0 && x < from.w;
    const int64_t pixel = seen ? candidate_pixel(&from, place->image, y, x) : 0;
    UNROLL
    for (int k = 0; k < CANDIDATE_PAD; k += 2) {
        struct candidate_pair value;
        value.low = value.high = 0.0F;
        if (seen) {
            value = candidate_load(&from, pixel, from_channel + k);
        }
        candidate_store(out, place->pixel, first + k, value);
    }
    return true;
}

// Makes one place of the output.
DEVICE void candidate_element(const struct candidate_where *where,
                              const struct candidate_element *element,
                              const struct candidate_tensor *in, const struct candidate_tensor *sum,
                              const float *weights, const struct candidate_view *out,
                              const struct candidate_place *place,
                              const enum candidate_element_kind kind)
{
    if (kind == ELEMENT_GATHER) {
        if (!gather_whole(where, element, in, out, place)) {
            for (int k = 0; k < CANDIDATE_PAD; k += 2) {
                element_gather(where, element, in, out, place, place->channel + k);
            }
        }
    } else if (kind == ELEMENT_POOL_MAX || kind == ELEMENT_POOL_AVG) {
        candidate_store(out, place->pixel, place->channel, element_pool(where, element, in, place));
    } else if (kind == ELEMENT_DEPTHWISE) {
        const bool adds = sum->data != NULL || sum->shared;
        const struct candidate_view of_sum = candidate_view_of(where, adds ? sum : in);
        for (int k = 0; k < CANDIDATE_PAD; k += 2) {
            const int channel = place->channel + k;
            const struct candidate_pair value =
                element_depthwise(where, element, in, weights, out, place, channel);
            candidate_store(out, place->pixel, channel,
                            candidate_complete(&element->filter, out, &of_sum, adds,
                                               where->candidate, place->segment, place->pixel,
                                               channel, value));
        }
    } else {
        element_combine(where, element, in, out, place);
    }
}
