// Coordinates are fractions of integers, so that halves and whole numbers are met exactly.
#include "compute/resize.h"

#include <stdint.h>

struct fraction {
    int64_t above, below; // below > 0
};

static int64_t floor_of(struct fraction f)
{
    const int64_t toward_zero = f.above / f.below;
    return toward_zero - (f.above % f.below < 0);
}

static int64_t ceil_of(struct fraction f)
{
    return -floor_of((struct fraction){-f.above, f.below});
}

static struct fraction place_of(enum resize_coordinates coordinates, int64_t in, int64_t out,
                                int64_t output)
{
    const struct fraction start = {0, 1};
    switch (coordinates) {
    case RESIZE_ASYMMETRIC:
        return (struct fraction){output * in, out};
    case RESIZE_ALIGN_CORNERS:
        return out == 1 ? start : (struct fraction){output * (in - 1), out - 1};
    case RESIZE_PYTORCH_HALF_PIXEL:
        if (out == 1) {
            return start;
        }
        break;
    case RESIZE_HALF_PIXEL:
    case RESIZE_COORDINATES_COUNT:
        break;
    }
    return (struct fraction){(2 * output + 1) * in - out, 2 * out};
}

static int within(int64_t place, int in)
{
    return place < 0 ? 0 : place >= in ? in - 1 : (int)place;
}

struct resize_tap resize_tap_at(enum resize_mode mode, enum resize_coordinates coordinates, int in,
                                int out, int output)
{
    const struct fraction place = place_of(coordinates, in, out, output);
    int64_t low = floor_of(place);
    if (mode == RESIZE_LINEAR) {
        const double share =
            (double)(place.above - low * place.below) / (double)place.below; // before clamping
        const int first = within(low, in), second = within(low + 1, in);
        return (struct resize_tap){first, second, first == second ? 0.0 : share};
    }
    if (mode == RESIZE_NEAREST_CEIL) {
        low = ceil_of(place);
    } else if (mode == RESIZE_NEAREST_ROUND) { // the least whole number from place - 1/2 on
        low = ceil_of((struct fraction){2 * place.above - place.below, 2 * place.below});
    }
    const int nearest = within(low, in);
    return (struct resize_tap){nearest, nearest, 0.0};
}
