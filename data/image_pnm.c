// PPM and PGM, as text (P2, P3) and as bytes (P5, P6), of 8 and 16 bits.
#include "data/image_format.h"

#include <ctype.h>

struct cursor {
    const uint8_t *at, *end;
};

struct header {
    uint32_t w, h, most; // most: the value of white
    int channels;        // 1 or 3
    bool text;
    size_t pixels_at;
};

static bool claims(const uint8_t *bytes, size_t n)
{
    return n >= 3 && bytes[0] == 'P' &&
           (bytes[1] == '2' || bytes[1] == '3' || bytes[1] == '5' || bytes[1] == '6') &&
           (isspace(bytes[2]) || bytes[2] == '#');
}

// The next number; comments go from '#' to the end of the line. False where there is none, and for
// one above a million millions.
static bool read_number(struct cursor *cursor, uint64_t *out)
{
    bool comment = false;
    while (cursor->at < cursor->end && (comment || isspace(*cursor->at) || *cursor->at == '#')) {
        comment = (comment || *cursor->at == '#') && *cursor->at != '\n' && *cursor->at != '\r';
        cursor->at++;
    }
    uint64_t value = 0;
    const uint8_t *start = cursor->at;
    while (cursor->at < cursor->end && isdigit(*cursor->at) && value < 1000000000000U) {
        value = 10 * value + (uint64_t)(*cursor->at++ - '0');
    }
    *out = value;
    return cursor->at > start && value < 1000000000000U;
}

static enum status read_header(const struct image_bytes *bytes, struct header *out, bool *more)
{
    struct cursor cursor = {.at = bytes->at + 2, .end = bytes->at + bytes->n};
    uint64_t w = 0, h = 0, most = 0;
    const bool found = read_number(&cursor, &w) && read_number(&cursor, &h) &&
                       read_number(&cursor, &most) && cursor.at < cursor.end;
    *more = cursor.at == cursor.end && bytes->n < bytes->whole;
    if (*more) {
        return OK;
    }
    if (!found || !isspace(*cursor.at)) {
        FAIL(ERR_INPUT, "a damaged PPM or PGM: expected width, height and greatest value");
    }
    TRY(image_check_size((int64_t)h, (int64_t)w));
    if (most < 1 || most > 65535) {
        FAIL(ERR_INPUT, "a damaged PPM or PGM: its greatest value is %llu, expected 1 to 65535",
             (unsigned long long)most);
    }
    const bool text = bytes->at[1] < '5';
    *out = (struct header){.w = (uint32_t)w,
                           .h = (uint32_t)h,
                           .most = (uint32_t)most,
                           .channels = bytes->at[1] == '3' || bytes->at[1] == '6' ? 3 : 1,
                           .text = text,
                           .pixels_at = (size_t)(cursor.at + 1 - bytes->at)};
    // As text every sample takes a digit and a space, but for the last space.
    const uint64_t needed = w * h * (uint64_t)out->channels * (text || most > 255 ? 2 : 1) - text;
    if (needed > bytes->whole - out->pixels_at) {
        FAIL(ERR_INPUT, "a PPM or PGM cut short: %zu bytes hold no %u x %u pixels", bytes->whole,
             out->w, out->h);
    }
    return OK;
}

static enum status look(const struct image_bytes *bytes, bool *more)
{
    struct header header;
    return read_header(bytes, &header, more);
}

static enum status read_sample(struct cursor *cursor, const struct header *header, uint8_t *out)
{
    uint64_t value = 0;
    if (!header->text) {
        value = *cursor->at++;
        if (header->most > 255) {
            value = value << 8 | *cursor->at++;
        }
    } else if (!read_number(cursor, &value)) {
        FAIL(ERR_INPUT, "a PPM or PGM cut short: pixels are missing");
    }
    if (value > header->most) {
        FAIL(ERR_INPUT, "a damaged PPM or PGM: a sample above its greatest value, %u",
             header->most);
    }
    *out = image_to_byte((uint32_t)value, header->most);
    return OK;
}

static enum status decode(const struct image_bytes *bytes, const struct image_request *request,
                          struct arena *arena, struct image *out)
{
    struct header header = {.channels = 1};
    bool more = false;
    (void)request; // nothing is transparent
    TRY(read_header(bytes, &header, &more));
    TRY(image_allocate(header.h, header.w, arena, out));
    struct cursor cursor = {.at = bytes->at + header.pixels_at, .end = bytes->at + bytes->n};
    const size_t n = (size_t)header.h * header.w;
    for (size_t i = 0; i < n; i++) {
        uint8_t *pixel = out->rgb + 3 * i;
        for (int c = 0; c < header.channels; c++) {
            TRY(read_sample(&cursor, &header, pixel + c));
        }
        if (header.channels == 1) {
            pixel[1] = pixel[2] = pixel[0];
        }
    }
    return OK;
}

const struct image_format image_format_pnm = {.claims = claims, .look = look, .decode = decode};
