// A block of channels at a time: a band of the output's gradient, and the inputs that it saw with
// their padding, are copied to where they lie densely; then each tap's sum is a register, a row of
// taps at a time. A partial is [blocks of channels][taps][CHANNELS], then the bias gradient
// [blocks][CHANNELS].
#include "compute/cpu/cpu_conv_depthwise.h"

#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_vector.h"

#include <stdlib.h>

// Taps of a row whose sums fit the registers, and bytes that fit the cache beside the sums.
enum { CHANNELS = 16, HALVES = 2, MOST_TAPS = 5, BAND_BYTES = 24 * 1024 };

typedef float half_block __attribute__((vector_size(CHANNELS / HALVES * sizeof(float))));

struct depthwise {
    struct kernel base;
    int blocks, taps;  // blocks of channels; taps of a channel
    int band;          // rows of outputs
    int columns, rows; // of inputs that a band sees
};

// One block of channels of one band.
struct band {
    const struct op *op;
    int first, count;       // rows of outputs
    int channel, channels;  // of them there are fewer than CHANNELS in the last block
    int columns;            // of x
    half_block *x, *dy;     // [rows of inputs][columns][HALVES], [count][out_w][HALVES]; zeros
                            // where there is padding or no channel
    half_block *taps, *sum; // [kernel[0]][kernel[1]][HALVES]; of dy, [HALVES]
};

bool cpu_conv_depthwise_fits(const struct op *op)
{
    const bool small = op->kernel[0] <= 3 && op->kernel[1] <= 3;
    const bool dense = op->dilation[0] == 1 && op->dilation[1] == 1;
    return op->kind == OP_CONV_BACKWARD_WEIGHTS && op->groups > 1 && op->in_c == op->groups &&
           op->out_c == op->groups && !(small && dense);
}

// ---- copying
CPU_INLINE void copy_pixels(int n, int channels, size_t stride, const float *from, half_block *to)
{
    for (int i = 0; i < n; i++, from += stride, to += HALVES) {
        if (channels == CHANNELS) {
            memcpy(to, from, CHANNELS * sizeof *from);
        } else {
            memset(to, 0, CHANNELS * sizeof *from);
            memcpy(to, from, (size_t)channels * sizeof *from);
        }
    }
}

// x, dy: of the image.
CPU_CLONES static void copy_band(const struct band *band, const float *x, const float *dy)
{
    const struct op *op = band->op;
    const size_t c = (size_t)op->in_c, row_halves = (size_t)band->columns * HALVES;
    const int covered = (op->kernel[0] - 1) * op->dilation[0] + 1;
    const int rows = (band->count - 1) * op->stride[0] + covered;
    const int above = band->first * op->stride[0] - op->pad[0];
    const int margin = op->pad[1], fit = band->columns - margin;
    const int width = fit < op->in_w ? fit : op->in_w; // the last columns may be seen by none
    x += band->channel;
    for (int r = 0; r < rows; r++) {
        half_block *to = band->x + (size_t)r * row_halves;
        const int from = above + r;
        memset(to, 0, row_halves * sizeof *to);
        if (from >= 0 && from < op->in_h && width > 0) {
            copy_pixels(width, band->channels, c, x + (size_t)from * (size_t)op->in_w * c,
                        to + (size_t)margin * HALVES);
        }
    }
    copy_pixels(band->count * op->out_w, band->channels, c,
                dy + (size_t)band->first * (size_t)op->out_w * c + band->channel, band->dy);
}

// ---- sums
// Adds `n` taps of a row, a constant, from the one at `first` on.
CPU_INLINE void add_taps(const int n, const struct band *band, int row, int first)
{
    const struct op *op = band->op;
    const size_t columns = (size_t)band->columns * HALVES;
    const size_t down = (size_t)op->stride[0] * columns, right = (size_t)op->stride[1] * HALVES;
    const size_t tap = (size_t)op->dilation[1] * HALVES;
    const half_block *x =
        band->x + (size_t)row * (size_t)op->dilation[0] * columns + (size_t)first * tap;
    const half_block *dy = band->dy;
    half_block sums[MOST_TAPS][HALVES] = {{{0}}};
    for (int h = 0; h < band->count; h++, x += down) {
        const half_block *from = x;
        for (int w = 0; w < op->out_w; w++, from += right, dy += HALVES) {
            const half_block low = dy[0], high = dy[1];
#pragma GCC unroll 5
            for (int k = 0; k < n; k++) {
                sums[k][0] += low * from[(size_t)k * tap];
                sums[k][1] += high * from[(size_t)k * tap + 1];
            }
        }
    }
    half_block *to = band->taps + (size_t)(row * op->kernel[1] + first) * HALVES;
#pragma GCC unroll 5
    for (int k = 0; k < n; k++, to += HALVES) {
        to[0] += sums[k][0];
        to[1] += sums[k][1];
    }
}

