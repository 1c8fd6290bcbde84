// Convolutions of 3 x 3 taps, stride 1 and one pixel of padding: a warp goes down its rows of the
// input once, and what it loads of a row goes into the three rows of the output that see it. So it
// loads (rows + 2) / (3 rows) of what a walk over the taps would, and finds addresses once for all
// rows.
//
// A strip is 8 pixels of a row, and some rows below one another; a warp takes two of them, as the
// upper and the lower half of the left matrix. The inner dimension of one kernel row is (column,
// chunk), two of them a step.
#pragma once
#include "compute/cuda/candidate_product.h"

enum { STRIP = 8, MOST_SWEEP_ROWS = 4, MOST_SWEEP_TILES = 4 };

DEVICE bool can_sweep(const struct candidate_window *window, const struct candidate_view *in,
                      const struct candidate_view *out)
{
    return window->kernel[0] == 3 && window->kernel[1] == 3 && window->stride[0] == 1 &&
           window->stride[1] == 1 && window->dilation[0] == 1 && window->dilation[1] == 1 &&
           window->pad[0] == 1 && window->pad[1] == 1 && out->h == in->h && out->w == in->w &&
           in->w % STRIP == 0 && in->h % 2 == 0;
}

struct strip {
    bool there;
    int x, y;  // of its first pixel in its image
    int pixel; // likewise, over all images
};

// Strip `number` of `n`, of so many rows each.
DEVICE struct strip find_strip(const struct candidate_view *in, int number, int n, int rows)
{
    const uint32_t across = (uint32_t)in->w / STRIP, bands = (uint32_t)(in->h / rows);
    const uint32_t band = (uint32_t)number / across;
    struct strip strip;
    strip.there = number < n;
    strip.x = (int)((uint32_t)number % across) * STRIP;
    strip.y = (int)(band % bands) * rows;
    strip.pixel = ((int)(band / bands) * in->h + strip.y) * in->w + strip.x;
    return strip;
}

// Where a lane finds its pixel in the rows that are gone through: the first lies above the strip.
struct row_source {
    const unsigned char *above, *first; // of the row above, of the strip's first row
    const unsigned char *below;
    uint32_t stride; // bytes from row to row; 0: all are zeros
};

// The lane's pixel under one column of the kernel, `chunk` of it. there: it is to be looked at.
DEVICE struct row_source find_rows(const struct product *p, const struct strip *strip, int column,
                                   int chunk, bool there, const int rows)
{
    const int x = strip->x + lane_id() % STRIP + column - 1;
    const bool seen = there && strip->there && x >= 0 && x < p->in.w;
    struct row_source source;
    source.above = source.first = source.below = p->zeros;
    source.stride = 0;
    if (seen) {
        // Rows are multiples of 8 pixels, so a chunk's place in its pixel is the same in all.
        source.first =
            candidate_chunk(&p->in, strip->pixel + lane_id() % STRIP + column - 1, chunk);
        source.stride = (uint32_t)(p->in.w * p->in.chunks) * CANDIDATE_CHUNK;
        source.above = strip->y > 0 ? source.first - source.stride : p->zeros;
        source.below =
            strip->y + rows < p->in.h ? source.first + (uint32_t)rows * source.stride : p->zeros;
    }
    return source;
}

// The weights of one step, of all kernel rows; from: the lane's row of the first.
DEVICE void load_row_weights(const struct product *p, const unsigned char *from, const int most,
                             uint32_t b[3][MOST_SWEEP_TILES / 2][4])
{
    const int second = lane_id() / 16;
    const uint32_t kernel_row = (uint32_t)(3 * p->in.chunks * p->columns) * CANDIDATE_CHUNK;
    UNROLL
    for (int t = 0; t < most; t += 2) {
        const int tile = t + second < p->tiles ? t + second : p->tiles - 1;
        UNROLL
        for (int k = 0; k < 3; k++) {
            load_matrix_x4(b[k][t / 2],
                           from + (uint32_t)k * kernel_row + tile * 8 * CANDIDATE_CHUNK);
        }
    }
}

