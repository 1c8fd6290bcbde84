// Images of any shape to one size.
#pragma once
#include "data/image_decode.h"

// Takes the greatest centred part of `image` that has the shape of h x w, and resizes it to out
// [h][w][3] by a triangle filter: bilinear when it grows, and as wide as the ratio when it shrinks,
// so that every pixel counts (no aliasing). scratch: for the weights and one row.
enum status image_fit(const struct image *image, int h, int w, struct arena *scratch, uint8_t *out);
