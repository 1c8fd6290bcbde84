// The orientation that cameras note in EXIF, and turning by it.
#include "data/image_format.h"

#include <string.h>

enum {
    TAG_ORIENTATION = 0x0112,
    TYPE_SHORT = 3,
    HEADER_BYTES = 8, // byte order, 42, where the first directory is
    ENTRY_BYTES = 12, // tag, type, count, value
};

// An unsigned number of n bytes.
static uint32_t number(const uint8_t *at, int n, bool big)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++) {
        value |= (uint32_t)at[i] << 8 * (big ? n - 1 - i : i);
    }
    return value;
}

int image_exif_orientation(const uint8_t *bytes, size_t n)
{
    if (n < HEADER_BYTES || (memcmp(bytes, "II", 2) != 0 && memcmp(bytes, "MM", 2) != 0)) {
        return 1;
    }
    const bool big = bytes[0] == 'M';
    const size_t at = number(bytes + 4, 4, big);
    if (at > n - 2) {
        return 1;
    }
    const size_t fit = (n - at - 2) / ENTRY_BYTES, entries = number(bytes + at, 2, big);
    for (size_t i = 0; i < entries && i < fit; i++) {
        const uint8_t *entry = bytes + at + 2 + i * ENTRY_BYTES;
        if (number(entry, 2, big) == TAG_ORIENTATION && number(entry + 2, 2, big) == TYPE_SHORT &&
            number(entry + 4, 4, big) == 1) {
            const uint32_t value = number(entry + 8, 2, big);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
}

// Where the upright picture's pixel (y, x) is in the stored one. 5 to 8 lie on their side.
static size_t source_of(int orientation, const struct image *stored, int y, int x)
{
    static const bool from_below[] = {[3] = true, [4] = true, [6] = true, [7] = true, [8] = false};
    static const bool from_right[] = {[2] = true, [3] = true, [7] = true, [8] = true};
    const int v = orientation >= 5 ? x : y, u = orientation >= 5 ? y : x;
    const int row = from_below[orientation] ? stored->h - 1 - v : v;
    const int column = from_right[orientation] ? stored->w - 1 - u : u;
    return (size_t)row * (size_t)stored->w + (size_t)column;
}

enum status image_turn(int orientation, struct arena *arena, struct image *image)
{
    if (orientation == 1) {
        return OK;
    }
    const bool on_its_side = orientation >= 5;
    struct image upright = *image;
    upright.h = on_its_side ? image->w : image->h;
    upright.w = on_its_side ? image->h : image->w;
    ARENA_NEW(arena, upright.rgb, (size_t)image->h * (size_t)image->w * 3);
    uint8_t *out = upright.rgb;
    for (int y = 0; y < upright.h; y++) {
        for (int x = 0; x < upright.w; x++, out += 3) {
            memcpy(out, image->rgb + 3 * source_of(orientation, image, y, x), 3);
        }
    }
    *image = upright;
    return OK;
}
