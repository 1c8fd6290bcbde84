// int8 3x3 convolution for in_c and out_c up to 16, 8 output channels at a time. A 512-bit register
// holds the sums of one pixel: 8 output channels, each in two lanes that take alternate groups of 4
// input channels, so 8 input channels meet 8 output channels in one VNNI instruction. All weights
// stay in registers, and each loaded input is used for 3 columns and up to 3 rows of outputs.
#include "compute/cpu/cpu_conv_narrow.h"

#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_quantize.h"
#include "core/machine.h"

#include <stdlib.h>
#include <string.h>

enum {
    TAPS = 9,
    OUTPUTS = 8,
    GROUP = 8,
    PIXEL = 16,
    MOST_OUTPUTS = 16,
    VECTOR = 64,
    MOST_ROWS = 4
};

// The packed weights of 8 output channels.
struct narrow_packed {
    int8_t weights[TAPS * 2 * VECTOR];    // [ky][kx][2 groups of 8 in][8 out][2 groups of 4 in][4]
    float scales[OUTPUTS], bias[OUTPUTS]; // y = (sums + bias) * scale, in integer steps of y
    float sum_scale;                      // of what y held, in steps of y
};

// Stride 1, no dilation, padding 1 left and right. A band of a cut image has its neighbours' rows
// above or below in place of padding.
static bool is_3x3(const struct op *op)
{
    bool fits = op->pad[0] <= 1 && op->pad[1] == 1 && op->pad[2] <= 1 && op->pad[3] == 1;
    for (int i = 0; i < 2; i++) {
        fits = fits && op->kernel[i] == 3 && op->stride[i] == 1 && op->dilation[i] == 1;
    }
    return fits;
}

bool cpu_conv_narrow_fits(const struct backend *backend, const struct op *op)
{
    return backend->int8 && op->in_type == DTYPE_U8 && op->out_type == DTYPE_U8 && is_3x3(op) &&
           op->groups == 1 && op->in_c <= PIXEL && op->out_c <= MOST_OUTPUTS &&
           (op->in_c <= GROUP || op->out_c <= OUTPUTS) &&
           (op->act.kind == ACT_NONE || op->act.kind == ACT_RELU);
}

static int passes_of(const struct op *op)
{
    return (op->out_c + OUTPUTS - 1) / OUTPUTS;
}

// Output channel `o` of the convolution into its pass.
static void pack_channel(const struct op *op, int o, const float *w, float bias,
                         const struct op_quantization *quantization, struct narrow_packed *to)
{
    const size_t row = (size_t)op->in_c * TAPS; // [in_c][3][3]
    const float scale = cpu_quantize_scale(w, row);
    for (int i = 0; i < op->in_c; i++) {
        const int group = i / GROUP, lane = 2 * (o % OUTPUTS) + i % GROUP / 4;
        for (int tap = 0; tap < TAPS; tap++) {
            to->weights[(tap * 2 + group) * VECTOR + lane * 4 + i % 4] =
                cpu_quantize(w[i * TAPS + tap], scale);
        }
    }
    const float unit = quantization->in_scale * scale;
    to->scales[o % OUTPUTS] = unit / quantization->out_scale;
    to->bias[o % OUTPUTS] = bias / unit;
    to->sum_scale = quantization->sum_scale / quantization->out_scale;
}

static enum status narrow_pack(struct kernel *kernel, const float *weights, const float *bias,
                               const struct op_quantization *quantization, void *packed, int lane)
{
    (void)lane;
    const struct op *op = &kernel->op;
    struct narrow_packed *passes = packed;
    memset(packed, 0, kernel->packed_bytes);
    for (int o = 0; o < op->out_c; o++) {
        pack_channel(op, o, weights + (size_t)o * (size_t)op->in_c * TAPS,
                     bias != NULL ? bias[o] : 0.0F, quantization, &passes[o / OUTPUTS]);
    }
    return OK;
}

// Scratch: one image with a border of zeros, [pad + h + pad][w + 2][8 or 16]. What lies in a
// pixel's unused channels does not matter: their weights are zero.
static size_t padded_pixel(const struct op *op)
{
    return op->in_c <= GROUP ? GROUP : PIXEL;
}

static size_t padded_row(const struct op *op)
{
    return (size_t)(op->in_w + 2) * padded_pixel(op);
}

static size_t padded_bytes(const struct op *op)
{
    return (size_t)(op->out_h + 2) * padded_row(op);
}

