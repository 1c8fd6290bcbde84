#include "data/sample_layout.h"

#include "core/half.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const size_t bytes_of[] = {
    [ELEMENT_U8] = 1,  [ELEMENT_I8] = 1,  [ELEMENT_U16] = 2, [ELEMENT_I16] = 2,
    [ELEMENT_U32] = 4, [ELEMENT_I32] = 4, [ELEMENT_U64] = 8, [ELEMENT_I64] = 8,
    [ELEMENT_F16] = 2, [ELEMENT_F32] = 4, [ELEMENT_F64] = 8,
};

size_t element_bytes(enum element element)
{
    return bytes_of[element];
}

bool element_is_integer(enum element element)
{
    return element < ELEMENT_F16;
}

// The bits of one element.
static uint64_t bits_of(const uint8_t *from, size_t bytes, bool swap)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes; i++) {
        bits |= (uint64_t)from[swap ? bytes - 1 - i : i] << (8 * i);
    }
    return bits;
}

static int64_t integer_of(uint64_t bits, enum element element)
{
    switch (element) {
    case ELEMENT_I8:
        return (int8_t)bits;
    case ELEMENT_I16:
        return (int16_t)bits;
    case ELEMENT_I32:
        return (int32_t)bits;
    default:
        return (int64_t)bits; // unsigned ones of 64 bits: the greatest become negative, no label
    }
}

void element_integers(const void *from, enum element element, bool swap, size_t n, int64_t *to)
{
    const size_t bytes = bytes_of[element];
    const uint8_t *at = from;
    for (size_t i = 0; i < n; i++, at += bytes) {
        to[i] = integer_of(bits_of(at, bytes, swap), element);
    }
}

static float float_of(uint64_t bits, enum element element)
{
    float single;
    double wide;
    const uint32_t low = (uint32_t)bits;
    switch (element) {
    case ELEMENT_F16:
        return float_from_half((uint16_t)bits);
    case ELEMENT_F32:
        memcpy(&single, &low, sizeof single);
        return single;
    case ELEMENT_F64:
        memcpy(&wide, &bits, sizeof wide);
        return (float)wide;
    case ELEMENT_U64:
        return (float)bits;
    default:
        return (float)integer_of(bits, element);
    }
}

// ---- where the channels are
static bool few(int64_t n)
{
    return n == 1 || n == 3;
}

static enum status fail_ambiguous(const char *file, int64_t a, int64_t b, int64_t c)
{
    FAIL(ERR_CONFIG,
         "%s: samples of [%" PRId64 ", %" PRId64 ", %" PRId64
         "] have their channels first or last; say which as data.channels",
         file, a, b, c);
}

// [n, ., ., .]: colours are one or three; else the axis that is short enough, or shorter.
static enum status find_channels(const char *file, const int64_t *dims,
                                 enum dataset_channels *channels)
{
    const int64_t first = dims[1], last = dims[3];
    const bool colours_first = few(first), colours_last = few(last) || last == 4;
    if (colours_first != colours_last) {
        *channels = colours_first ? CHANNELS_FIRST : CHANNELS_LAST;
        return OK;
    }
    if (colours_first || first == last) {
        return fail_ambiguous(file, dims[1], dims[2], dims[3]);
    }
    *channels = first < last ? CHANNELS_FIRST : CHANNELS_LAST;
    return OK;
}

// [n, ., .]: images of bytes and what is square have one channel; the rest are channels over time.
static enum dataset_channels channels_of_plane(const int64_t *dims, enum element element)
{
    const int64_t shorter = dims[1] < dims[2] ? dims[1] : dims[2];
    if (element == ELEMENT_U8 || dims[1] == dims[2] || shorter > DATASET_MAX_CHANNELS) {
        return CHANNELS_NONE;
    }
    return dims[1] < dims[2] ? CHANNELS_FIRST : CHANNELS_LAST;
}

