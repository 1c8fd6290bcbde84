// Images of any shape to squares of one size.
#pragma once
#include "data/image_decode.h"

// Takes the greatest centred square of `image` and resizes it to out [size][size][3] by a triangle
// filter: bilinear when it grows, and as wide as the ratio when it shrinks, so that every pixel
// counts (no aliasing). scratch: for the weights and one intermediate image.
enum status image_fit_square(const struct image *image, int size, struct arena *scratch,
                             uint8_t *out);