// One row of pixels of c channels to pixels of `pixel` channels. left: bytes of the image from here
// on.
static inline void copy_row(const uint8_t *from, size_t left, int n, size_t c, size_t pixel,
                            uint8_t *to)
{
    for (int i = 0; i < n; i++, from += c, left -= c, to += pixel) {
        if (left >= pixel) {
            memcpy(to, from, pixel);
        } else {
            memcpy(to, from, c);
        }
    }
}

static void copy_padded(const struct op *op, const uint8_t *x, uint8_t *padded)
{
    const size_t row = padded_row(op), c = (size_t)op->in_c, pixel = padded_pixel(op);
    const size_t x_row = (size_t)op->in_w * c;
    size_t left = (size_t)op->in_h * x_row;
    memset(padded, 0, (size_t)op->pad[0] * row);
    memset(padded + (size_t)(op->pad[0] + op->in_h) * row, 0, (size_t)op->pad[2] * row);
    for (int h = 0; h < op->in_h; h++, x += x_row, left -= x_row) {
        uint8_t *to = padded + (size_t)(op->pad[0] + h) * row;
        memset(to, 0, pixel);
        memset(to + row - pixel, 0, pixel);
        if (c == pixel) {
            memcpy(to + pixel, x, x_row);
        } else if (pixel == GROUP) { // constant sizes, so that a pixel is one move
            copy_row(x, left, op->in_w, c, GROUP, to + pixel);
        } else {
            copy_row(x, left, op->in_w, c, PIXEL, to + pixel);
        }
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

#define NARROW_TARGET                                                                              \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
// The loops below have constant lengths and must vanish, so that sums and weights stay in
// registers.
#if defined(__clang__)
#define NARROW_UNROLL _Pragma("unroll")
#else
#define NARROW_UNROLL _Pragma("GCC unroll 8")
#endif
#define NARROW_INLINE static inline __attribute__((always_inline)) NARROW_TARGET

struct narrow_output {
    __m256 scale, bias;
    float sum_scale;
    bool sum;
    __mmask8 channels;
};

// Sums to a pixel's channels of this pass.
NARROW_INLINE void store_pixel(const struct narrow_output *out, __m512i sums, uint8_t *y)
{
    // The two lanes of a channel are the halves of a 64-bit lane: add the upper onto the lower,
    // keep the lower.
    const __m512i both = _mm512_add_epi32(sums, _mm512_srli_epi64(sums, 32));
    const __m256i total = _mm512_cvtepi64_epi32(both);
    // Rounded where oneDNN rounds, so that it makes no difference whose kernel it is.
    __m256 real = _mm256_mul_ps(_mm256_add_ps(_mm256_cvtepi32_ps(total), out->bias), out->scale);
    if (out->sum) {
        const __m128i held = _mm_maskz_loadu_epi8(out->channels, y);
        const __m256 old = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(held));
        real = _mm256_fmadd_ps(old, _mm256_set1_ps(out->sum_scale), real);
    }
    // Below zero is zero with and without ReLU, since y is u8.
    const __m256i rounded = _mm256_cvtps_epi32(_mm256_max_ps(real, _mm256_setzero_ps()));
    _mm256_mask_cvtusepi32_storeu_epi8(y, out->channels, rounded);
}

// `rows` rows of outputs from `rows` + 2 padded rows of inputs. groups: of 8 input channels, 1
// or 2.
NARROW_INLINE void convolve_rows(int rows, int groups, const struct op *op,
                                 const struct narrow_packed *packed,
                                 const struct narrow_output *out, const uint8_t *padded, uint8_t *y)
{
    const size_t row = padded_row(op), pitch = (size_t)op->out_c;
    __m512i weights[TAPS][2], sums[MOST_ROWS][3];
    for (int tap = 0; tap < TAPS; tap++) {
        for (int g = 0; g < groups; g++) {
            weights[tap][g] =
                _mm512_loadu_si512(packed->weights + (size_t)((tap * 2 + g) * VECTOR));
        }
    }
    for (int r = 0; r < rows; r++) {
        sums[r][0] = sums[r][1] = sums[r][2] = _mm512_setzero_si512();
    }
    for (int column = 0; column < op->in_w + 2; column++) {
        const uint8_t *x = padded + (size_t)(column * groups * GROUP);
        NARROW_UNROLL
        for (int in = 0; in < rows + 2; in++) {
            NARROW_UNROLL
            for (int g = 0; g < groups; g++) {
                int64_t eight;
                memcpy(&eight, x + (size_t)in * row + (size_t)(g * GROUP), sizeof eight);
                const __m512i input = _mm512_set1_epi64(eight);
                NARROW_UNROLL
                for (int r = 0; r < rows; r++) {
                    const int ky = in - r;
                    if (ky < 0 || ky > 2) {
                        continue;
                    }
                    NARROW_UNROLL
                    for (int kx = 0; kx < 3; kx++) {
                        sums[r][2 - kx] =
                            _mm512_dpbusd_epi32(sums[r][2 - kx], input, weights[ky * 3 + kx][g]);
                    }
                }
            }
        }
        // sums[.][0] is output column - 2, now complete.
        NARROW_UNROLL
        for (int r = 0; r < rows; r++) {
            if (column >= 2) {
                store_pixel(out, sums[r][0],
                            y + ((size_t)r * (size_t)op->out_w + (size_t)(column - 2)) * pitch);
            }
            sums[r][0] = sums[r][1];
            sums[r][1] = sums[r][2];
            sums[r][2] = _mm512_setzero_si512();
        }
    }
}

NARROW_TARGET static void convolve_image(const struct op *op, const struct narrow_packed *packed,
                                         int channels, const uint8_t *padded, uint8_t *y)
{
    const struct narrow_output out = {.scale = _mm256_loadu_ps(packed->scales),
                                      .bias = _mm256_loadu_ps(packed->bias),
                                      .sum_scale = packed->sum_scale,
                                      .sum = op->sum,
                                      .channels = (__mmask8)((1U << channels) - 1U)};
    const size_t row = padded_row(op), out_row = (size_t)op->out_w * (size_t)op->out_c;
    for (int h = 0, rows; h < op->out_h; h += rows) {
        const uint8_t *x = padded + (size_t)h * row;
        uint8_t *to = y + (size_t)h * out_row;
        rows = h + MOST_ROWS <= op->out_h ? MOST_ROWS : 1;
        if (op->in_c <= GROUP) {
            rows == 1 ? convolve_rows(1, 1, op, packed, &out, x, to)
                      : convolve_rows(MOST_ROWS, 1, op, packed, &out, x, to);
        } else {
            rows == 1 ? convolve_rows(1, 2, op, packed, &out, x, to)
                      : convolve_rows(MOST_ROWS, 2, op, packed, &out, x, to);
        }
    }
}
#else
static void convolve_image(const struct op *op, const struct narrow_packed *packed, int channels,
                           const uint8_t *padded, uint8_t *y)
{
    (void)op, (void)packed, (void)channels, (void)padded, (void)y;
    CHECK(!"cpu_conv_narrow_fits says no on this processor");
}
#endif

static void narrow_run(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const uint8_t *x = args->in[0];
    const struct narrow_packed *passes = args->in[1];
    uint8_t *y = args->out[0], *padded = args->scratch;
    const size_t x_image = (size_t)op->in_h * (size_t)op->in_w * (size_t)op->in_c;
    const size_t y_image = (size_t)op->out_h * (size_t)op->out_w * (size_t)op->out_c;
    for (int i = 0; i < op->n; i++) {
        copy_padded(op, x + (size_t)i * x_image, padded);
        for (int pass = 0; pass < passes_of(op); pass++) {
            const int first = pass * OUTPUTS;
            const int channels = op->out_c - first < OUTPUTS ? op->out_c - first : OUTPUTS;
            convolve_image(op, &passes[pass], channels, padded, y + (size_t)i * y_image + first);
        }
    }
}

static const struct kernel_ops narrow_ops = {.open = cpu_conv_narrow_open,
                                             .run = narrow_run,
                                             .pack = narrow_pack,
                                             .close = cpu_kernel_close};

enum status cpu_conv_narrow_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    struct kernel *kernel = calloc(1, sizeof *kernel);
    if (kernel == NULL) {
        FAIL(ERR_MEMORY, "no memory for a convolution");
    }
    *kernel = (struct kernel){.ops = &narrow_ops,
                              .backend = backend,
                              .op = *op,
                              .packing = 1,
                              .packed_bytes = (size_t)passes_of(op) * sizeof(struct narrow_packed),
                              .scratch_bytes = padded_bytes(op)};
    *out = kernel;
    return OK;
}
