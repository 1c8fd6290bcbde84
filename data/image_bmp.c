// BMP, uncompressed: palettes of 1, 4 and 8 bits, 24 and 32 bits, from below and from above.
#include "data/image_format.h"

#include <string.h>

enum {
    FILE_HEADER_BYTES = 14,
    CORE_HEADER_BYTES = 12,   // OS/2
    INFO_HEADER_BYTES = 40,   // Windows; later ones are longer
    MASKED_HEADER_BYTES = 56, // with a mask of the transparency
    HEADER_BYTES = FILE_HEADER_BYTES + 124,
    PLAIN = 0,
    MASKS = 3, // kinds of compression
};

struct header {
    int64_t h, w;
    bool from_above, transparent;
    int bits;
    size_t row_bytes, pixels_at;
    size_t palette_at, colours, colour_bytes; // colours: as many as lie before the pixels
};

static uint32_t number(const uint8_t *at, int n)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++) {
        value |= (uint32_t)at[i] << 8 * i;
    }
    return value;
}

static bool claims(const uint8_t *bytes, size_t n)
{
    return n >= 2 && bytes[0] == 'B' && bytes[1] == 'M';
}

static enum status read_info(const uint8_t *info, uint32_t info_bytes, struct header *out)
{
    const int64_t height = (int32_t)number(info + 8, 4);
    const uint32_t packing = number(info + 16, 4);
    out->w = (int32_t)number(info + 4, 4);
    out->h = height < 0 ? -height : height;
    out->from_above = height < 0;
    out->bits = (int)number(info + 14, 2);
    out->colour_bytes = 4;
    const bool usual_masks = packing == MASKS && out->bits == 32 &&
                             number(info + 40, 4) == 0xFF0000 && number(info + 44, 4) == 0xFF00 &&
                             number(info + 48, 4) == 0xFF;
    if (packing != PLAIN && !usual_masks) {
        FAIL(ERR_INPUT, "a BMP that is compressed or has masks of its own (kind %u)", packing);
    }
    out->transparent =
        usual_masks && info_bytes >= MASKED_HEADER_BYTES && number(info + 52, 4) == 0xFF000000U;
    return OK;
}

static enum status read_header(const struct image_bytes *bytes, struct header *out)
{
    uint8_t start[HEADER_BYTES] = {0};
    memcpy(start, bytes->at, bytes->n < sizeof start ? bytes->n : sizeof start);
    const uint8_t *info = start + FILE_HEADER_BYTES;
    const uint32_t info_bytes = number(info, 4);
    *out = (struct header){.pixels_at = number(start + 10, 4)};
    if (info_bytes == CORE_HEADER_BYTES) {
        out->w = number(info + 4, 2);
        out->h = number(info + 6, 2);
        out->bits = (int)number(info + 10, 2);
        out->colour_bytes = 3;
    } else if (info_bytes >= INFO_HEADER_BYTES && info_bytes <= 4096) {
        TRY(read_info(info, info_bytes, out));
    } else {
        FAIL(ERR_INPUT, "a damaged BMP: its header has %u bytes", info_bytes);
    }
    TRY(image_check_size(out->h, out->w));
    const int bits = out->bits;
    if (bits != 1 && bits != 4 && bits != 8 && bits != 24 && bits != 32) {
        FAIL(ERR_INPUT, "a BMP of %d bits per pixel, expected 1, 4, 8, 24 or 32", bits);
    }
    out->palette_at = FILE_HEADER_BYTES + info_bytes;
    out->row_bytes = ((size_t)out->w * (size_t)bits + 31) / 32 * 4;
    const size_t needed = (size_t)out->h * out->row_bytes;
    if (out->pixels_at < out->palette_at || out->pixels_at > bytes->whole ||
        needed > bytes->whole - out->pixels_at) {
        FAIL(ERR_INPUT, "a BMP cut short: %zu bytes hold no %lld x %lld pixels", bytes->whole,
             (long long)out->w, (long long)out->h);
    }
    out->colours = (out->pixels_at - out->palette_at) / out->colour_bytes;
    return OK;
}

static enum status look(const struct image_bytes *bytes, bool *more)
{
    struct header header;
    *more = false;
    return read_header(bytes, &header);
}

// Pixel x of a row whose pixels are numbers of a palette's colours.
static uint32_t index_at(const uint8_t *row, int bits, size_t x)
{
    const size_t per_byte = 8U / (unsigned)bits;
    const unsigned shift = 8U - (unsigned)bits * (unsigned)(x % per_byte + 1);
    return (uint32_t)row[x / per_byte] >> shift & ((1U << bits) - 1);
}

// Pixel x as blue, green, red; NULL for a number that the palette lacks.
static const uint8_t *pixel_at(const struct image_bytes *bytes, const struct header *header,
                               const uint8_t *row, size_t x)
{
    if (header->bits > 8) {
        return row + x * (size_t)header->bits / 8;
    }
    const uint32_t index = index_at(row, header->bits, x);
    return index < header->colours ? bytes->at + header->palette_at + index * header->colour_bytes
                                   : NULL;
}

static enum status decode(const struct image_bytes *bytes, const struct image_request *request,
                          struct arena *arena, struct image *out)
{
    struct header header;
    TRY(read_header(bytes, &header));
    TRY(image_allocate(header.h, header.w, arena, out));
    uint8_t *pixel = out->rgb;
    for (int y = 0; y < out->h; y++) {
        const size_t line = (size_t)(header.from_above ? y : out->h - 1 - y);
        const uint8_t *row = bytes->at + header.pixels_at + line * header.row_bytes;
        for (size_t x = 0; x < (size_t)out->w; x++, pixel += 3) {
            const uint8_t *bgr = pixel_at(bytes, &header, row, x);
            if (bgr == NULL) {
                FAIL(ERR_INPUT, "a damaged BMP: a pixel of a colour beyond its palette's %zu",
                     header.colours);
            }
            for (int c = 0; c < 3; c++) {
                pixel[c] = header.transparent ? image_blend(bgr[2 - c], bgr[3], request->ground[c])
                                              : bgr[2 - c];
            }
        }
    }
    return OK;
}

const struct image_format image_format_bmp = {.claims = claims, .look = look, .decode = decode};
