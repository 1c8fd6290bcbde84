// Random crop and flip of one image, on bytes.
#include "data/augment.h"

#include <string.h>

// Mirrors a row [w][bytes].
static void mirror_row(uint8_t *row, int w, size_t bytes)
{
    uint8_t *a = row, *b = row + (size_t)(w - 1) * bytes;
    for (; a < b; a += bytes, b -= bytes) {
        for (size_t i = 0; i < bytes; i++) {
            const uint8_t kept = a[i];
            a[i] = b[i];
            b[i] = kept;
        }
    }
}

void augment_copy(const uint8_t *from, const struct augment_shape *shape, int top, int left,
                  bool flip, uint8_t *to)
{
    const int h = shape->h, w = shape->w;
    const size_t row_bytes = (size_t)w * shape->pixel_bytes;
    const int shift = left < 0 ? -left : left;
    const size_t outside = (size_t)(shift < w ? shift : w) * shape->pixel_bytes;
    const size_t inside = row_bytes - outside;
    for (int y = 0; y < h; y++, to += row_bytes) {
        if (y + top < 0 || y + top >= h) {
            memset(to, 0, row_bytes);
            continue;
        }
        const uint8_t *row = from + (size_t)(y + top) * row_bytes;
        if (left < 0) {
            memset(to, 0, outside);
            memcpy(to + outside, row, inside);
        } else {
            memcpy(to, row + outside, inside);
            memset(to + inside, 0, outside);
        }
        if (flip) {
            mirror_row(to, w, shape->pixel_bytes);
        }
    }
}
