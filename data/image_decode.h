// Pictures from strangers to RGB bytes: JPEG, PNG, PPM/PGM and BMP, from memory or from files.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>

struct image {
    int h, w;
    uint8_t *rgb; // [h][w][3], upright, from the arena given
    // All pixels are there, but the file has junk before its end mark, or no end mark.
    bool untidy;
};

// What is wanted of a picture.
struct image_request {
    // The size that it will be cut and resized to. A JPEG of more than twice (four times, eight
    // times) that on both sides is decoded at a half (a quarter, an eighth), never at less than
    // this size. 0: every picture in full.
    int h, w;
    uint8_t ground[3]; // RGB under what is transparent
};

// "white", "black", a grey value 0 to 255, or "#rrggbb". ERR_CONFIG for anything else.
enum status image_parse_ground(const char *text, uint8_t ground[3]);

// The kind is told by the first bytes. Grey becomes RGB, 16 bits become 8 by rounding, gamma and
// colour profiles are ignored, what is transparent shows the ground, and the orientation that a
// camera noted (EXIF) is applied. ERR_INPUT with the reason, without a name, for what is no such
// picture, for missing or damaged pixels, CMYK, and more than 100 megapixels. Equal bytes give
// equal pixels on every machine. A pure function, for any number of threads: nothing is allocated
// before the header is checked against n, and nothing is left but what is in the arena.
enum status image_decode_bytes(const uint8_t *bytes, size_t n, const struct image_request *request,
                               struct arena *arena, struct image *out);

// The same of a file. The message names it.
enum status image_decode_file(const char *path, const struct image_request *request,
                              struct arena *arena, struct image *out);

// Whether a file is such a picture: by its header and its last bytes, or, when those leave doubts
// or `thorough` is set, by decoding it. ERR_INPUT with the reason, without the file's name.
// *untidy: as in struct image, false where nothing was decoded. scratch: what it holds is for the
// caller to reset.
enum status image_check_file(const char *path, bool thorough, struct arena *scratch, bool *untidy);
