// JPEG and PNG files to RGB bytes. The only place that sees turbojpeg.h and png.h.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>

struct image {
    int h, w;
    uint8_t *rgb; // [h][w][3], from the arena given
};

// The kind is told by the first bytes, not by the name. Grey becomes RGB, transparent pixels are
// laid over black. ERR_INPUT names the file, also when a decoder only warns (a file cut short), and
// for more than 100 megapixels.
enum status image_decode(const char *path, struct arena *arena, struct image *out);
