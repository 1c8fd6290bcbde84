// Random crop and flip of one image. Internal to data/.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct augment_shape {
    int h, w;
    size_t pixel_bytes; // of all channels
};
// Writes the window of `from` [h][w][pixel_bytes] whose corner is (top, left), possibly outside it,
// to `to`, as large: what lies outside is 0. flip: mirrored left to right afterwards.
void augment_copy(const uint8_t *from, const struct augment_shape *shape, int top, int left,
                  bool flip, uint8_t *to);
