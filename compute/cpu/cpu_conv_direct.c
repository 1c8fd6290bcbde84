// float32 3x3 convolution, 16 output channels at a time. The sums of 2 rows of 8 pixels stay in
// registers, and so do the 9 weights of one input channel: an input is loaded once and meets all
// taps that reach it, up to 6. Input channels are the outermost loop, so none is padded. A sum adds
// up its products in the order of input channel, row and column, whatever the tile: cutting an
// image into bands changes no byte.
#include "compute/cpu/cpu_conv_direct.h"

#include "core/machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TAPS = 9, VECTOR = 16, TILE = 8, SMALL_TILE = 4, ROWS = 2, MOST_CHANNELS = 256 };

// The convolution that a kernel computes. An input gradient is one too: of the output's gradient,
// with the weights turned by half a turn and their channels swapped.
struct direct {
    struct kernel base;
    int h, w, in_c, out_h, out_c; // of what is read, and written; the width is the same
    int pad_above;
    bool sum;
    float low, high; // bounds of the activation
};

static bool is_bound(struct activation act)
{
    return act.kind == ACT_NONE || act.kind == ACT_RELU || act.kind == ACT_CLIP;
}

bool cpu_conv_direct_fits(const struct op *op)
{
    const bool backward = op->kind == OP_CONV_BACKWARD_DATA;
    bool fits = machine_has_avx512() && op->groups == 1 && is_bound(op->act) && op->pad[1] == 1 &&
                op->pad[3] == 1 && op->in_c <= MOST_CHANNELS && op->out_c <= MOST_CHANNELS;
    fits = fits && (backward || (op->in_type == DTYPE_F32 && op->out_type == DTYPE_F32));
    for (int i = 0; i < 2; i++) {
        const int pad = i == 0 ? op->pad[0] : op->pad[2];
        fits = fits && op->kernel[i] == 3 && op->stride[i] == 1 && op->dilation[i] == 1;
        fits = fits && (pad == 1 || (pad == 0 && !backward));
    }
    return fits && op->in_w % SMALL_TILE == 0 && op->in_w >= TILE;
}

static int blocks_of(const struct direct *direct)
{
    return (direct->out_c + VECTOR - 1) / VECTOR;
}

// Packed: for each block of 16 output channels [in_c][3][3][16], then [16] of bias.
static size_t block_floats(const struct direct *direct)
{
    return ((size_t)direct->in_c * TAPS + 1) * VECTOR;
}

// weights [out_c][in_c][3][3] of the op.
static void direct_pack(struct kernel *kernel, const float *weights, const float *bias,
                        const struct op_quantization *quantization, void *packed)
{
    (void)quantization;
    const struct direct *direct = (const struct direct *)kernel;
    const bool backward = kernel->op.kind == OP_CONV_BACKWARD_DATA;
    const size_t in_c = (size_t)direct->in_c, out_c = (size_t)direct->out_c;
    memset(packed, 0, kernel->packed_bytes);
    for (size_t o = 0; o < out_c; o++) {
        float *block = (float *)packed + o / VECTOR * block_floats(direct);
        for (size_t i = 0; i < in_c; i++) {
            const float *from = weights + (backward ? i * out_c + o : o * in_c + i) * TAPS;
            for (size_t tap = 0; tap < TAPS; tap++) {
                block[(i * TAPS + tap) * VECTOR + o % VECTOR] =
                    from[backward ? TAPS - 1 - tap : tap];
            }
        }
        block[in_c * TAPS * VECTOR + o % VECTOR] = bias != NULL && !backward ? bias[o] : 0.0F;
    }
}

// One block's part in a row of tiles.
struct direct_row {
    const float *x;       // row above the first row of outputs, which may lie outside the image
    float *y;             // first row of outputs, at the block's first channel
    const float *weights; // of the block
    int first, end;       // rows of x from here on that are inside the image
    unsigned channels;    // of this block
};

