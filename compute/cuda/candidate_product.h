// The matrix product of a convolution: no input is unrolled; each lane gives the matrix
// instructions the address of the pixel that a tap looks at, or that of zeros where it looks beyond
// the edge. So any kernel, stride, dilation and padding is the same loop.
//
// A row of the left matrix is an output pixel, its columns are (tap, chunk of 16 bytes of
// channels); two chunks make one step of the instruction, for bf16 (16 channels) as for tf32 (8).
// float32 is three tf32 products of what two numbers are in high and low parts.
#pragma once
#include "compute/cuda/candidate_element.h"

enum { MOST_TILES = CANDIDATE_TILE / 8, ROWS = 2 }; // of 8 channels; of 16 pixels, by a warp

// A place in the inner dimension.
struct tap_entry {
    int offset;          // of its pixel from the first one, in pixels of the input
    int16_t row, column; // of the kernel; of padding that makes steps even: beyond any kernel
    int chunk;
    int unused;
};

// What a product reads, all in shared memory.
struct product {
    unsigned char *zeros, *weights; // weights [inner][columns] chunks
    struct tap_entry *taps;         // [inner]
    struct candidate_view in;
    int inner;   // chunks of the inner dimension, even
    int columns; // output channels of the weights, a multiple of 8
    int tiles;   // of 8 channels that are made, from `weights` on
};

// Of each of the lane's ROWS pixels.
struct product_pixel {
    int first;              // the input pixel under the kernel's first tap; may lie outside
    uint32_t rows, columns; // which taps see one
};

// Which taps along an axis, the first of them at `at`, lie within `size` pixels.
DEVICE uint32_t taps_inside(const struct candidate_window *window, int axis, int at, int size)
{
    uint32_t inside = 0;
    for (int k = 0; k < window->kernel[axis]; k++) {
        const uint32_t place = (uint32_t)(at + k * window->dilation[axis]); // before 0: very far
        inside |= (uint32_t)(place < (uint32_t)size) << k;
    }
    return inside;
}

// Output pixel `number` of images below one another; `row`: the image row that the input begins
// with; end: there are so many.
DEVICE void find_pixel(const struct candidate_window *window, const struct candidate_view *in,
                       int out_h, int out_w, int number, int end, int row,
                       struct product_pixel *pixel)
{
    const uint32_t line = (uint32_t)number / (uint32_t)out_w, image = line / (uint32_t)out_h;
    const int y = (int)(line - image * (uint32_t)out_h) * window->stride[0] - window->pad[0];
    const int x =
        (int)((uint32_t)number - line * (uint32_t)out_w) * window->stride[1] - window->pad[1];
    pixel->first = ((int)image * in->h + y - row) * in->w + x;
    pixel->rows = number < end ? taps_inside(window, 0, y, in->h) : 0;
    pixel->columns = taps_inside(window, 1, x, in->w);
}

// The entry at place i of the inner dimension of `chunks` chunks of a pixel, the first of them
// being first_chunk of the pixel's.
DEVICE struct tap_entry make_tap(const struct candidate_window *window, int in_w, int i, int chunks,
                                 int first_chunk)
{
    const int tap = i / chunks, row = tap / window->kernel[1], column = tap % window->kernel[1];
    const bool padding = row >= window->kernel[0];
    struct tap_entry entry;
    entry.offset = row * window->dilation[0] * in_w + column * window->dilation[1];
    entry.row = (int16_t)(padding ? CANDIDATE_KERNEL - 1 : row);
    entry.column = (int16_t)(padding ? CANDIDATE_KERNEL - 1 : column);
    entry.chunk = first_chunk + i % chunks;
    entry.unused = 0;
    return entry;
}

DEVICE uint32_t high_part(uint32_t bits)
{
    return bits & 0xffffe000U;
}

DEVICE uint32_t low_part(uint32_t bits)
{
    return f32_bits(bits_f32(bits) - bits_f32(high_part(bits)));
}

DEVICE void multiply(float c[4], const uint32_t a[4], const uint32_t b[2], const int precision)
{
    if (precision == PRECISION_BF16) {
        mma_bf16(c, a, b);
    } else if (precision == PRECISION_TF32) {
        mma_tf32(c, a, b);
    } else {
        uint32_t a_low[4], b_low[2];
        UNROLL
        for (int i = 0; i < 4; i++) {
            a_low[i] = low_part(a[i]);
        }
        UNROLL
        for (int i = 0; i < 2; i++) {
            b_low[i] = low_part(b[i]);
        }
        mma_tf32(c, a_low, b); // the instruction does not look at low parts
        mma_tf32(c, a, b_low);
        mma_tf32(c, a, b);
    }
}

// What the lane's pixels show under its half of a step.
DEVICE void load_pixels(const struct product *p, const struct product_pixel pixels[ROWS], int step,
                        const int precision, uint32_t a[ROWS][4])
{
    const struct tap_entry tap = p->taps[step + lane_id() / 16];
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        const bool seen = (pixels[r].rows >> tap.row & pixels[r].columns >> tap.column & 1U) != 0;
        load_matrix_x4(a[r], seen ? candidate_chunk(&p->in, pixels[r].first + tap.offset, tap.chunk)
                                  : p->zeros);
        UNROLL
        for (int i = 0; i < 4 && precision == PRECISION_TF32; i++) {
            a[r][i] = tf32_round(bits_f32(a[r][i]));
        }
    }
}

