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

// A map's strips, `n` of them.
struct strips {
    int n, rows;
    uint32_t across, bands;                 // of an image
    uint32_t across_inverse, bands_inverse; // for inverse_divide
};

struct strip {
    bool there;
    int x, y;  // of its first pixel in its image
    int pixel; // likewise, over all images
};

// 2^32 / d, rounded up; 0 for 1.
DEVICE uint32_t inverse_of(uint32_t d)
{
    return 0xffffffffU / d + 1;
}

// n / d, where n d < 2^32.
DEVICE uint32_t inverse_divide(uint32_t n, uint32_t inverse)
{
    return inverse == 0 ? n : (uint32_t)((uint64_t)n * inverse >> 32);
}

DEVICE struct strips find_strips(const struct candidate_view *in, int images, int rows)
{
    struct strips strips;
    strips.rows = rows;
    strips.across = (uint32_t)in->w / STRIP;
    strips.bands = (uint32_t)(in->h / rows);
    strips.n = images * (int)(strips.across * strips.bands);
    strips.across_inverse = inverse_of(strips.across);
    strips.bands_inverse = inverse_of(strips.bands);
    return strips;
}

DEVICE struct strip find_strip(const struct strips *strips, const struct candidate_view *in,
                               int number)
{
    const uint32_t band = inverse_divide((uint32_t)number, strips->across_inverse);
    const uint32_t image = inverse_divide(band, strips->bands_inverse);
    struct strip strip;
    strip.there = number < strips->n;
    strip.x = (int)((uint32_t)number - band * strips->across) * STRIP;
    strip.y = (int)(band - image * strips->bands) * strips->rows;
    strip.pixel = ((int)image * in->h + strip.y) * in->w + strip.x;
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

// One step's rows, from above the strip to below it; each goes into up to three rows of the output.
DEVICE void sweep_step(const struct row_source *source, const int precision, const int rows,
                       const int most, uint32_t b[3][MOST_SWEEP_TILES / 2][4],
                       float sums[MOST_SWEEP_ROWS][MOST_SWEEP_TILES][4])
{
    UNROLL
    for (int row = 0; row < rows + 2; row++) {
        uint32_t a[4];
        load_row(source, row, rows, precision, a);
        UNROLL
        for (int k = 0; k < 3; k++) {
            UNROLL
            for (int t = 0; t < most && row - k >= 0 && row - k < rows; t++) {
                multiply(sums[row - k][t], a, b[k][t / 2] + t % 2 * 2, precision);
            }
        }
    }
}

// A place in a kernel row.
struct row_place {
    int column, chunk;
};

DEVICE void next_place(struct row_place *place, int chunks)
{
    place->column += place->chunk + 1 >= chunks;
    place->chunk = place->chunk + 1 >= chunks ? 0 : place->chunk + 1;
}

// sums[r] += what row r of the strip sees. Of tiles behind p->tiles it is of no use.
DEVICE void sweep_all(const struct product *p, const struct strip *strip, const int precision,
                      const int rows, const int most,
                      float sums[MOST_SWEEP_ROWS][MOST_SWEEP_TILES][4])
{
    const int chunks = p->in.chunks, all = 3 * chunks;
    const int half = lane_id() / 8 % 2; // of a step, which the lane addresses in the right matrix
    struct row_place place;
    place.column = place.chunk = 0;
    if (lane_id() >= 16) {
        next_place(&place, chunks);
    }
    for (int step = 0; step < all; step += 2) {
        const struct row_source source =
            find_rows(p, strip, place.column, place.chunk, step + lane_id() / 16 < all, rows);
        const int inner = step + half < all ? step + half : step;
        uint32_t b[3][MOST_SWEEP_TILES / 2][4];
        load_row_weights(
            p, p->weights + (uint32_t)(inner * p->columns + lane_id() % 8) * CANDIDATE_CHUNK, most,
            b);
        sweep_step(&source, precision, rows, most, b, sums);
        next_place(&place, chunks);
        next_place(&place, chunks);
    }
}

// Where the lane's pair of channels of a tile lies in its pixel of a strip. Rows and strips begin
// at multiples of 8 pixels, so that is the same in all.
DEVICE uint32_t find_pair(const struct candidate_view *view, int tile_channel)
{
    const int channel = tile_channel + lane_id() % 4 * 2, each = view->bf16 ? 8 : 4;
    const uint32_t place = (uint32_t)(channel / each) ^
                           ((uint32_t)(lane_id() / 4) >> view->shift & (uint32_t)view->mask);
    return place * CANDIDATE_CHUNK + (uint32_t)(channel % each * (CANDIDATE_CHUNK / each));
}

DEVICE struct candidate_pair load_pair(const unsigned char *from, const bool bf16)
{
    struct candidate_pair pair;
    if (bf16) {
        const uint32_t bits = *(const uint32_t *)from;
        pair.low = bf16_low(bits);
        pair.high = bf16_high(bits);
    } else {
        pair.low = ((const float *)from)[0];
        pair.high = ((const float *)from)[1];
    }
    return pair;
}

DEVICE void store_pair(unsigned char *to, const bool bf16, struct candidate_pair pair)
{
    if (bf16) {
        *(uint32_t *)to = bf16_pack(pair.low, pair.high);
    } else {
        ((float *)to)[0] = pair.low;
        ((float *)to)[1] = pair.high;
    }
}

// The lane's own half of each row of both strips; see the layout of the instruction's sums. Output
// and what is added have the same shape.
DEVICE void write_strips(const struct product_end *e, const struct strips *strips, int first,
                         const int rows, const int most, const bool floors,
                         const struct channel_affine affine[MOST_SWEEP_TILES],
                         float sums[MOST_SWEEP_ROWS][MOST_SWEEP_TILES][4])
{
    const bool bf16 = e->out.bf16;
    const uint32_t pixel_bytes = (uint32_t)e->out.chunks * CANDIDATE_CHUNK;
    uint32_t places[MOST_SWEEP_TILES];
    UNROLL
    for (int t = 0; t < most; t++) {
        places[t] = find_pair(&e->out, e->channel + t * 8);
    }
    UNROLL
    for (int which = 0; which < 2; which++) {
        const struct strip strip = find_strip(strips, &e->out, first + which);
        uint32_t row = (uint32_t)(strip.pixel + lane_id() / 4) * pixel_bytes;
        UNROLL
        for (int r = 0; r < rows && strip.there; r++) {
            UNROLL
            for (int t = 0; t < most; t++) {
                if (t < e->tiles) {
                    struct candidate_pair other;
                    other.low = other.high = 0.0F;
                    if (e->adds) {
                        other = load_pair(e->sum.data + row + places[t], bf16);
                    }
                    store_pair(e->out.data + row + places[t], bf16,
                               complete_pair(e, t, &affine[t], floors, sums[r][t][2 * which],
                                             sums[r][t][2 * which + 1], other));
                }
            }
            row += (uint32_t)e->out.w * pixel_bytes;
        }
    }
}

// Two strips, times p->tiles tiles, by a warp.
DEVICE void sweep_task(const struct product *p, const struct product_end *e,
                       const struct strips *strips, int first, const int precision, const int rows,
                       const int most)
{
    const struct strip strip = find_strip(strips, &p->in, first + lane_id() / STRIP % 2);
    struct channel_affine affine[MOST_SWEEP_TILES];
    float sums[MOST_SWEEP_ROWS][MOST_SWEEP_TILES][4];
    UNROLL
    for (int t = 0; t < most; t++) {
        affine[t] = load_affine(e, t); // early: it is far away
    }
    UNROLL
    for (int i = 0; i < rows * most * 4; i++) {
        sums[i / (most * 4)][i / 4 % most][i % 4] = 0.0F;
    }
    sweep_all(p, &strip, precision, rows, most, sums);
    if (has_floor(&e->act)) {
        write_strips(e, strips, first, rows, most, true, affine, sums);
    } else {
        write_strips(e, strips, first, rows, most, false, affine, sums);
    }
}
