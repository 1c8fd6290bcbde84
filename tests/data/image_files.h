// Support of the folder tests: writes PNG and JPEG files.
#pragma once
#include <stdint.h>

enum image_kind { IMAGE_GREY = 1, IMAGE_RGB = 3, IMAGE_RGBA = 4 }; // the value is the channels

// pixels [h][w][kind]
void image_write_png(const char *folder, const char *name, enum image_kind kind, int h, int w,
                     const uint8_t *pixels);
// Quality 95, no colour subsampling. kind: IMAGE_GREY or IMAGE_RGB. progressive: in scans.
void image_write_jpeg(const char *folder, const char *name, enum image_kind kind, int h, int w,
                      const uint8_t *pixels, int progressive);