CPU_CLONES static void add_band(const struct band *band)
{
    const struct op *op = band->op;
    for (int row = 0; row < op->kernel[0]; row++) {
        for (int first = 0; first < op->kernel[1]; first += MOST_TAPS) {
            switch (op->kernel[1] - first) {
            case 1:
                add_taps(1, band, row, first);
                break;
            case 2:
                add_taps(2, band, row, first);
                break;
            case 3:
                add_taps(3, band, row, first);
                break;
            case 4:
                add_taps(4, band, row, first);
                break;
            default:
                add_taps(MOST_TAPS, band, row, first);
            }
        }
    }
    const half_block *dy = band->dy;
    half_block sum[HALVES] = {{0}};
    for (int i = 0; op->bias && i < band->count * op->out_w; i++, dy += HALVES) {
        sum[0] += dy[0];
        sum[1] += dy[1];
    }
    band->sum[0] += sum[0];
    band->sum[1] += sum[1];
}

// ---- the kernel
static void depthwise_run(struct kernel *kernel, const struct op_args *args)
{
    const struct depthwise *depthwise = (const struct depthwise *)kernel;
    const struct op *op = &kernel->op;
    const size_t c = (size_t)op->in_c, x_image = (size_t)op->in_h * (size_t)op->in_w * c;
    const size_t dy_image = (size_t)op->out_h * (size_t)op->out_w * c;
    const size_t sums = (size_t)depthwise->blocks * (size_t)depthwise->taps * HALVES;
    half_block *partial = args->out[0];
    struct band band = {.op = op, .columns = depthwise->columns, .x = args->scratch};
    band.dy = band.x + (size_t)depthwise->rows * (size_t)depthwise->columns * HALVES;
    memset(partial, 0, kernel->partial_bytes);
    for (int block = 0; block < depthwise->blocks; block++) {
        band.channel = block * CHANNELS;
        band.channels = op->in_c - band.channel < CHANNELS ? op->in_c - band.channel : CHANNELS;
        band.taps = partial + (size_t)block * (size_t)depthwise->taps * HALVES;
        band.sum = partial + sums + (size_t)block * HALVES;
        for (int i = 0; i < op->n; i++) {
            for (band.first = 0; band.first < op->out_h; band.first += depthwise->band) {
                const int left = op->out_h - band.first;
                band.count = left < depthwise->band ? left : depthwise->band;
                copy_band(&band, (const float *)args->in[0] + (size_t)i * x_image,
                          (const float *)args->in[1] + (size_t)i * dy_image);
                add_band(&band);
            }
        }
    }
}

static void depthwise_unpack(struct kernel *kernel, const void *partial, float *weights,
                             float *bias, int lane)
{
    (void)lane;
    const struct depthwise *depthwise = (const struct depthwise *)kernel;
    const size_t taps = (size_t)depthwise->taps;
    const float *sums = partial;
    const float *biases = sums + (size_t)depthwise->blocks * taps * CHANNELS;
    for (size_t c = 0; c < (size_t)kernel->op.in_c; c++) {
        const float *from = sums + c / CHANNELS * taps * CHANNELS + c % CHANNELS;
        for (size_t tap = 0; tap < taps; tap++) {
            weights[c * taps + tap] = from[tap * CHANNELS];
        }
        if (bias != NULL) {
            bias[c] = biases[c];
        }
    }
}

static const struct kernel_ops depthwise_ops = {.open = cpu_conv_depthwise_open,
                                                .run = depthwise_run,
                                                .unpack = depthwise_unpack,
                                                .close = cpu_kernel_close};

// As many rows of outputs as fit the cache with the inputs that they see, at least one.
static void size_band(struct depthwise *depthwise, const struct op *op)
{
    const int covered_h = (op->kernel[0] - 1) * op->dilation[0] + 1;
    const int covered_w = (op->kernel[1] - 1) * op->dilation[1] + 1;
    depthwise->columns = (op->out_w - 1) * op->stride[1] + covered_w;
    const int pixels = BAND_BYTES / (CHANNELS * (int)sizeof(float));
    const int halo = (covered_h - op->stride[0]) * depthwise->columns;
    const int rows = (pixels - halo) / (op->stride[0] * depthwise->columns + op->out_w);
    depthwise->band = rows < 1 ? 1 : rows < op->out_h ? rows : op->out_h;
    depthwise->rows = (depthwise->band - 1) * op->stride[0] + covered_h;
}

enum status cpu_conv_depthwise_open(struct backend *backend, const struct op *op,
                                    struct kernel **out)
{
    struct depthwise *depthwise = calloc(1, sizeof *depthwise);
    if (depthwise == NULL) {
        FAIL(ERR_MEMORY, "no memory for a convolution's gradient");
    }
    *depthwise = (struct depthwise){.base = {.ops = &depthwise_ops, .backend = backend, .op = *op},
                                    .blocks = (op->in_c + CHANNELS - 1) / CHANNELS,
                                    .taps = op->kernel[0] * op->kernel[1]};
    size_band(depthwise, op);
    const size_t pixels = (size_t)depthwise->rows * (size_t)depthwise->columns +
                          (size_t)depthwise->band * (size_t)op->out_w;
    depthwise->base.scratch_bytes = pixels * CHANNELS * sizeof(float);
    depthwise->base.partial_bytes =
        (size_t)depthwise->blocks * (size_t)(depthwise->taps + 1) * CHANNELS * sizeof(float);
    *out = &depthwise->base;
    return OK;
}
