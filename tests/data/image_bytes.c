// PNG from its chunks, JPEG by TurboJPEG, EXIF by hand.
#include "image_bytes.h"

#include "test_unit.h"

#include <turbojpeg.h>
#include <zlib.h>

static void put(uint8_t *at, uint32_t value, int n, bool big)
{
    for (int i = 0; i < n; i++) {
        at[i] = (uint8_t)(value >> 8 * (big ? n - 1 - i : i));
    }
}

void png_add_chunk(struct text *out, const char *type, const void *bytes, size_t n)
{
    uint8_t word[4];
    put(word, (uint32_t)n, 4, true);
    text_add_bytes(out, (const char *)word, 4);
    const size_t start = out->length;
    text_add_bytes(out, type, 4);
    if (n > 0) {
        text_add_bytes(out, bytes, n);
    }
    put(word, (uint32_t)crc32(0, (const Bytef *)out->bytes + start, (uInt)(n + 4)), 4, true);
    text_add_bytes(out, (const char *)word, 4);
}

// The pixels of one pass, each row behind its filter's number, 0.
static void add_pass(const struct png_bytes *png, size_t pixel_bits, int pass, struct text *out)
{
    static const int first_y[] = {0, 0, 4, 0, 2, 0, 1}, step_y[] = {8, 8, 8, 4, 4, 2, 2};
    static const int first_x[] = {0, 4, 0, 2, 0, 1, 0}, step_x[] = {8, 8, 4, 4, 2, 2, 1};
    const size_t row_bytes = ((size_t)png->w * pixel_bits + 7) / 8;
    if (pass < 0) {
        for (int y = 0; y < png->h; y++) {
            text_add_bytes(out, "\0", 1);
            text_add_bytes(out, (const char *)png->rows + (size_t)y * row_bytes, row_bytes);
        }
        return;
    }
    for (int y = first_y[pass]; y < png->h && first_x[pass] < png->w; y += step_y[pass]) {
        text_add_bytes(out, "\0", 1);
        for (int x = first_x[pass]; x < png->w; x += step_x[pass]) {
            text_add_bytes(
                out, (const char *)png->rows + (size_t)y * row_bytes + (size_t)x * pixel_bits / 8,
                pixel_bits / 8);
        }
    }
}

void png_make(struct png_bytes *png, struct text *out)
{
    static const size_t channels[] = {1, 0, 3, 1, 2, 0, 4};
    uint8_t header[13] = {0};
    struct text raw = {.bytes = NULL};
    for (int pass = png->interlaced ? 0 : -1; pass < (png->interlaced ? 7 : 0); pass++) {
        add_pass(png, channels[png->type] * (size_t)png->depth, pass, &raw);
    }
    uLongf n = compressBound(raw.length);
    uint8_t *packed = malloc(n);
    assert_non_null(packed);
    assert_int_equal(compress(packed, &n, (const Bytef *)raw.bytes, raw.length), Z_OK);
    put(header, (uint32_t)png->w, 4, true);
    put(header + 4, (uint32_t)png->h, 4, true);
    header[8] = (uint8_t)png->depth;
    header[9] = (uint8_t)png->type;
    header[12] = png->interlaced;
    text_add_bytes(out, "\x89PNG\r\n\x1A\n", 8);
    png_add_chunk(out, "IHDR", header, sizeof header);
    if (png->chunks.length > 0) {
        text_add_bytes(out, png->chunks.bytes, png->chunks.length);
    }
    png_add_chunk(out, "IDAT", packed, n);
    png_add_chunk(out, "IEND", NULL, 0);
    assert_false(out->failed);
    free(packed);
    text_close(&raw);
    text_close(&png->chunks);
}

