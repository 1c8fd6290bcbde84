// Gradients of convolutions' weights out of patches in shared memory: a block adds up, over its
// tiles, what up to nine taps' weights of 16 or 32 inputs by as many outputs get. Products of bf16,
// sums in float32.
#include "compute/cuda/cuda_patch.h"

struct weights_part {
    int input, output; // this block's first
    int tap, taps;     // of the block: first, how many
    int quarter;       // 16 x 16 weights of this warp
    int share, shares; // of the tiles' pixels: each shares-th 16 from number `share` on
};

// Grid: x splits, y tiles of inputs, then of outputs, z nines of taps.
DEVICE struct weights_part weights_part_of(const struct cuda_patch_call *a, const int inputs,
                                           const int outputs)
{
    struct weights_part part;
    const int quarters = inputs / 16 * (outputs / 16), taps = a->op.kernel[0] * a->op.kernel[1];
    const int tiles = (a->op.in_c + inputs - 1) / inputs;
    part.input = block_y() % tiles * inputs;
    part.output = block_y() / tiles * outputs;
    part.tap = block_z() * PATCH_TAPS;
    part.taps = taps - part.tap < PATCH_TAPS ? taps - part.tap : PATCH_TAPS;
    part.quarter = warp_id() % quarters;
    part.share = warp_id() / quarters;
    part.shares = PATCH_THREADS / WARP / quarters;
    return part;
}

// dy of the tile's pixels, of a whole tile's zeros behind them.
DEVICE void gradient_fill(const struct cuda_patch_call *a, const int outputs,
                          const struct patch_tile *tile, int output, unsigned char *side)
{
    const int quads = outputs / 4, items = PATCH_PIXELS * quads;
    UNROLL
    for (int first = 0; first < items; first += PATCH_IN_FLIGHT * PATCH_THREADS) {
        struct f32x4 runs[PATCH_IN_FLIGHT];
        UNROLL
        for (int i = 0; i < PATCH_IN_FLIGHT; i++) {
            const int item = first + i * PATCH_THREADS + thread_id(), pixel = item / quads;
            const int count = pixel < tile->pixels ? a->op.out_c : 0;
            runs[i] = patch_load(a->right + (tile->pixel + pixel) * a->op.out_c,
                                 output + item % quads * 4, count, a->vector_right);
        }
        UNROLL
        for (int i = 0; i < PATCH_IN_FLIGHT; i++) {
            const int item = first + i * PATCH_THREADS + thread_id();
            patch_store(side + item / quads * patch_row_bytes(outputs) + item % quads * 8, runs[i]);
        }
    }
}

// at: where in the patch each pixel lies.
DEVICE void weights_multiply(const struct cuda_patch_call *a, const int inputs, const int outputs,
                             const struct weights_part *part, const struct patch_tile *tile,
                             const unsigned char *patch, const unsigned char *side, const int *at,
                             float sums[PATCH_TAPS][2][4])
{
    const int lane = lane_id(), pitch = patch_row_bytes(outputs);
    const int input = part->quarter % (inputs / 16) * 32 + lane / 8 % 2 * 16;
    const int output = part->quarter / (inputs / 16) * 32 + lane / 16 * 16;
    for (int pixel = part->share * 16; pixel < tile->pixels; pixel += part->shares * 16) {
        const unsigned char *place = patch + at[pixel + lane % 8 + lane / 16 * 8] + input;
        uint32_t right[4];
        load_matrix_x4_transposed(right, side + (pixel + lane % 16) * pitch + output);
        int kh = part->tap / a->op.kernel[1], kw = part->tap % a->op.kernel[1];
        UNROLL
        for (int tap = 0; tap < PATCH_TAPS; tap++) {
            if (tap < part->taps) {
                uint32_t left[4];
                load_matrix_x4_transposed(left, place + kh * a->tap_step[0] + kw * a->tap_step[1]);
                mma_bf16(sums[tap][0], left, right);
                mma_bf16(sums[tap][1], left, right + 2);
                kw++;
                kh += kw == a->op.kernel[1];
                kw = kw == a->op.kernel[1] ? 0 : kw;
            }
        }
    }
}

