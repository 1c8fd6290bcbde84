// int8 3x3 convolution by cpu_conv_tiles.h: a VNNI instruction multiplies 4 input channels with 16
// output channels. Pixels whose channels do not fill their last group are copied to ones that do.
#include "compute/cpu/cpu_conv_direct_int8.h"

#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TILES_TARGET                                                                               \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#include "compute/cpu/cpu_conv_tiles.h"

enum { GROUP = 4, MOVE = 16, MOST_CHANNELS = 256 };

// What follows a block's weights: y = (sums + bias) * scale, in integer steps of y.
struct direct_finish {
    float scales[TILES_CHANNELS], bias[TILES_CHANNELS];
    float sum_scale; // of what y held, in steps of y
    float high;      // bound of the activation, in steps of y
    float unused[TILES_CHANNELS - 2];
};

struct direct_int8 {
    struct kernel base;
    struct tiles tiles;
};

bool cpu_conv_direct_int8_fits(const struct backend *backend, const struct op *op)
{
    // Below zero is zero anyway, since y is u8.
    const bool bound = op->act.kind == ACT_NONE || op->act.kind == ACT_RELU ||
                       (op->act.kind == ACT_CLIP && op->act.a == 0.0F);
    return backend->int8 && op->in_type == DTYPE_U8 && op->out_type == DTYPE_U8 && bound &&
           op->in_c <= MOST_CHANNELS && op->out_c <= MOST_CHANNELS && tiles_fit(op);
}

// Output channel `o` of the convolution into its block; weights [in_c][3][3].
static void pack_channel(const struct op *op, int o, const float *weights, float bias,
                         const struct op_quantization *quantization, char *block)
{
    const int lane = o % TILES_CHANNELS;
    const float scale = cpu_quantize_scale(weights, (size_t)op->in_c * TILES_TAPS);
    for (int i = 0; i < op->in_c; i++) {
        for (int tap = 0; tap < TILES_TAPS; tap++) {
            char *to = block + (size_t)(i / GROUP * TILES_TAPS + tap) * TILES_VECTOR;
            to[lane * GROUP + i % GROUP] = (char)cpu_quantize(weights[i * TILES_TAPS + tap], scale);
        }
    }
    const size_t groups = (size_t)((op->in_c + GROUP - 1) / GROUP);
    struct direct_finish *finish = (void *)(block + groups * TILES_TAPS * TILES_VECTOR);
    const float unit = quantization->in_scale * scale;
    finish->scales[lane] = unit / quantization->out_scale;
    finish->bias[lane] = bias / unit;
    finish->sum_scale = quantization->sum_scale / quantization->out_scale;
    finish->high =
        op->act.kind == ACT_CLIP ? op->act.b / quantization->out_scale : (float)UINT8_MAX;
}

static enum status direct_pack(struct kernel *kernel, const float *weights, const float *bias,
                               const struct op_quantization *quantization, void *packed, int lane)
{
    (void)lane;
    const struct op *op = &kernel->op;
    const struct tiles *tiles = &((const struct direct_int8 *)kernel)->tiles;
    memset(packed, 0, kernel->packed_bytes);
    for (int o = 0; o < op->out_c; o++) {
        pack_channel(op, o, weights + (size_t)o * (size_t)op->in_c * TILES_TAPS,
                     bias != NULL ? bias[o] : 0.0F, quantization,
                     (char *)packed + (size_t)(o / TILES_CHANNELS) * tiles->block_bytes);
    }
    return OK;
}

#if defined(__x86_64__)
struct tiles_output {
    __m512 scale, bias, sum_scale, high;
    bool sum;
};

TILES_INLINE __m512i tiles_multiply_add(__m512i value, __m512i weights, __m512i sum)
{
    return _mm512_dpbusd_epi32(sum, value, weights);
}

TILES_INLINE void tiles_store(const struct tiles_output *out, __mmask16 channels, __m512i sum,
                              char *y)
{
    // Rounded where oneDNN rounds, so that it makes no difference whose kernel it is.
    __m512 real = _mm512_mul_ps(_mm512_add_ps(_mm512_cvtepi32_ps(sum), out->bias), out->scale);
    if (out->sum) {
        const __m512i held = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(channels, y));
        real = _mm512_fmadd_ps(_mm512_cvtepi32_ps(held), out->sum_scale, real);
    }
    real = _mm512_min_ps(_mm512_max_ps(real, _mm512_setzero_ps()), out->high);
    _mm512_mask_cvtusepi32_storeu_epi8(y, channels, _mm512_cvtps_epi32(real));
}

