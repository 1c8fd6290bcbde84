// The loops of our own 3x3 convolutions with stride 1, for f32 and int8 alike. Included once by
// each file that defines:
//   TILES_TARGET                           the instructions that it may use, an attribute
//   tiles_multiply_add(value, weights, sum)   one input group times 16 output channels, onto sums
//   tiles_store(out, channels, sum, y)     finishes a pixel's sums of up to 16 channels
//
// An input group is 4 bytes of a pixel: one float, or 4 channels of u8. 16 output channels are
// computed at a time. The sums of 2 rows of 8 pixels stay in registers, and so do the 9 weights of
// one input group: a group is loaded once and meets all taps that reach it, up to 6. Groups are the
// outermost loop, so that channels need no padding but to a group. A sum adds up its products in
// the order of group, row and column, whatever the tile: cutting an image into bands changes no
// byte.
#pragma once
#include "compute/backend.h"

enum {
    TILES_TAPS = 9,
    TILES_CHANNELS = 16,
    TILES_VECTOR = 64, // bytes: the weights of a tap and group for 16 output channels
    TILES_WIDTH = 8,
    TILES_SMALL_WIDTH = 4,
    TILES_ROWS = 2
};

struct tiles {
    int h, w, groups;        // of an image that is read
    int out_h, out_c;        // of one that is written; the width is the same
    int pad_above;           // rows of zeros; 0 or 1. Left and right there is one column each.
    size_t x_pixel, y_pixel; // bytes
    size_t block_bytes;      // packed weights of 16 output channels: [groups][3][3][16], and more
};

// Whether a convolution is of this form; its types and channels are for the caller to judge.
static inline bool tiles_fit(const struct op *op)
{
    bool fits = op->groups == 1 && op->pad[1] == 1 && op->pad[3] == 1;
    fits = fits && op->pad[0] <= 1 && op->pad[0] >= 0 && op->pad[2] <= 1 && op->pad[2] >= 0;
    for (int i = 0; i < 2; i++) {
        fits = fits && op->kernel[i] == 3 && op->stride[i] == 1 && op->dilation[i] == 1;
    }
    return fits && op->in_w % TILES_SMALL_WIDTH == 0 && op->in_w >= TILES_WIDTH;
}

static inline int tiles_blocks(const struct tiles *tiles)
{
    return (tiles->out_c + TILES_CHANNELS - 1) / TILES_CHANNELS;
}

#if defined(__x86_64__) && defined(TILES_TARGET)
#include <immintrin.h>
#include <string.h>

// The loops below have constant lengths and must vanish, so that sums and weights stay in
// registers.
#if defined(__clang__)
#define TILES_UNROLL _Pragma("unroll")
#else
#define TILES_UNROLL _Pragma("GCC unroll 16")
#endif
#define TILES_INLINE static inline __attribute__((always_inline)) TILES_TARGET

// One block's part in a row of tiles.
struct tiles_row {
    const char *x;       // row above the first row of outputs, which may lie outside the image
    char *y;             // first row of outputs, at the block's first channel
    const char *weights; // of the block
    int first, end;      // rows of x from here on that are inside the image
    __mmask16 channels;  // of the block
};

struct tiles_output;
TILES_INLINE __m512i tiles_multiply_add(__m512i value, __m512i weights, __m512i sum);
TILES_INLINE void tiles_store(const struct tiles_output *out, __mmask16 channels, __m512i sum,
                              char *y);

