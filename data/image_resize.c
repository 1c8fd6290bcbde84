// Separable resizing: rows first, then columns, in float between the two.
#include "data/image_resize.h"

#include <math.h>
#include <string.h>

// The source pixels that one target pixel is made of, on one axis.
struct taps {
    int first, n;
    const float *weight; // [n], sum 1
};

// taps [size] for resizing `from` pixels to `size`.
static enum status make_taps(int from, int size, struct arena *scratch, struct taps **out)
{
    const double ratio = (double)from / size;
    const double reach = ratio > 1 ? ratio : 1; // half the width of the triangle, source pixels
    struct taps *taps;
    ARENA_NEW(scratch, taps, (size_t)size);
    float *weight;
    const size_t most = (size_t)ceil(2 * reach) + 2; // taps of one target pixel
    ARENA_NEW(scratch, weight, (size_t)size * most);
    for (int i = 0; i < size; i++) {
        const double centre = (i + 0.5) * ratio;
        int first = (int)floor(centre - reach);
        int last = (int)ceil(centre + reach);
        first = first < 0 ? 0 : first;
        last = last > from - 1 ? from - 1 : last;
        CHECK(last - first + 1 <= (int)most);
        double sum = 0;
        for (int j = first; j <= last; j++) {
            const double w = 1 - fabs(j + 0.5 - centre) / reach;
            sum += w > 0 ? w : 0;
        }
        for (int j = first; j <= last; j++) {
            const double w = 1 - fabs(j + 0.5 - centre) / reach;
            weight[j - first] = (float)(w > 0 ? w / sum : 0);
        }
        taps[i] = (struct taps){.first = first, .n = last - first + 1, .weight = weight};
        weight += most;
    }
    *out = taps;
    return OK;
}

// One source row [side][3] to one row [size][3] of floats.
static void resize_row(const uint8_t *row, int size, const struct taps *taps, float *out)
{
    for (int x = 0; x < size; x++) {
        float sum[3] = {0, 0, 0};
        const uint8_t *pixel = row + 3 * (size_t)taps[x].first;
        for (int j = 0; j < taps[x].n; j++, pixel += 3) {
            for (int c = 0; c < 3; c++) {
                sum[c] += taps[x].weight[j] * (float)pixel[c];
            }
        }
        memcpy(out + 3 * (size_t)x, sum, sizeof sum);
    }
}

// Columns of rows [side][size][3] to out [size][size][3].
static void resize_columns(const float *rows, int size, const struct taps *taps, float *line,
                           uint8_t *out)
{
    const size_t width = 3 * (size_t)size;
    for (int y = 0; y < size; y++, out += width) {
        memset(line, 0, width * sizeof *line);
        for (int j = 0; j < taps[y].n; j++) {
            const float *row = rows + (size_t)(taps[y].first + j) * width;
            for (size_t x = 0; x < width; x++) {
                line[x] += taps[y].weight[j] * row[x];
            }
        }
        for (size_t x = 0; x < width; x++) {
            const long value = lrintf(line[x]);
            out[x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
}

enum status image_fit_square(const struct image *image, int size, struct arena *scratch,
                             uint8_t *out)
{
    const int side = image->h < image->w ? image->h : image->w;
    const uint8_t *corner = image->rgb + 3 * ((size_t)((image->h - side) / 2) * (size_t)image->w +
                                              (size_t)((image->w - side) / 2));
    struct taps *taps;
    float *rows, *line;
    TRY(make_taps(side, size, scratch, &taps));
    ARENA_NEW(scratch, rows, (size_t)side * (size_t)size * 3);
    ARENA_NEW(scratch, line, (size_t)size * 3);
    for (int y = 0; y < side; y++) {
        resize_row(corner + (size_t)y * (size_t)image->w * 3, size, taps,
                   rows + (size_t)y * (size_t)size * 3);
    }
    resize_columns(rows, size, taps, line, out);
    return OK;
}