TILES_TARGET static void convolve_image(const struct tiles *tiles, bool sum, const char *x,
                                        const char *packed, char *y)
{
    for (int h = 0, rows; h < tiles->out_h; h += rows) {
        rows = 0;
        for (int block = 0; block < tiles_blocks(tiles); block++) {
            const char *end = packed + (size_t)(block + 1) * tiles->block_bytes;
            const struct direct_finish *finish = (const void *)(end - sizeof *finish);
            const struct tiles_output out = {.scale = _mm512_loadu_ps(finish->scales),
                                             .bias = _mm512_loadu_ps(finish->bias),
                                             .sum_scale = _mm512_set1_ps(finish->sum_scale),
                                             .high = _mm512_set1_ps(finish->high),
                                             .sum = sum};
            rows = tiles_convolve_rows(tiles, &out, x, packed, block, h,
                                       y + (size_t)block * TILES_CHANNELS);
        }
    }
}
#else
static void convolve_image(const struct tiles *tiles, bool sum, const char *x, const char *packed,
                           char *y)
{
    (void)tiles, (void)sum, (void)x, (void)packed, (void)y;
    CHECK(!"cpu_conv_direct_int8_fits says no on this processor");
}
#endif

// Pixels of c channels to pixels of whole groups; what lies in the channels between does not
// matter, as their weights are zero. Moves of constant length: what one writes too far, the next
// pixel writes again. Both ends keep clear of what is not theirs.
static void copy_pixels(const char *x, size_t pixels, size_t c, size_t pixel, char *to)
{
    const size_t moved = (c + MOVE - 1) / MOVE * MOVE;
    size_t i = 0;
    for (; i * c + moved <= pixels * c; i++, x += c, to += pixel) {
        for (size_t at = 0; at < moved; at += MOVE) {
            memcpy(to + at, x + at, MOVE);
        }
    }
    for (; i < pixels; i++, x += c, to += pixel) {
        memcpy(to, x, c);
    }
}

static void direct_run(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const struct tiles *tiles = &((const struct direct_int8 *)kernel)->tiles;
    const size_t pixels = (size_t)op->in_h * (size_t)op->in_w, c = (size_t)op->in_c;
    const size_t y_image = (size_t)op->out_h * (size_t)op->out_w * (size_t)op->out_c;
    const char *x = args->in[0];
    char *y = args->out[0];
    for (int i = 0; i < op->n; i++, x += pixels * c, y += y_image) {
        const char *image = x;
        if (c != tiles->x_pixel) {
            copy_pixels(x, pixels, c, tiles->x_pixel, args->scratch);
            image = args->scratch;
        }
        convolve_image(tiles, op->sum, image, args->in[1], y);
    }
}

static const struct kernel_ops direct_ops = {.open = cpu_conv_direct_int8_open,
                                             .run = direct_run,
                                             .pack = direct_pack,
                                             .close = cpu_kernel_close};

enum status cpu_conv_direct_int8_open(struct backend *backend, const struct op *op,
                                      struct kernel **out)
{
    struct direct_int8 *direct = calloc(1, sizeof *direct);
    if (direct == NULL) {
        FAIL(ERR_MEMORY, "no memory for a convolution");
    }
    const int groups = (op->in_c + GROUP - 1) / GROUP;
    struct tiles *tiles = &direct->tiles;
    *tiles = (struct tiles){.h = op->in_h,
                            .w = op->in_w,
                            .groups = groups,
                            .out_h = op->out_h,
                            .out_c = op->out_c,
                            .pad_above = op->pad[0],
                            .x_pixel = (size_t)groups * GROUP,
                            .y_pixel = (size_t)op->out_c};
    tiles->block_bytes = (size_t)groups * TILES_TAPS * TILES_VECTOR + sizeof(struct direct_finish);
    const bool copied = op->in_c % GROUP != 0;
    const size_t pixels = (size_t)op->in_h * (size_t)op->in_w;
    direct->base = (struct kernel){.ops = &direct_ops,
                                   .backend = backend,
                                   .op = *op,
                                   .packing = 3,
                                   .packed_bytes = (size_t)tiles_blocks(tiles) * tiles->block_bytes,
                                   .scratch_bytes = copied ? pixels * tiles->x_pixel + MOVE : 0};
    *out = &direct->base;
    return OK;
}
