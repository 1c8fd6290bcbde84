// Writes PNG and JPEG files for tests.
#include "image_files.h"

#include "data_files.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

void image_write_png(const char *folder, const char *name, enum image_kind kind, int h, int w,
                     const uint8_t *pixels)
{
    png_image png;
    memset(&png, 0, sizeof png);
    png.version = PNG_IMAGE_VERSION;
    png.width = (png_uint_32)w;
    png.height = (png_uint_32)h;
    png.format = kind == IMAGE_GREY  ? PNG_FORMAT_GRAY
                 : kind == IMAGE_RGB ? PNG_FORMAT_RGB
                                     : PNG_FORMAT_RGBA;
    png_alloc_size_t n = 0;
    assert_true(png_image_write_get_memory_size(png, n, 0, pixels, 0, NULL));
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    assert_true(png_image_write_to_memory(&png, bytes, &n, 0, pixels, 0, NULL));
    files_write(folder, name, bytes, n);
    free(bytes);
}

void image_write_jpeg(const char *folder, const char *name, enum image_kind kind, int h, int w,
                      const uint8_t *pixels, int progressive)
{
    tjhandle encoder = tjInitCompress();
    assert_non_null(encoder);
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    const int grey = kind == IMAGE_GREY;
    assert_int_equal(tjCompress2(encoder, pixels, w, 0, h, grey ? TJPF_GRAY : TJPF_RGB, &bytes, &n,
                                 grey ? TJSAMP_GRAY : TJSAMP_444, 95,
                                 progressive ? TJFLAG_PROGRESSIVE : 0),
                     0);
    files_write(folder, name, bytes, n);
    tjFree(bytes);
    tjDestroy(encoder);
}
