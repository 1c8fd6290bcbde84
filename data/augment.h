// Random crop and flip of one image. Internal to data/.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Writes the window of `from` [h][w][c] whose corner is (top, left), possibly outside it, to `to`
// [h][w][c]: what lies outside is 0. flip: mirrored left to right afterwards.
void augment_copy(const uint8_t *from, int h, int w, int c, int top, int left, bool flip,
                  uint8_t *to);
