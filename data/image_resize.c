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

// One source row [.][3] to one row [w][3] of floats.
static void resize_row(const uint8_t *row, int w, const struct taps *taps, float *out)
{
    for (int x = 0; x < w; x++) {
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

// Columns of rows [.][w][3] to out [h][w][3]. line [w][3]: scratch
static void resize_columns(const float *rows, int h, int w, const struct taps *taps, float *line,
                           uint8_t *out)
{
    const size_t width = 3 * (size_t)w;
    for (int y = 0; y < h; y++, out += width) {
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

// `side` pixels of a picture whose other side is cut to `other_from` of what becomes `other`.
static int same_shape(int side, int other_from, int other)
{
    const int64_t pixels = ((int64_t)side * other_from + other / 2) / other;
    return pixels < 1 ? 1 : (int)pixels;
}

enum status image_fit(const struct image *image, int h, int w, struct arena *scratch, uint8_t *out)
{
    const bool wide = (int64_t)image->w * h > (int64_t)image->h * w;
    const int from_h = wide ? image->h : same_shape(h, image->w, w);
    const int from_w = wide ? same_shape(w, image->h, h) : image->w;
    const uint8_t *corner = image->rgb + 3 * ((size_t)((image->h - from_h) / 2) * (size_t)image->w +
                                              (size_t)((image->w - from_w) / 2));
    struct taps *across, *down;
    float *rows, *line;
    TRY(make_taps(from_w, w, scratch, &across));
    TRY(make_taps(from_h, h, scratch, &down));
    ARENA_NEW(scratch, rows, (size_t)from_h * (size_t)w * 3);
    ARENA_NEW(scratch, line, (size_t)w * 3);
    for (int y = 0; y < from_h; y++) {
        resize_row(corner + (size_t)y * (size_t)image->w * 3, w, across,
                   rows + (size_t)y * (size_t)w * 3);
    }
    resize_columns(rows, h, w, down, line, out);
    return OK;
}