// A tile of rows x width outputs; left and right: at that edge of the image, beyond which are
// zeros.
TILES_INLINE void tiles_convolve_tile(int rows, int width, bool left, bool right,
                                      const struct tiles *tiles, const struct tiles_output *out,
                                      const struct tiles_row *row, int column)
{
    const size_t x_pixel = tiles->x_pixel, x_row = (size_t)tiles->w * x_pixel;
    const size_t y_row = (size_t)tiles->w * tiles->y_pixel;
    const char *x = row->x + ((ptrdiff_t)column - 1) * (ptrdiff_t)x_pixel;
    char *y = row->y + (size_t)column * tiles->y_pixel;
    __m512i sums[TILES_ROWS][TILES_WIDTH], weights[TILES_TAPS];
    TILES_UNROLL
    for (int r = 0; r < rows; r++) {
        TILES_UNROLL
        for (int t = 0; t < width; t++) {
            sums[r][t] = _mm512_setzero_si512();
            // In training it lies in main memory: on its way while the sums are worked out.
            __builtin_prefetch(y + (size_t)r * y_row + (size_t)t * tiles->y_pixel, 1);
        }
    }
    for (int i = 0; i < tiles->groups; i++) {
        const char *w = row->weights + (size_t)i * TILES_TAPS * TILES_VECTOR;
        TILES_UNROLL
        for (int tap = 0; tap < TILES_TAPS; tap++) {
            weights[tap] = _mm512_loadu_si512(w + (size_t)tap * TILES_VECTOR);
        }
        TILES_UNROLL
        for (int in = 0; in < rows + 2; in++) {
            if (in < row->first || in >= row->end) {
                continue;
            }
            const char *from = x + (size_t)in * x_row + (size_t)i * sizeof(int32_t);
            TILES_UNROLL
            for (int c = 0; c < width + 2; c++) {
                if ((left && c == 0) || (right && c == width + 1)) {
                    continue;
                }
                int32_t group;
                memcpy(&group, from + (size_t)c * x_pixel, sizeof group);
                const __m512i value = _mm512_set1_epi32(group);
                TILES_UNROLL
                for (int r = 0; r < rows; r++) {
                    TILES_UNROLL
                    for (int kx = 0; kx < 3; kx++) {
                        const int ky = in - r, t = c - kx;
                        if (ky >= 0 && ky <= 2 && t >= 0 && t < width) {
                            sums[r][t] =
                                tiles_multiply_add(value, weights[ky * 3 + kx], sums[r][t]);
                        }
                    }
                }
            }
        }
    }
    TILES_UNROLL
    for (int r = 0; r < rows; r++) {
        TILES_UNROLL
        for (int t = 0; t < width; t++) {
            tiles_store(out, row->channels, sums[r][t],
                        y + (size_t)r * y_row + (size_t)t * tiles->y_pixel);
        }
    }
}

TILES_INLINE void tiles_convolve_row(int rows, const struct tiles *tiles,
                                     const struct tiles_output *out, const struct tiles_row *row)
{
    const int w = tiles->w, last = w - (w % TILES_WIDTH == 0 ? TILES_WIDTH : TILES_SMALL_WIDTH);
    if (last == 0) {
        tiles_convolve_tile(rows, TILES_WIDTH, true, true, tiles, out, row, 0);
        return;
    }
    tiles_convolve_tile(rows, TILES_WIDTH, true, false, tiles, out, row, 0);
    for (int column = TILES_WIDTH; column < last; column += TILES_WIDTH) {
        tiles_convolve_tile(rows, TILES_WIDTH, false, false, tiles, out, row, column);
    }
    if (w % TILES_WIDTH == 0) {
        tiles_convolve_tile(rows, TILES_WIDTH, false, true, tiles, out, row, last);
    } else {
        tiles_convolve_tile(rows, TILES_SMALL_WIDTH, false, true, tiles, out, row, last);
    }
}

// The rows of one block from output row h on, 2 where there are so many. y: of the image, at the
// block's first channel. Returns how many.
TILES_TARGET static int tiles_convolve_rows(const struct tiles *tiles,
                                            const struct tiles_output *out, const char *x,
                                            const char *packed, int block, int h, char *y)
{
    const int rows = h + TILES_ROWS <= tiles->out_h ? TILES_ROWS : 1;
    const int above = h - tiles->pad_above, left = tiles->h - above;
    const int channels = tiles->out_c - block * TILES_CHANNELS;
    char *to = y + (size_t)h * (size_t)tiles->w * tiles->y_pixel;
    const struct tiles_row row = {
        .x = x + (ptrdiff_t)above * tiles->w * (ptrdiff_t)tiles->x_pixel,
        .y = to,
        .weights = packed + (size_t)block * tiles->block_bytes,
        .first = above < 0 ? -above : 0,
        .end = left < rows + 2 ? left : rows + 2,
        .channels =
            (__mmask16)((1U << (channels < TILES_CHANNELS ? channels : TILES_CHANNELS)) - 1U),
    };
    if (rows == TILES_ROWS) {
        tiles_convolve_row(TILES_ROWS, tiles, out, &row);
    } else {
        tiles_convolve_row(1, tiles, out, &row);
    }
    return rows;
}
#endif