#if defined(__x86_64__)
#include <immintrin.h>

#define DIRECT_TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
// The loops below have constant lengths and must vanish, so that sums and weights stay in
// registers.
#if defined(__clang__)
#define DIRECT_UNROLL _Pragma("unroll")
#else
#define DIRECT_UNROLL _Pragma("GCC unroll 16")
#endif
#define DIRECT_INLINE static inline __attribute__((always_inline)) DIRECT_TARGET

DIRECT_INLINE void store_pixel(const struct direct *direct, __mmask16 channels, __m512 sum,
                               float *y)
{
    if (direct->sum) {
        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(channels, y));
    }
    // Of a NaN and a bound these give the second, so NaN stays.
    sum = _mm512_max_ps(_mm512_set1_ps(direct->low), sum);
    sum = _mm512_min_ps(_mm512_set1_ps(direct->high), sum);
    _mm512_mask_storeu_ps(y, channels, sum);
}

// A tile of rows x width outputs; left and right: at that edge of the image, beyond which are
// zeros.
DIRECT_INLINE void convolve_tile(int rows, int width, bool left, bool right,
                                 const struct direct *direct, const struct direct_row *row,
                                 int column)
{
    const size_t in_c = (size_t)direct->in_c, x_row = (size_t)direct->w * in_c;
    const size_t out_c = (size_t)direct->out_c, y_row = (size_t)direct->w * out_c;
    const float *x = row->x + ((ptrdiff_t)column - 1) * (ptrdiff_t)in_c;
    __m512 sums[ROWS][TILE], weights[TAPS];
    const __m512 bias = _mm512_loadu_ps(row->weights + in_c * TAPS * VECTOR);
    DIRECT_UNROLL
    for (int r = 0; r < rows; r++) {
        DIRECT_UNROLL
        for (int t = 0; t < width; t++) {
            sums[r][t] = bias;
        }
    }
    for (size_t i = 0; i < in_c; i++) {
        DIRECT_UNROLL
        for (int tap = 0; tap < TAPS; tap++) {
            weights[tap] = _mm512_loadu_ps(row->weights + (i * TAPS + (size_t)tap) * VECTOR);
        }
        DIRECT_UNROLL
        for (int in = 0; in < rows + 2; in++) {
            if (in < row->first || in >= row->end) {
                continue;
            }
            const float *from = x + (size_t)in * x_row + i;
            DIRECT_UNROLL
            for (int c = 0; c < width + 2; c++) {
                if ((left && c == 0) || (right && c == width + 1)) {
                    continue;
                }
                const __m512 value = _mm512_set1_ps(from[(size_t)c * in_c]);
                DIRECT_UNROLL
                for (int r = 0; r < rows; r++) {
                    DIRECT_UNROLL
                    for (int kx = 0; kx < 3; kx++) {
                        const int ky = in - r, t = c - kx;
                        if (ky >= 0 && ky <= 2 && t >= 0 && t < width) {
                            sums[r][t] = _mm512_fmadd_ps(value, weights[ky * 3 + kx], sums[r][t]);
                        }
                    }
                }
            }
        }
    }
    float *y = row->y + (size_t)column * out_c;
    DIRECT_UNROLL
    for (int r = 0; r < rows; r++) {
        DIRECT_UNROLL
        for (int t = 0; t < width; t++) {
            store_pixel(direct, (__mmask16)row->channels, sums[r][t],
                        y + (size_t)r * y_row + (size_t)t * out_c);
        }
    }
}

DIRECT_INLINE void convolve_tiles(int rows, const struct direct *direct,
                                  const struct direct_row *row)
{
    const int w = direct->w, last = w % TILE == 0 ? w - TILE : w - SMALL_TILE;
    if (last == 0) {
        convolve_tile(rows, TILE, true, true, direct, row, 0);
        return;
    }
    convolve_tile(rows, TILE, true, false, direct, row, 0);
    for (int column = TILE; column < last; column += TILE) {
        convolve_tile(rows, TILE, false, false, direct, row, column);
    }
    if (w % TILE == 0) {
        convolve_tile(rows, TILE, false, true, direct, row, last);
    } else {
        convolve_tile(rows, SMALL_TILE, false, true, direct, row, last);
    }
}

