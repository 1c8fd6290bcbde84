// Support of the picture tests: files made byte by byte, in memory, and what must become of them.
#pragma once
#include "core/text.h"
#include "data/image_decode.h"

#include <stdbool.h>
#include <stdint.h>

// A PNG to be: what its header says, chunks between header and pixels, and its pixels.
struct png_bytes {
    int h, w, depth, type; // type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA
    bool interlaced;       // of whole bytes per pixel only
    const uint8_t *rows;   // [h][row bytes], as the format has them
    struct text chunks;    // png_add_chunk; closed by png_make
};
void png_add_chunk(struct text *out, const char *type, const void *bytes, size_t n);
// The file. png->chunks is closed.
void png_make(struct png_bytes *png, struct text *out);

enum jpeg_kind { JPEG_GREY, JPEG_RGB, JPEG_CMYK };
// pixels [h][w][1, 3 or 4]; no colour subsampling.
void jpeg_make(enum jpeg_kind kind, int h, int w, const uint8_t *pixels, bool progressive,
               int quality, struct text *out);
// Puts bytes into a text at a place.
void bytes_insert(struct text *text, size_t at, const void *bytes, size_t n);
// An EXIF block with an orientation, "II" or "MM" on, without a JPEG's "Exif\0\0".
void exif_make(int orientation, bool big, struct text *out);
// Puts an EXIF block into a JPEG.
void jpeg_add_exif(struct text *jpeg, const struct text *exif);

// A text of literal bytes, without the last NUL, in an initialiser: bytes, number.
#define BYTES_OF(literal) (literal), sizeof(literal) - 1

extern const struct image_request image_on_white; // in full
// Decodes a copy that ends where the bytes end, so that a byte read behind it is seen.
enum status image_decode_copy(const struct text *bytes, const struct image_request *request,
                              struct arena *arena, struct image *out);
// Decodes, compares with expected [h][w][3], and closes the text.
void image_expect(struct text *bytes, const struct image_request *request, int h, int w,
                  const uint8_t *expected, int tolerance, bool untidy);
// ERR_INPUT with this reason, and hardly any memory taken; closes the text.
void image_expect_refusal(struct text *bytes, const char *reason);