DEVICE void load_row(const struct row_source *source, const int row, const int rows,
                     const int precision, uint32_t a[4])
{
    load_matrix_x4(a, row == 0          ? source->above
                      : row == rows + 1 ? source->below
                                        : source->first + (uint32_t)(row - 1) * source->stride);
    UNROLL
    for (int i = 0; i < 4 && precision == PRECISION_TF32; i++) {
        a[i] = tf32_round(bits_f32(a[i]));
    }
}

// sums[r] += what row r of the strip sees. Of tiles behind p->tiles it is of no use.
DEVICE void sweep_all(const struct product *p, const struct strip *strip, const int precision,
                      const int rows, const int most,
                      float sums[MOST_SWEEP_ROWS][MOST_SWEEP_TILES][4])
{
    const int chunks = p->in.chunks, all = 3 * chunks;
    const int half = lane_id() / 8 % 2; // of a step, which the lane addresses in the right matrix
    int column = chunks == 1 ? lane_id() / 16 : 0, chunk = chunks == 1 ? 0 : lane_id() / 16;
    for (int step = 0; step < all; step += 2) {
        const struct row_source source =
            find_rows(p, strip, column, chunk, step + lane_id() / 16 < all, rows);
        const int inner = step + half < all ? step + half : step;
        uint32_t b[3][MOST_SWEEP_TILES / 2][4];
        load_row_weights(
            p, p->weights + (uint32_t)(inner * p->columns + lane_id() % 8) * CANDIDATE_CHUNK, most,
            b);
        UNROLL
        for (int row = 0; row < rows + 2; row++) {
            uint32_t a[4];
            load_row(&source, row, rows, precision, a);
            UNROLL
            for (int k = 0; k < 3; k++) {
                UNROLL
                for (int t = 0; t < most; t++) {
                    if (row - k >= 0 && row - k < rows) {
                        multiply(sums[row - k][t], a, b[k][t / 2] + t % 2 * 2, precision);
                    }
                }
            }
        }
        UNROLL
        for (int i = 0; i < 2; i++) { // two chunks further
            chunk += i == 0 ? 2 : 0;
            column += chunk >= chunks;
            chunk -= chunk >= chunks ? chunks : 0;
        }
    }
}

// The lane's own half of each row of both strips; see the layout of the instruction's sums.
DEVICE void write_strips(const struct product_end *e, const struct candidate_view *in, int first,
                         int n, const int rows, const int most, const bool floors,
                         float sums[MOST_SWEEP_ROWS][MOST_SWEEP_TILES][4])
{
    struct channel_affine affine[MOST_SWEEP_TILES];
    UNROLL
    for (int t = 0; t < most; t++) {
        affine[t] = load_affine(e, t);
    }
    UNROLL
    for (int which = 0; which < 2; which++) {
        const struct strip strip = find_strip(in, first + which, n, rows);
        UNROLL
        for (int r = 0; r < rows && strip.there; r++) {
            UNROLL
            for (int t = 0; t < most; t++) {
                if (t < e->tiles) {
                    write_pair(e, strip.pixel + r * in->w + lane_id() / 4, t, &affine[t], floors,
                               sums[r][t][2 * which], sums[r][t][2 * which + 1]);
                }
            }
        }
    }
}

// Two strips of `rows` rows, times p->tiles tiles, by a warp.
DEVICE void sweep_task(const struct product *p, const struct product_end *e, int first, int n,
                       const int precision, const int rows, const int most)
{
    const struct strip strip = find_strip(&p->in, first + lane_id() / STRIP % 2, n, rows);
    float sums[MOST_SWEEP_ROWS][MOST_SWEEP_TILES][4];
    UNROLL
    for (int i = 0; i < rows * most * 4; i++) {
        sums[i / (most * 4)][i / 4 % most][i % 4] = 0.0F;
    }
    sweep_all(p, &strip, precision, rows, most, sums);
    if (has_floor(&e->act)) {
        write_strips(e, &p->in, first, n, rows, most, true, sums);
    } else {
        write_strips(e, &p->in, first, n, rows, most, false, sums);
    }
}
