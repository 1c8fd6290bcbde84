// Separable resizing: for each row wanted, source rows are mixed, then columns of that, in float
// between the two.
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

enum { LANES = 4 }; // three channels and one that does not count: adding four is as fast as one

// Weighted sum of source rows, `stride` bytes apart, to line [width].
static void mix_rows(const uint8_t *rows, size_t stride, const struct taps *taps, size_t width,
                     float *line)
{
    memset(line, 0, width * sizeof *line);
    for (int j = 0; j < taps->n; j++) {
        const uint8_t *row = rows + (size_t)(taps->first + j) * stride;
        const float weight = taps->weight[j];
        for (size_t x = 0; x < width; x++) {
            line[x] += weight * (float)row[x];
        }
    }
}

// line [.][3], and one float behind it, to out [w][3].
static void mix_columns(const float *line, const struct taps *taps, int w, uint8_t *out)
{
    for (int x = 0; x < w; x++, out += 3) {
        float sum[LANES] = {0};
        const float *pixel = line + 3 * (size_t)taps[x].first;
        for (int j = 0; j < taps[x].n; j++, pixel += 3) {
            for (int c = 0; c < LANES; c++) {
                sum[c] += taps[x].weight[j] * pixel[c];
            }
        }
        for (int c = 0; c < 3; c++) {
            const long value = lrintf(sum[c]);
            out[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
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
    const size_t stride = (size_t)image->w * 3, row_bytes = (size_t)w * 3;
    if (from_h == h && from_w == w) {
        for (int y = 0; y < h; y++) {
            memcpy(out + (size_t)y * row_bytes, corner + (size_t)y * stride, row_bytes);
        }
        return OK;
    }
    struct taps *across, *down;
    float *line; // one row of the part, as high as wanted and as wide as stored
    const size_t width = 3 * (size_t)from_w;
    TRY(make_taps(from_w, w, scratch, &across));
    TRY(make_taps(from_h, h, scratch, &down));
    ARENA_NEW(scratch, line, width + 1);
    for (int y = 0; y < h; y++) {
        mix_rows(corner, stride, &down[y], width, line);
        mix_columns(line, across, w, out + (size_t)y * row_bytes);
    }
    return OK;
}