// sums [ROWS][most][4] += pixels times weights, of p->tiles <= most, an even number.
DEVICE void multiply_all(const struct product *p, const struct product_pixel pixels[ROWS],
                         const int precision, const int most, float sums[ROWS][MOST_TILES][4])
{
    const int row = lane_id() % 8, half = lane_id() / 8 % 2, second = lane_id() / 16;
    for (int step = 0; step < p->inner; step += 2) {
        uint32_t a[ROWS][4];
        load_pixels(p, pixels, step, precision, a);
        const unsigned char *weights =
            p->weights + (size_t)(step + half) * (size_t)p->columns * CANDIDATE_CHUNK;
        UNROLL
        for (int t = 0; t < most; t += 2) {
            if (t < p->tiles) { // the same for the whole warp
                uint32_t b[4];
                const int tile = t + second < p->tiles ? t + second : t;
                load_matrix_x4(b, weights + (size_t)(tile * 8 + row) * CANDIDATE_CHUNK);
                UNROLL
                for (int r = 0; r < ROWS; r++) {
                    multiply(sums[r][t], a[r], b, precision);
                    if (t + 1 < p->tiles) {
                        multiply(sums[r][t + 1], a[r], b + 2, precision);
                    }
                }
            }
        }
    }
}

DEVICE void clear_sums(const int most, float sums[ROWS][MOST_TILES][4])
{
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        UNROLL
        for (int t = 0; t < most; t++) {
            UNROLL
            for (int i = 0; i < 4; i++) {
                sums[r][t][i] = 0.0F;
            }
        }
    }
}

// Where a product's sums go. What is read again and again is copied into it: through a pointer it
// would be loaded anew after each store.
struct product_end {
    struct candidate_affine affine;
    struct activation act;
    struct candidate_view out, sum;
    bool adds; // sum
    int candidate, segment;
    int64_t before; // output pixels of the view before pixel 0
    int pixel, end; // of the warp's first row; there are pixels below end
    int channel;    // of the first tile
    int tiles;
};

// Of a lane's pair of channels in one tile.
struct channel_affine {
    float scale[2], shift[2];
};

// Of tile t of the product; 1 and 0 where there is none.
DEVICE struct channel_affine load_affine(const struct product_end *e, int t)
{
    const struct candidate_affine *affine = &e->affine;
    const int channel = e->channel + t * 8 + lane_id() % 4 * 2;
    const size_t at = (size_t)e->candidate * affine->stride +
                      (size_t)e->segment * (size_t)affine->segment_stride + (size_t)channel;
    struct channel_affine own;
    UNROLL
    for (int k = 0; k < 2; k++) {
        const bool there = affine->scale != NULL && t < e->tiles && channel + k < e->out.width;
        own.scale[k] = there ? affine->scale[at + (size_t)k] : 1.0F;
        own.shift[k] = there ? affine->shift[at + (size_t)k] : 0.0F;
    }
    return own;
}

// What the activation is where it is a floor: of RELU and of none.
DEVICE bool has_floor(const struct activation *act)
{
    return act->kind == ACT_RELU || act->kind == ACT_NONE;
}

DEVICE float floor_of(const struct activation *act)
{
    return act->kind == ACT_RELU ? 0.0F : -INFINITY;
}

// Called, since it would be repeated for every number of a tile.
CALLED struct candidate_pair finish_other(const struct activation *act, struct candidate_pair value,
                                          int channel, int width)
{
    return candidate_finish_pair(act, value, channel, width);
}

// Scale, shift and activation of tile t's pair; other: what is added before it, or zeros. Zeros
// behind the width come to nothing else by a floor.
DEVICE struct candidate_pair complete_pair(const struct product_end *e, int t,
                                           const struct channel_affine *affine, const bool floors,
                                           float low, float high, struct candidate_pair other)
{
    struct candidate_pair value;
    value.low = low * affine->scale[0] + affine->shift[0] + other.low;
    value.high = high * affine->scale[1] + affine->shift[1] + other.high;
    if (!floors) {
        return finish_other(&e->act, value, e->channel + t * 8 + lane_id() % 4 * 2, e->out.width);
    }
    value.low = max_f32(value.low, floor_of(&e->act));
    value.high = max_f32(value.high, floor_of(&e->act));
    return value;
}

DEVICE void write_pair(const struct product_end *e, int pixel, int t,
                       const struct channel_affine *affine, const bool floors, float low,
                       float high)
{
    const int channel = e->channel + t * 8 + lane_id() % 4 * 2;
    struct candidate_pair other;
    other.low = other.high = 0.0F;
    if (e->adds) {
        other = candidate_load(&e->sum, e->before + pixel, channel);
    }
    candidate_store(&e->out, e->before + pixel, channel,
                    complete_pair(e, t, affine, floors, low, high, other));
}

DEVICE void write_tiles(const struct product_end *e, const int most, const bool floors,
                        float sums[ROWS][MOST_TILES][4])
{
    const int pixel = e->pixel + lane_id() / 4;
    UNROLL
    for (int t = 0; t < most; t++) {
        const struct channel_affine affine = load_affine(e, t);
        UNROLL
        for (int r = 0; r < 2 * ROWS && t < e->tiles; r++) {
            if (pixel + r * 8 < e->end) {
                write_pair(e, pixel + r * 8, t, &affine, floors, sums[r / 2][t][r % 2 * 2],
                           sums[r / 2][t][r % 2 * 2 + 1]);
            }
        }
    }
}

DEVICE void write_sums(const struct product_end *e, const int most, float sums[ROWS][MOST_TILES][4])
{
    if (has_floor(&e->act)) {
        write_tiles(e, most, true, sums);
    } else {
        write_tiles(e, most, false, sums);
    }
}
