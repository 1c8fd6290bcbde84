// resize_tap_at's formulas, for code of a device, too, which names what its functions are by
// RESIZE_FUNCTION. Coordinates are fractions of integers, so that halves and whole numbers are met
// exactly.
#pragma once
#include "compute/resize.h"

#include <stdint.h>

#ifndef RESIZE_FUNCTION
#define RESIZE_FUNCTION static inline
#endif

struct resize_fraction {
    int64_t above, below; // below > 0
};

RESIZE_FUNCTION int64_t resize_floor(int64_t above, int64_t below)
{
    const int64_t toward_zero = above / below;
    return toward_zero - (above % below < 0);
}

RESIZE_FUNCTION int64_t resize_ceil(int64_t above, int64_t below)
{
    return -resize_floor(-above, below);
}

RESIZE_FUNCTION struct resize_fraction resize_place(enum resize_coordinates coordinates, int64_t in,
                                                    int64_t out, int64_t output)
{
    struct resize_fraction place = {0, 1};
    if (coordinates == RESIZE_ASYMMETRIC) {
        place.above = output * in;
        place.below = out;
    } else if (coordinates == RESIZE_ALIGN_CORNERS) {
        place.above = out == 1 ? 0 : output * (in - 1);
        place.below = out == 1 ? 1 : out - 1;
    } else if (coordinates != RESIZE_PYTORCH_HALF_PIXEL || out != 1) {
        place.above = (2 * output + 1) * in - out;
        place.below = 2 * out;
    }
    return place;
}

RESIZE_FUNCTION int resize_within(int64_t place, int in)
{
    return place < 0 ? 0 : place >= in ? in - 1 : (int)place;
}

RESIZE_FUNCTION struct resize_tap resize_tap_formula(enum resize_mode mode,
                                                     enum resize_coordinates coordinates, int in,
                                                     int out, int output)
{
    const struct resize_fraction place = resize_place(coordinates, in, out, output);
    int64_t low = resize_floor(place.above, place.below);
    struct resize_tap tap = {0, 0, 0.0};
    if (mode == RESIZE_LINEAR) {
        tap.low = resize_within(low, in);
        tap.high = resize_within(low + 1, in);
        if (tap.low != tap.high) { // the share as it is before clamping
            tap.share = (double)(place.above - low * place.below) / (double)place.below;
        }
        return tap;
    }
    if (mode == RESIZE_NEAREST_CEIL) {
        low = resize_ceil(place.above, place.below);
    } else if (mode == RESIZE_NEAREST_ROUND) { // the least whole number from place - 1/2 on
        low = resize_ceil(2 * place.above - place.below, 2 * place.below);
    }
    tap.low = tap.high = resize_within(low, in);
    return tap;
}