// Into the warps of share 0, by halves.
DEVICE void weights_reduce(const struct weights_part *part, float *shared,
                           float sums[PATCH_TAPS][2][4])
{
    const int quarters = PATCH_THREADS / WARP / part->shares;
    for (int half = part->shares / 2; half > 0; half /= 2) {
        const int slot = part->share % half * quarters + part->quarter;
        float *place = shared + slot * PATCH_TAPS * 8 * WARP + lane_id();
        block_sync();
        UNROLL
        for (int i = 0; i < PATCH_TAPS * 8; i++) {
            if (part->share >= half && part->share < 2 * half) {
                place[i * WARP] = sums[i / 8][i / 4 % 2][i % 4];
            }
        }
        block_sync();
        UNROLL
        for (int i = 0; i < PATCH_TAPS * 8; i++) {
            if (part->share < half) {
                sums[i / 8][i / 4 % 2][i % 4] += place[i * WARP];
            }
        }
    }
}

DEVICE void weights_emit(const struct cuda_patch_call *a, const int inputs,
                         const struct weights_part *part, float sums[PATCH_TAPS][2][4])
{
    const int taps = a->op.kernel[0] * a->op.kernel[1], columns = a->op.out_c;
    float *to = a->to + (int64_t)block_x() * taps * a->op.in_c * columns;
    const int input = part->input + part->quarter % (inputs / 16) * 16 + lane_id() / 4;
    const int output = part->output + part->quarter / (inputs / 16) * 16 + lane_id() % 4 * 2;
    UNROLL
    for (int tap = 0; tap < PATCH_TAPS; tap++) {
        UNROLL
        for (int i = 0; i < 8; i++) {
            const int c = input + i / 2 % 2 * 8, o = output + i / 4 * 8 + i % 2;
            if (tap < part->taps && c < a->op.in_c && o < columns) {
                to[(int64_t)((part->tap + tap) * a->op.in_c + c) * columns + o] =
                    sums[tap][i / 4][i % 4];
            }
        }
    }
}

DEVICE void patch_weights(const struct cuda_patch_call *a, const int inputs, const int outputs)
{
    const struct weights_part part = weights_part_of(a, inputs, outputs);
    unsigned char *patch = shared_memory(), *side = patch + a->patch_bytes;
    int *at = (int *)(void *)(side + PATCH_PIXELS * patch_row_bytes(outputs));
    float sums[PATCH_TAPS][2][4];
    UNROLL
    for (int i = 0; i < PATCH_TAPS * 8; i++) {
        sums[i / 8][i / 4 % 2][i % 4] = 0.0F;
    }
    at[thread_id()] = patch_pixel_at(a, thread_id());
    for (int number = block_x(); number < a->tiles; number += a->splits) {
        const struct patch_tile tile = patch_tile_of(a, number);
        patch_fill(a, &tile, part.input, patch);
        gradient_fill(a, outputs, &tile, part.output, side);
        block_sync();
        weights_multiply(a, inputs, outputs, &part, &tile, patch, side, at, sums);
        block_sync();
    }
    weights_reduce(&part, (float *)(void *)patch, sums);
    if (part.share == 0) {
        weights_emit(a, inputs, &part, sums);
    }
}

DENSE_KERNEL(patch_weights_16_16, struct cuda_patch_call, PATCH_THREADS, 2)
{
    patch_weights(a, 16, 16);
}

DENSE_KERNEL(patch_weights_16_32, struct cuda_patch_call, PATCH_THREADS, 2)
{
    patch_weights(a, 16, 32);
}

DENSE_KERNEL(patch_weights_32_32, struct cuda_patch_call, PATCH_THREADS, 2)
{
    patch_weights(a, 32, 32);
}
