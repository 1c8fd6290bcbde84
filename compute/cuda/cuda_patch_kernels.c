// Convolutions and their data's gradients out of patches in shared memory, in tiles of 256 pixels
// and 16 or 32 columns; products of bf16, sums in float32.
#include "compute/cuda/cuda_patch.h"

// Weights of a patch's channels, [taps][channels][columns]; zeros behind the last of either.
DEVICE void weights_fill(const struct cuda_patch_call *a, const int columns, int channel,
                         unsigned char *weights)
{
    const int quads = columns / 4, first = block_y() * columns;
    const int items = a->op.kernel[0] * a->op.kernel[1] * a->channels * quads;
    for (int item = thread_id(); item < items; item += PATCH_THREADS) {
        const int row = item / quads, column = first + item % quads * 4;
        const int tap = row / a->channels, c = channel + row - tap * a->channels;
        struct f32x4 run = {0.0F, 0.0F, 0.0F, 0.0F};
        if (c < a->from_c && column < a->padded) {
            run = load_f32x4(a->right + (int64_t)(tap * a->from_c + c) * a->padded + column);
        }
        patch_store(weights + row * patch_row_bytes(columns) + item % quads * 8, run);
    }
}

// 32 pixels of this warp, at two places in the patch, by all columns.
DEVICE void patch_multiply(const struct cuda_patch_call *a, const int columns,
                           const unsigned char *patch, const int at[2],
                           const unsigned char *weights, float sums[2][4][4])
{
    const int lane = lane_id(), pitch = patch_row_bytes(columns);
    const unsigned char *row = weights + lane % 16 * pitch + lane / 16 * 16;
    for (int kh = 0; kh < a->op.kernel[0]; kh++) {
        for (int kw = 0; kw < a->op.kernel[1]; kw++) {
            const unsigned char *tap =
                patch + a->tap_first + kh * a->tap_step[0] + kw * a->tap_step[1];
            for (int channel = 0; channel < a->channels; channel += 16) {
                uint32_t left[2][4];
                load_matrix_x4(left[0], tap + at[0] + channel * 2);
                load_matrix_x4(left[1], tap + at[1] + channel * 2);
                UNROLL
                for (int pair = 0; pair < columns / 16; pair++) {
                    uint32_t right[4];
                    load_matrix_x4_transposed(right, row + pair * 32);
                    mma_bf16(sums[0][2 * pair], left[0], right);
                    mma_bf16(sums[0][2 * pair + 1], left[0], right + 2);
                    mma_bf16(sums[1][2 * pair], left[1], right);
                    mma_bf16(sums[1][2 * pair + 1], left[1], right + 2);
                }
                row += 16 * pitch;
            }
        }
    }
}

// Adds the bias and what is there to two neighbouring columns, and writes them. `relu`: that, too;
// other activations come later.
DEVICE void patch_emit(const struct cuda_patch_call *a, float *to, int column, int relu,
                       float first, float second)
{
    const int both = column + 1 < a->to_c;
    if (a->bias != NULL) {
        first += a->bias[column];
        second += both ? a->bias[column + 1] : 0.0F;
    }
    if (a->op.sum) {
        first += to[0];
        second += both ? to[1] : 0.0F;
    }
    if (relu) {
        first = first < 0.0F ? 0.0F : first;
        second = second < 0.0F ? 0.0F : second;
    }
    if (a->pairs) {
        store_f32x2(to, first, second);
        return;
    }
    to[0] = first;
    if (both) {
        to[1] = second;
    }
}

// The columns that a lane holds of a tile begin here, and go on each eighth.
DEVICE int patch_column(const int columns)
{
    return block_y() * columns + lane_id() % 4 * 2;
}

// Activations but the commonest, of what this lane wrote: one after the other, since their code
// would not fit as often as there are sums.
DEVICE void patch_activate(const struct cuda_patch_call *a, const int columns,
                           const struct patch_tile *tile)
{
    ROLLED
    for (int i = 0; i < 4 * columns / 4; i++) {
        const int pixel = warp_id() * 32 + i % 4 * 8 + lane_id() / 4;
        const int column = patch_column(columns) + i / 8 * 8 + i / 4 % 2;
        if (pixel < tile->pixels && column < a->to_c) {
            float *to = a->to + (tile->pixel + pixel) * a->to_c + column;
            *to = act_value(a->op.act, *to);
        }
    }
}

DEVICE void patch_emit_tile(const struct cuda_patch_call *a, const int columns,
                            const struct patch_tile *tile, float sums[2][4][4])
{
    const int first = warp_id() * 32 + lane_id() / 4, column = patch_column(columns);
    float *to = a->to + (tile->pixel + first) * a->to_c + column;
    const enum activation_kind act = a->op.act.kind;
    UNROLL
    for (int i = 0; i < 4; i++) {
        UNROLL
        for (int part = 0; part < columns / 8; part++) {
            if (first + i * 8 < tile->pixels && column + part * 8 < a->to_c) {
                patch_emit(a, to + i * 8 * a->to_c + part * 8, column + part * 8, act == ACT_RELU,
                           sums[i / 2][part][i % 2 * 2], sums[i / 2][part][i % 2 * 2 + 1]);
            }
        }
    }
    if (act != ACT_NONE && act != ACT_RELU) {
        patch_activate(a, columns, tile);
    }
}

// Grid: x blocks that share the tiles, y tiles of columns.
DEVICE void patch_product(const struct cuda_patch_call *a, const int columns)
{
    unsigned char *patch = shared_memory(), *weights = patch + a->patch_bytes;
    int at[2];
    UNROLL
    for (int i = 0; i < 2; i++) {
        at[i] = patch_pixel_at(a, warp_id() * 32 + i * 16 + lane_id() % 16) + lane_id() / 16 * 16;
    }
    for (int number = block_x(); number < a->tiles; number += grid_x()) {
        const struct patch_tile tile = patch_tile_of(a, number);
        float sums[2][4][4];
        UNROLL
        for (int i = 0; i < 32; i++) {
            sums[i / 16][i / 4 % 4][i % 4] = 0.0F;
        }
        for (int chunk = 0; chunk < a->chunks; chunk++) {
            patch_fill(a, &tile, chunk * a->channels, patch);
            if (a->chunks > 1 || number == block_x()) {
                weights_fill(a, columns, chunk * a->channels, weights);
            }
            block_sync();
            if (warp_id() * 32 < tile.pixels) {
                patch_multiply(a, columns, patch, at, weights, sums);
            }
            block_sync();
        }
        patch_emit_tile(a, columns, &tile, sums);
    }
}

DENSE_KERNEL(patch_product_16, struct cuda_patch_call, PATCH_THREADS, 3)
{
    patch_product(a, 16);
}

DENSE_KERNEL(patch_product_32, struct cuda_patch_call, PATCH_THREADS, 2)
{
    patch_product(a, 32);
}