DIRECT_TARGET static void convolve_rows(int rows, const struct direct *direct,
                                        const struct direct_row *row)
{
    if (rows == ROWS) {
        convolve_tiles(ROWS, direct, row);
    } else {
        convolve_tiles(1, direct, row);
    }
}
#else
static void convolve_rows(int rows, const struct direct *direct, const struct direct_row *row)
{
    (void)rows, (void)direct, (void)row;
    CHECK(!"cpu_conv_direct_fits says no on this processor");
}
#endif

static void convolve_image(const struct direct *direct, const float *x, const float *packed,
                           float *y)
{
    const ptrdiff_t x_row = (ptrdiff_t)direct->w * direct->in_c;
    const size_t y_row = (size_t)direct->w * (size_t)direct->out_c;
    for (int h = 0, rows; h < direct->out_h; h += rows) {
        rows = h + ROWS <= direct->out_h ? ROWS : 1;
        const int above = h - direct->pad_above, left = direct->h - above;
        float *to = y + (size_t)h * y_row;
        for (int block = 0; block < blocks_of(direct); block++) {
            const int first = block * VECTOR;
            const int channels = direct->out_c - first < VECTOR ? direct->out_c - first : VECTOR;
            const struct direct_row row = {
                .x = x + above * x_row,
                .y = to + first,
                .weights = packed + (size_t)block * block_floats(direct),
                .first = above < 0 ? -above : 0,
                .end = left < rows + 2 ? left : rows + 2,
                .channels = (1U << channels) - 1U,
            };
            convolve_rows(rows, direct, &row);
        }
    }
}

static void direct_run(struct kernel *kernel, const struct op_args *args)
{
    const struct direct *direct = (const struct direct *)kernel;
    const size_t w = (size_t)direct->w;
    const size_t x_image = (size_t)direct->h * w * (size_t)direct->in_c;
    const size_t y_image = (size_t)direct->out_h * w * (size_t)direct->out_c;
    const float *x = args->in[0];
    float *y = args->out[0];
    for (int i = 0; i < kernel->op.n; i++) {
        convolve_image(direct, x + (size_t)i * x_image, args->in[1], y + (size_t)i * y_image);
    }
}

static void direct_close(struct kernel *kernel)
{
    free(kernel);
}

static const struct kernel_ops direct_ops = {
    .open = cpu_conv_direct_open, .run = direct_run, .pack = direct_pack, .close = direct_close};

enum status cpu_conv_direct_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    struct direct *direct = calloc(1, sizeof *direct);
    if (direct == NULL) {
        FAIL(ERR_MEMORY, "no memory for a convolution");
    }
    const bool backward = op->kind == OP_CONV_BACKWARD_DATA;
    const bool clip = op->act.kind == ACT_CLIP && !backward;
    *direct = (struct direct){.base = {.ops = &direct_ops, .backend = backend, .op = *op},
                              .h = backward ? op->out_h : op->in_h,
                              .w = op->in_w,
                              .in_c = backward ? op->out_c : op->in_c,
                              .out_h = backward ? op->in_h : op->out_h,
                              .out_c = backward ? op->in_c : op->out_c,
                              .pad_above = op->pad[0],
                              .sum = op->sum && !backward,
                              .low = clip ? op->act.a : -INFINITY,
                              .high = clip ? op->act.b : INFINITY};
    if (op->act.kind == ACT_RELU && !backward) {
        direct->low = 0.0F;
    }
    const size_t floats = (size_t)blocks_of(direct) * block_floats(direct);
    direct->base.packed_bytes = floats * sizeof(float);
    direct->base.packing = 2;
    *out = &direct->base;
    return OK;
}
