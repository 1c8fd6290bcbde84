#include "compute/resize.h"

#include "compute/resize_formula.h"

struct resize_tap resize_tap_at(enum resize_mode mode, enum resize_coordinates coordinates, int in,
                                int out, int output)
{
    return resize_tap_formula(mode, coordinates, in, out, output);
}