void jpeg_make(enum jpeg_kind kind, int h, int w, const uint8_t *pixels, bool progressive,
               int quality, struct text *out)
{
    static const int formats[] = {TJPF_GRAY, TJPF_RGB, TJPF_CMYK};
    tjhandle encoder = tjInitCompress();
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    assert_non_null(encoder);
    assert_int_equal(tjCompress2(encoder, pixels, w, 0, h, formats[kind], &bytes, &n,
                                 kind == JPEG_GREY ? TJSAMP_GRAY : TJSAMP_444, quality,
                                 TJFLAG_ACCURATEDCT | (progressive ? TJFLAG_PROGRESSIVE : 0)),
                     0);
    text_add_bytes(out, (const char *)bytes, n);
    assert_false(out->failed);
    tjFree(bytes);
    tjDestroy(encoder);
}

void bytes_insert(struct text *text, size_t at, const void *bytes, size_t n)
{
    const size_t behind = text->length - at;
    text_add_bytes(text, bytes, n); // makes room
    assert_false(text->failed);
    memmove(text->bytes + at + n, text->bytes + at, behind);
    memcpy(text->bytes + at, bytes, n);
}

void exif_make(int orientation, bool big, struct text *out)
{
    enum { ENTRIES = 2 };
    uint8_t block[8 + 2 + 12 * ENTRIES + 4] = {0};
    memcpy(block, big ? "MM" : "II", 2);
    put(block + 2, 42, 2, big);
    put(block + 4, 8, 4, big);
    put(block + 8, ENTRIES, 2, big);
    put(block + 10, 0x0100, 2, big); // the picture's width, of no interest
    put(block + 12, 4, 2, big);
    put(block + 14, 1, 4, big);
    put(block + 18, 77, 4, big);
    put(block + 22, 0x0112, 2, big);
    put(block + 24, 3, 2, big);
    put(block + 26, 1, 4, big);
    put(block + 30, (uint32_t)orientation, 2, big);
    text_add_bytes(out, (const char *)block, sizeof block);
}

void jpeg_add_exif(struct text *jpeg, const struct text *exif)
{
    uint8_t start[10] = {0xFF, 0xE1, 0, 0, 'E', 'x', 'i', 'f', 0, 0};
    put(start + 2, (uint32_t)exif->length + 8, 2, true);
    bytes_insert(jpeg, 2, exif->bytes, exif->length);
    bytes_insert(jpeg, 2, start, sizeof start);
}

const struct image_request image_on_white = {.ground = {255, 255, 255}};

enum status image_decode_copy(const struct text *bytes, const struct image_request *request,
                              struct arena *arena, struct image *out)
{
    uint8_t *copy = malloc(bytes->length > 0 ? bytes->length : 1);
    assert_non_null(copy);
    if (bytes->length > 0) {
        memcpy(copy, bytes->bytes, bytes->length);
    }
    const enum status status = image_decode_bytes(copy, bytes->length, request, arena, out);
    free(copy);
    return status;
}

void image_expect(struct text *bytes, const struct image_request *request, int h, int w,
                  const uint8_t *expected, int tolerance, bool untidy)
{
    struct arena arena = {.newest = NULL};
    struct image image;
    assert_ok(image_decode_copy(bytes, request, &arena, &image));
    assert_int_equal(image.h, h);
    assert_int_equal(image.w, w);
    assert_int_equal(image.untidy, untidy);
    for (int i = 0; i < h * w * 3; i++) {
        if (abs(image.rgb[i] - expected[i]) > tolerance) {
            fail_msg("byte %d: expected %d, got %d", i, expected[i], image.rgb[i]);
        }
    }
    arena_close(&arena);
    text_close(bytes);
}

void image_expect_refusal(struct text *bytes, const char *reason)
{
    struct arena arena = {.newest = NULL};
    struct image image;
    assert_fails(image_decode_copy(bytes, &image_on_white, &arena, &image), ERR_INPUT, reason);
    assert_true(arena.used_bytes < 100000); // nothing was believed that the bytes cannot hold
    arena_close(&arena);
    text_close(bytes);
}
