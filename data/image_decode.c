// JPEG by libturbojpeg, PNG by libpng's simplified interface.
#include "data/image_decode.h"

#include "core/file.h"

#include <png.h>
#include <string.h>
#include <turbojpeg.h>

#define MOST_PIXELS 100000000.0

static enum status allocate(const char *path, int64_t h, int64_t w, struct arena *arena,
                            struct image *out)
{
    if (h < 1 || w < 1 || (double)h * (double)w > MOST_PIXELS) {
        FAIL(ERR_INPUT, "%s: expected at most %.0f pixels, got %lld x %lld", path, MOST_PIXELS,
             (long long)w, (long long)h);
    }
    out->h = (int)h;
    out->w = (int)w;
    ARENA_NEW(arena, out->rgb, (size_t)h * (size_t)w * 3);
    return OK;
}

static enum status decode_jpeg_with(tjhandle decoder, const char *path, const uint8_t *bytes,
                                    size_t n, struct arena *arena, struct image *out)
{
    int w = 0, h = 0, sampling = 0, colours = 0;
    if (tjDecompressHeader3(decoder, bytes, (unsigned long)n, &w, &h, &sampling, &colours) != 0) {
        FAIL(ERR_INPUT, "%s: not a valid JPEG file: %s", path, tjGetErrorStr2(decoder));
    }
    if (colours == TJCS_CMYK || colours == TJCS_YCCK) {
        FAIL(ERR_INPUT, "%s: expected a grey or RGB JPEG file, got one in CMYK; convert it", path);
    }
    TRY(allocate(path, h, w, arena, out));
    const int flags = TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT;
    if (tjDecompress2(decoder, bytes, (unsigned long)n, out->rgb, w, 0, h, TJPF_RGB, flags) != 0) {
        FAIL(ERR_INPUT, "%s: damaged JPEG file: %s", path, tjGetErrorStr2(decoder));
    }
    return OK;
}

static enum status decode_jpeg(const char *path, const uint8_t *bytes, size_t n,
                               struct arena *arena, struct image *out)
{
    tjhandle decoder = tjInitDecompress();
    if (decoder == NULL) {
        FAIL(ERR_MEMORY, "%s: no memory for a JPEG decoder", path);
    }
    const enum status status = decode_jpeg_with(decoder, path, bytes, n, arena, out);
    tjDestroy(decoder);
    return status;
}

static enum status decode_png_with(png_image *png, const char *path, const uint8_t *bytes, size_t n,
                                   struct arena *arena, struct image *out)
{
    if (!png_image_begin_read_from_memory(png, bytes, n)) {
        FAIL(ERR_INPUT, "%s: not a valid PNG file: %s", path, png->message);
    }
    TRY(allocate(path, png->height, png->width, arena, out));
    png->format = PNG_FORMAT_RGB;
    const png_color black = {0, 0, 0};
    if (!png_image_finish_read(png, &black, out->rgb, 0, NULL)) {
        FAIL(ERR_INPUT, "%s: damaged PNG file: %s", path, png->message);
    }
    return OK;
}

static enum status decode_png(const char *path, const uint8_t *bytes, size_t n, struct arena *arena,
                              struct image *out)
{
    png_image png;
    memset(&png, 0, sizeof png);
    png.version = PNG_IMAGE_VERSION;
    const enum status status = decode_png_with(&png, path, bytes, n, arena, out);
    png_image_free(&png);
    return status;
}

static enum status decode(const char *path, const uint8_t *bytes, size_t n, struct arena *arena,
                          struct image *out)
{
    static const uint8_t jpeg_start[] = {0xFF, 0xD8, 0xFF};
    static const uint8_t png_start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (n >= sizeof jpeg_start && memcmp(bytes, jpeg_start, sizeof jpeg_start) == 0) {
        return decode_jpeg(path, bytes, n, arena, out);
    }
    if (n >= sizeof png_start && memcmp(bytes, png_start, sizeof png_start) == 0) {
        return decode_png(path, bytes, n, arena, out);
    }
    FAIL(ERR_INPUT, "%s: expected a JPEG or PNG file, its first bytes are of neither", path);
}

enum status image_decode(const char *path, struct arena *arena, struct image *out)
{
    void *bytes;
    size_t n;
    struct image image = {.rgb = NULL};
    TRY(file_map(path, &bytes, &n));
    const enum status status = decode(path, bytes, n, arena, &image);
    file_unmap(bytes, n);
    if (status == OK) {
        *out = image;
    }
    return status;
}
