// PNG by libpng. Its plain interface rather than the simplified one: that one takes 16 bits for
// linear light and applies gAMA, which other tools do not.
#include "data/image_format.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

enum {
    START_BYTES = 33, // signature and IHDR
    MOST_CHUNK = 8 << 20,
    MOST_DEFLATED = 1032, // bytes that one byte of deflate can become
};

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool claims(const uint8_t *bytes, size_t n)
{
    static const uint8_t start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    return n >= sizeof start && memcmp(bytes, start, sizeof start) == 0;
}

static enum status look(const struct image_bytes *bytes, bool *more)
{
    static const int channels[] = {1, 0, 3, 1, 2, 0, 4}; // by colour type
    if (bytes->n < START_BYTES || memcmp(bytes->at + 12, "IHDR", 4) != 0) {
        FAIL(ERR_INPUT, "a PNG cut short or without a header");
    }
    const uint32_t w = big_endian(bytes->at + 16), h = big_endian(bytes->at + 20);
    const uint8_t depth = bytes->at[24], type = bytes->at[25];
    if (depth < 1 || depth > 16 || type > 6 || channels[type] == 0) {
        FAIL(ERR_INPUT, "a damaged PNG: %d bits of colour type %d", depth, type);
    }
    TRY(image_check_size(h, w));
    const double inflated = (double)h * w * depth * channels[type] / 8;
    if (inflated > (double)MOST_DEFLATED * (double)bytes->whole) {
        FAIL(ERR_INPUT, "a PNG cut short: %zu bytes cannot hold %u x %u pixels", bytes->whole, w,
             h);
    }
    *more = false;
    return OK;
}

struct decoder {
    png_structp png;
    png_infop info;
    jmp_buf failed;
    enum status status;
    const struct image_bytes *bytes;
    size_t at;       // the next byte to read
    bool complete;   // all pixels were read
    uint8_t *pixels; // [h][w][channels]
    int channels;    // 3, or 4 with transparency
};

static _Noreturn void on_error(png_structp png, png_const_charp message)
{
    struct decoder *decoder = png_get_error_ptr(png);
    const bool memory = strstr(message, "memory") != NULL;
    decoder->status = memory ? ERR_MEMORY : ERR_INPUT;
    (void)status_fail(decoder->status, __FILE__, __LINE__, "a damaged PNG: %s", message);
    longjmp(decoder->failed, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep out, size_t n)
{
    struct decoder *decoder = png_get_io_ptr(png);
    if (n > decoder->bytes->n - decoder->at) {
        png_error(png, "cut short");
    }
    memcpy(out, decoder->bytes->at + decoder->at, n);
    decoder->at += n;
}

// Everything to 8 bits of RGB or RGBA.
static void set_transforms(struct decoder *decoder)
{
    png_structp png = decoder->png;
    const png_byte type = png_get_color_type(png, decoder->info);
    const bool transparent =
        (type & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, decoder->info, PNG_INFO_tRNS) != 0;
    png_set_expand(png);
    png_set_scale_16(png);
    if ((type & PNG_COLOR_MASK_COLOR) == 0) {
        png_set_gray_to_rgb(png);
    }
    png_set_interlace_handling(png);
    png_read_update_info(png, decoder->info);
    decoder->channels = transparent ? 4 : 3;
}

static enum status read_pixels(struct decoder *decoder, struct arena *arena, struct image *out)
{
    png_structp png = decoder->png;
    png_read_info(png, decoder->info);
    const png_uint_32 h = png_get_image_height(png, decoder->info);
    const png_uint_32 w = png_get_image_width(png, decoder->info);
    const int passes = png_get_interlace_type(png, decoder->info) == PNG_INTERLACE_NONE ? 1 : 7;
    set_transforms(decoder);
    const size_t row_bytes = (size_t)w * (size_t)decoder->channels;
    if (png_get_rowbytes(png, decoder->info) != row_bytes) {
        FAIL(ERR_INPUT, "a damaged PNG: its rows have %zu bytes, expected %zu",
             png_get_rowbytes(png, decoder->info), row_bytes);
    }
    TRY(image_allocate(h, w, arena, out));
    decoder->pixels = out->rgb;
    if (decoder->channels == 4) {
        ARENA_NEW(arena, decoder->pixels, row_bytes * h);
    }
    for (int pass = 0; pass < passes; pass++) {
        for (png_uint_32 y = 0; y < h; y++) {
            png_read_row(png, decoder->pixels + y * row_bytes, NULL);
        }
    }
    decoder->complete = true;
    png_read_end(png, NULL);
    return OK;
}

static enum status run(struct decoder *decoder, struct arena *arena, struct image *out)
{
    if (setjmp(decoder->failed) != 0) { // NOLINT(cert-err52-cpp): as libpng wants it
        // What is wrong behind the last pixel costs none.
        out->untidy = decoder->complete;
        return decoder->complete ? OK : decoder->status;
    }
    png_set_read_fn(decoder->png, decoder, on_read);
    png_set_user_limits(decoder->png, 0x7FFFFFFF, 0x7FFFFFFF); // image_check_size is the limit
    png_set_chunk_malloc_max(decoder->png, MOST_CHUNK);
    // All but what pixels are made of (-1: those that libpng knows as well).
    png_set_keep_unknown_chunks(decoder->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    return read_pixels(decoder, arena, out);
}

static void lay_on_ground(const uint8_t *rgba, const uint8_t ground[3], struct image *out)
{
    const size_t n = (size_t)out->h * (size_t)out->w;
    for (size_t i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++) {
            out->rgb[3 * i + (size_t)c] =
                image_blend(rgba[4 * i + (size_t)c], rgba[4 * i + 3], ground[c]);
        }
    }
}

// The orientation in the chunk eXIf, wherever it is.
static int find_orientation(const struct image_bytes *bytes)
{
    size_t at = 8;
    while (bytes->n - at >= 12) {
        const size_t length = big_endian(bytes->at + at), left = bytes->n - at - 12;
        if (length > left) {
            break;
        }
        if (memcmp(bytes->at + at + 4, "eXIf", 4) == 0) {
            return image_exif_orientation(bytes->at + at + 8, length);
        }
        at += length + 12;
    }
    return 1;
}

static enum status decode(const struct image_bytes *bytes, const struct image_request *request,
                          struct arena *arena, struct image *out)
{
    struct decoder decoder = {.bytes = bytes};
    bool more;
    TRY(look(bytes, &more));
    decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error, on_warning);
    decoder.info = decoder.png != NULL ? png_create_info_struct(decoder.png) : NULL;
    if (decoder.info == NULL) {
        png_destroy_read_struct(&decoder.png, NULL, NULL);
        FAIL(ERR_MEMORY, "no memory for a PNG decoder");
    }
    const enum status status = run(&decoder, arena, out);
    png_destroy_read_struct(&decoder.png, &decoder.info, NULL);
    TRY(status);
    if (decoder.channels == 4) {
        lay_on_ground(decoder.pixels, request->ground, out);
    }
    return image_turn(find_orientation(bytes), arena, out);
}

const struct image_format image_format_png = {.claims = claims, .look = look, .decode = decode};