static enum status place_axes(const char *file, const int64_t *dims, int n_dims,
                              enum dataset_channels channels, struct sample_layout *out)
{
    int64_t h = dims[1], w = n_dims > 2 ? dims[2] : 1, c = 1;
    if (n_dims == 4 && channels == CHANNELS_NONE) {
        FAIL(ERR_CONFIG, "%s: samples of 3 dimensions have channels; data.channels is none", file);
    }
    if (n_dims == 4) {
        const bool first = channels == CHANNELS_FIRST;
        h = dims[first ? 2 : 1];
        w = dims[first ? 3 : 2];
        c = dims[first ? 1 : 3];
    } else if (channels != CHANNELS_NONE) { // of one row
        h = 1;
        w = dims[channels == CHANNELS_FIRST ? 2 : 1];
        c = dims[channels == CHANNELS_FIRST ? 1 : 2];
    }
    TRY(reader_check_shape(file, dims[0], h, w, c));
    out->planar = channels == CHANNELS_FIRST && c > 1;
    out->h = (int)h;
    out->w = (int)w;
    out->c = (int)c;
    return OK;
}

enum status sample_layout_find(const char *file, const int64_t *dims, int n_dims,
                               enum element element, enum dataset_channels channels,
                               struct sample_layout *out)
{
    struct sample_layout layout = {.element = element};
    if (n_dims != 3 && n_dims != 4) {
        FAIL(ERR_INPUT,
             "%s: expected samples [n, h, w], [n, channels, length], [n, h, w, channels] or [n, "
             "channels, h, w], got %d dimensions",
             file, n_dims);
    }
    if (channels == CHANNELS_AUTO && n_dims == 3) {
        channels = channels_of_plane(dims, element);
    } else if (channels == CHANNELS_AUTO) {
        TRY(find_channels(file, dims, &channels));
    }
    TRY(place_axes(file, dims, n_dims, channels, &layout));
    layout.type = element == ELEMENT_U8                             ? SAMPLE_U8
                  : element == ELEMENT_I8 || element == ELEMENT_I16 ? SAMPLE_I16
                                                                    : SAMPLE_F32;
    layout.row_bytes =
        (size_t)layout.h * (size_t)layout.w * (size_t)layout.c * element_bytes(element);
    *out = layout;
    return OK;
}

// ---- values
static bool is_plain(const struct sample_layout *layout)
{
    const bool same = layout->element == ELEMENT_U8 || layout->element == ELEMENT_I16 ||
                      layout->element == ELEMENT_F32;
    return same && !layout->swap && !layout->planar;
}

static void convert(const struct sample_layout *layout, const uint8_t *from, void *to)
{
    const size_t bytes = bytes_of[layout->element], channels = (size_t)layout->c;
    const size_t plane = (size_t)layout->h * (size_t)layout->w;
    uint8_t *u8 = to;
    for (size_t i = 0; i < plane * channels; i++) {
        const size_t place = layout->planar ? i % plane * channels + i / plane : i;
        const uint64_t bits = bits_of(from + i * bytes, bytes, layout->swap);
        if (layout->type == SAMPLE_U8) {
            u8[place] = (uint8_t)bits;
        } else if (layout->type == SAMPLE_I16) {
            const int16_t value = (int16_t)integer_of(bits, layout->element);
            memcpy(u8 + place * sizeof value, &value, sizeof value);
        } else {
            const float value = float_of(bits, layout->element);
            memcpy(u8 + place * sizeof value, &value, sizeof value);
        }
    }
}

static size_t made_bytes(const struct sample_layout *layout)
{
    const size_t values = (size_t)layout->h * (size_t)layout->w * (size_t)layout->c;
    return values * (layout->type == SAMPLE_U8    ? 1
                     : layout->type == SAMPLE_I16 ? sizeof(int16_t)
                                                  : sizeof(float));
}

enum status sample_layout_read(const struct sample_layout *layout, const char *path, int fd,
                               int64_t offset, const int32_t *rows, int n_rows, void *out)
{
    const bool plain = is_plain(layout);
    const size_t row_bytes = layout->row_bytes, bytes = made_bytes(layout);
    uint8_t *row = plain ? NULL : malloc(row_bytes);
    if (!plain && row == NULL) {
        FAIL(ERR_MEMORY, "%s: no memory for a row of %zu bytes", path, row_bytes);
    }
    enum status status = OK;
    uint8_t *to = out;
    for (int i = 0; i < n_rows && status == OK;) {
        const int run = plain ? reader_run(rows + i, n_rows - i) : 1;
        const int64_t at = offset + (int64_t)rows[i] * (int64_t)row_bytes;
        status = reader_read_at(path, fd, plain ? to + (size_t)i * bytes : row,
                                (size_t)run * row_bytes, at);
        if (!plain && status == OK) {
            convert(layout, row, to + (size_t)i * bytes);
        }
        i += run;
    }
    free(row);
    return status;
}
