// One kind of image file each. Internal to data/image_*.c.
#pragma once
#include "data/image_decode.h"

// The first n bytes of a file that has `whole`.
struct image_bytes {
    const uint8_t *at;
    size_t n, whole;
};

struct image_format {
    bool (*claims)(const uint8_t *bytes, size_t n); // by its first bytes
    // OK for a header that promises what can be read and what a file of `whole` bytes can hold.
    // *more is set instead when the header goes on beyond n, which is less than `whole`.
    enum status (*look)(const struct image_bytes *bytes, bool *more);
    // Of all bytes, n = whole.
    enum status (*decode)(const struct image_bytes *bytes, const struct image_request *request,
                          struct arena *arena, struct image *out);
};

#define IMAGE_FORMAT_LIST(X) X(jpeg) X(png) X(pnm) X(bmp)
#define X(name) extern const struct image_format image_format_##name;
IMAGE_FORMAT_LIST(X)
#undef X

// ERR_INPUT unless both sides are at least 1 and there are at most 100 megapixels.
enum status image_check_size(int64_t h, int64_t w);
// Memory for h x w pixels that were checked.
enum status image_allocate(int64_t h, int64_t w, struct arena *arena, struct image *out);

// The orientation, 1 to 8, that an EXIF block (it starts with its byte order, "II" or "MM") notes;
// 1 when it notes none, or is damaged.
int image_exif_orientation(const uint8_t *bytes, size_t n);
// Turns a picture upright: `orientation` as EXIF numbers them.
enum status image_turn(int orientation, struct arena *arena, struct image *image);

// value / most as 0 .. 255, to the nearest. value <= most <= 65535
static inline uint8_t image_to_byte(uint32_t value, uint32_t most)
{
    return (uint8_t)((value * 255 + most / 2) / most);
}

// A channel of `alpha` / 255 over the ground.
static inline uint8_t image_blend(uint32_t value, uint32_t alpha, uint32_t ground)
{
    return (uint8_t)((value * alpha + ground * (255 - alpha) + 127) / 255);
}
