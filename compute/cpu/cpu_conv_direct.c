// float32 3x3 convolution by cpu_conv_tiles.h. An input gradient is one too: of the output's
// gradient, with the weights turned by half a turn and their channels swapped.
#include "compute/cpu/cpu_conv_direct.h"

#include "compute/cpu/cpu_kernel_base.h"
#include "core/machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TILES_TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
#include "compute/cpu/cpu_conv_tiles.h"

// From here on oneDNN's blocks of weights fit the caches better.
enum { MOST_CHANNELS = 256 };

struct direct {
    struct kernel base;
    struct tiles tiles;
    bool backward, sum;
    float low, high; // bounds of the activation
};

bool cpu_conv_direct_fits(const struct op *op)
{
    const bool backward = op->kind == OP_CONV_BACKWARD_DATA;
    const bool bound =
        op->act.kind == ACT_NONE || op->act.kind == ACT_RELU || op->act.kind == ACT_CLIP;
    const bool right_kind = backward
                                ? op->pad[0] == 1 && op->pad[2] == 1
                                : bound && op->in_type == DTYPE_F32 && op->out_type == DTYPE_F32;
    return machine_has_avx512() && right_kind && op->in_c <= MOST_CHANNELS &&
           op->out_c <= MOST_CHANNELS && tiles_fit(op);
}

// weights [out_c][in_c][3][3] of the op. A block's bias lies behind its weights.
static enum status direct_pack(struct kernel *kernel, const float *weights, const float *bias,
                               const struct op_quantization *quantization, void *packed, int lane)
{
    (void)lane;
    (void)quantization;
    const struct direct *direct = (const struct direct *)kernel;
    const struct tiles *tiles = &direct->tiles;
    const size_t in_c = (size_t)tiles->groups, out_c = (size_t)tiles->out_c;
    memset(packed, 0, kernel->packed_bytes);
    for (size_t o = 0; o < out_c; o++) {
        const size_t block = o / TILES_CHANNELS * (tiles->block_bytes / sizeof(float));
        float *to = (float *)packed + block + o % TILES_CHANNELS;
        for (size_t i = 0; i < in_c; i++) {
            const size_t pair = direct->backward ? i * out_c + o : o * in_c + i;
            const float *from = weights + pair * TILES_TAPS;
            for (size_t tap = 0; tap < TILES_TAPS; tap++, to += TILES_CHANNELS) {
                *to = from[direct->backward ? TILES_TAPS - 1 - tap : tap];
            }
        }
        *to = bias != NULL && !direct->backward ? bias[o] : 0.0F;
    }
    return OK;
}

#if defined(__x86_64__)
struct tiles_output {
    __m512 bias, low, high;
    bool sum;
};

TILES_INLINE __m512i tiles_multiply_add(__m512i value, __m512i weights, __m512i sum)
{
    return _mm512_castps_si512(_mm512_fmadd_ps(
        _mm512_castsi512_ps(value), _mm512_castsi512_ps(weights), _mm512_castsi512_ps(sum)));
}

TILES_INLINE void tiles_store(const struct tiles_output *out, __mmask16 channels, __m512i sum,
                              char *y)
{
    __m512 real = _mm512_add_ps(_mm512_castsi512_ps(sum), out->bias);
    if (out->sum) {
        real = _mm512_add_ps(real, _mm512_maskz_loadu_ps(channels, y));
    }
    // Of a NaN and a bound these give the second, so NaN stays.
    real = _mm512_min_ps(out->high, _mm512_max_ps(out->low, real));
    _mm512_mask_storeu_ps(y, channels, real);
}

TILES_TARGET static void convolve_image(const struct direct *direct, const char *x,
                                        const char *packed, char *y)
{
    const struct tiles *tiles = &direct->tiles;
    const size_t bias = (size_t)tiles->groups * TILES_TAPS * TILES_VECTOR;
    struct tiles_output out = {.low = _mm512_set1_ps(direct->low),
                               .high = _mm512_set1_ps(direct->high),
                               .sum = direct->sum};
    for (int h = 0, rows; h < tiles->out_h; h += rows) {
        rows = 0;
        for (int block = 0; block < tiles_blocks(tiles); block++) {
            out.bias = _mm512_loadu_ps(packed + (size_t)block * tiles->block_bytes + bias);
            rows = tiles_convolve_rows(tiles, &out, x, packed, block, h,
                                       y + (size_t)block * TILES_VECTOR);
        }
    }
}
#else
static void convolve_image(const struct direct *direct, const char *x, const char *packed, char *y)
{
    (void)direct, (void)x, (void)packed, (void)y;
    CHECK(!"cpu_conv_direct_fits says no on this processor");
}
#endif

static void direct_run(struct kernel *kernel, const struct op_args *args)
{
    const struct direct *direct = (const struct direct *)kernel;
    const struct tiles *tiles = &direct->tiles;
    const size_t x_image = (size_t)tiles->h * (size_t)tiles->w * tiles->x_pixel;
    const size_t y_image = (size_t)tiles->out_h * (size_t)tiles->w * tiles->y_pixel;
    const char *x = args->in[0];
    char *y = args->out[0];
    for (int i = 0; i < kernel->op.n; i++, x += x_image, y += y_image) {
        convolve_image(direct, x, args->in[1], y);
    }
}

static const struct kernel_ops direct_ops = {.open = cpu_conv_direct_open,
                                             .run = direct_run,
                                             .pack = direct_pack,
                                             .close = cpu_kernel_close};

static struct tiles tiles_of(const struct op *op, bool backward)
{
    struct tiles tiles = {.h = op->in_h,
                          .w = op->in_w,
                          .groups = backward ? op->out_c : op->in_c,
                          .out_h = op->out_h,
                          .out_c = backward ? op->in_c : op->out_c,
                          .pad_above = op->pad[0]};
    tiles.x_pixel = (size_t)tiles.groups * sizeof(float);
    tiles.y_pixel = (size_t)tiles.out_c * sizeof(float);
    tiles.block_bytes = ((size_t)tiles.groups * TILES_TAPS + 1) * TILES_VECTOR;
    return tiles;
}

enum status cpu_conv_direct_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    struct direct *direct = calloc(1, sizeof *direct);
    if (direct == NULL) {
        FAIL(ERR_MEMORY, "no memory for a convolution");
    }
    const bool backward = op->kind == OP_CONV_BACKWARD_DATA;
    const struct activation act = backward ? (struct activation){.kind = ACT_NONE} : op->act;
    *direct = (struct direct){.base = {.ops = &direct_ops, .backend = backend, .op = *op},
                              .tiles = tiles_of(op, backward),
                              .backward = backward,
                              .sum = op->sum && !backward,
                              .low = act.kind == ACT_CLIP   ? act.a
                                     : act.kind == ACT_RELU ? 0.0F
                                                            : -INFINITY,
                              .high = act.kind == ACT_CLIP ? act.b : INFINITY};
    direct->base.packed_bytes = (size_t)tiles_blocks(&direct->tiles) * direct->tiles.block_bytes;
    direct->base.packing = 2;
    *out = &direct->base;
    return OK;
}
