#include "stripes.h"

#include "core/file.h"

#include <stdio.h>
#include <stdlib.h>

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static void write_file(const struct program *p, const char *folder, const char *name,
                       const uint8_t *bytes, size_t n)
{
    char path[PROGRAM_PATH_CHARS], place[PROGRAM_PATH_CHARS];
    snprintf(place, sizeof place, "%s/%s", folder, name);
    assert_int_equal(file_write(program_path(p, place, path), bytes, n), OK);
}

void stripes_write_part(const struct program *p, const char *folder, const char *prefix, int n,
                        int h, int shade)
{
    const size_t image_bytes = 16 + (size_t)n * STRIPES_SIDE * STRIPES_SIDE;
    uint8_t *images = malloc(image_bytes), *labels = malloc(8 + (size_t)n);
    assert_true(images != NULL && labels != NULL);
    char name[64];
    uint32_t noise = 1;
    put_u32(images, 0x803);
    put_u32(images + 4, (uint32_t)n);
    put_u32(images + 8, (uint32_t)h);
    put_u32(images + 12, (uint32_t)(STRIPES_SIDE * STRIPES_SIDE / h));
    put_u32(labels, 0x801);
    put_u32(labels + 4, (uint32_t)n);
    for (int i = 0; i < n * STRIPES_SIDE * STRIPES_SIDE; i++) {
        const int image = i / (STRIPES_SIDE * STRIPES_SIDE), y = i / STRIPES_SIDE % STRIPES_SIDE,
                  x = i % STRIPES_SIDE;
        const int line = image % 2 == 0 ? x : y;
        noise = noise * 1664525 + 1013904223;
        images[16 + i] = (uint8_t)(line % 4 < 2 ? (int)(noise >> 26) : 120 + shade);
        labels[8 + image] = (uint8_t)(image % 2);
    }
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
    write_file(p, folder, name, images, image_bytes);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    write_file(p, folder, name, labels, 8 + (size_t)n);
    free(images);
    free(labels);
}

void stripes_write(const struct program *p, const char *folder, int train, int shade_train,
                   int shade_test)
{
    char path[PROGRAM_PATH_CHARS];
    assert_int_equal(file_make_folders(program_path(p, folder, path)), OK);
    stripes_write_part(p, folder, "train", train, STRIPES_SIDE, shade_train);
    stripes_write_part(p, folder, "t10k", STRIPES_TEST, STRIPES_SIDE, shade_test);
}
