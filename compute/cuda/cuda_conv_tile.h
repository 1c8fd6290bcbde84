// One block's tile of a convolution's product. Only for files of kernels. All but `a` are
// constants, as a template's arguments would be.
//
// While a step's terms are multiplied out of shared memory, the next step's are on their way into
// registers.
#pragma once
#include "compute/cuda/cuda_conv_fetch.h"

// Runs of four elements that a thread carries in one step, at most.
enum { CONV_LEFT_RUNS = 4, CONV_RIGHT_RUNS = 2 };

struct conv_tile {
    int rows, columns; // of the tile
    int terms;         // of one step
    int group, split;  // of this block
    int first_row, first_column;
    int end; // of this split's terms
};

struct conv_stage {
    struct f32x4 left[CONV_LEFT_RUNS], right[CONV_RIGHT_RUNS];
};

// Grid: x tiles of rows, y tiles of columns, z splits of groups.
DEVICE struct conv_tile conv_tile_of(const struct cuda_conv_call *a, const int precision,
                                     const int rows, const int columns)
{
    struct conv_tile tile;
    tile.rows = rows;
    tile.columns = columns;
    tile.terms = precision == PRECISION_BF16 ? 2 * CONV_MMA_WORDS : CONV_FLOAT_TERMS;
    tile.group = block_z() % a->op.groups;
    tile.split = block_z() / a->op.groups;
    tile.first_row = block_x() * rows;
    tile.first_column = block_y() * columns;
    const int end = (tile.split + 1) * a->split_terms;
    tile.end = end < a->terms ? end : a->terms;
    return tile;
}

// Row and term, inside the tile, of the first element of this thread's run number `i` on the left:
// runs go along the terms, for CONV_WEIGHTS along the rows.
DEVICE int conv_left_row(const struct conv_tile *tile, const int direction, int i)
{
    const int number = thread_id() + i * CONV_THREADS;
    return direction == CONV_WEIGHTS ? number % (tile->rows / 4) * 4 : number / (tile->terms / 4);
}

DEVICE int conv_left_term(const struct conv_tile *tile, const int direction, int i)
{
    const int number = thread_id() + i * CONV_THREADS;
    return direction == CONV_WEIGHTS ? number / (tile->rows / 4) : number % (tile->terms / 4) * 4;
}

DEVICE int conv_left_runs(const struct conv_tile *tile)
{
    return tile->rows * tile->terms / 4;
}

DEVICE int conv_right_runs(const struct conv_tile *tile)
{
    return tile->columns * tile->terms / 4;
}

DEVICE void conv_fetch(const struct cuda_conv_call *a, const int direction,
                       const struct conv_tile *tile, const struct conv_row *rows, int term,
                       struct conv_stage *stage)
{
    UNROLL
    for (int i = 0; i < CONV_LEFT_RUNS; i++) {
        if (thread_id() + i * CONV_THREADS < conv_left_runs(tile)) {
            stage->left[i] = conv_fetch_left(a, direction, tile->group, &rows[i],
                                             tile->first_row + conv_left_row(tile, direction, i),
                                             term + conv_left_term(tile, direction, i), tile->end);
        }
    }
    UNROLL
    for (int i = 0; i < CONV_RIGHT_RUNS; i++) {
        const int number = thread_id() + i * CONV_THREADS, runs = tile->columns / 4;
        if (number < conv_right_runs(tile)) {
            stage->right[i] = conv_fetch_right(a, direction, tile->group, term + number / runs,
                                               tile->first_column + number % runs * 4, tile->end);
        }
    }
}

// A tile's side in shared memory. float32: [terms][rows + 4], so that a thread reads four rows at
// once; else rows of CONV_MMA_WORDS words. `along_terms`: the run's four elements are four terms.
DEVICE void conv_put(void *side, const int precision, const int extent, const int along_terms,
                     int row, int term, struct f32x4 run)
{
    float values[4] = {run.x, run.y, run.z, run.w};
    if (precision == PRECISION_BF16 && along_terms) {
        uint32_t *words = (uint32_t *)side + row * CONV_MMA_STRIDE + term / 2;
        words[0] = bf16_pack(run.x, run.y);
        words[1] = bf16_pack(run.z, run.w);
        return;
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        const int r = along_terms ? row : row + i, t = along_terms ? term + i : term;
        if (precision == PRECISION_FLOAT32) {
            ((float *)side)[t * (extent + CONV_PADDING) + r] = values[i];
        } else if (precision == PRECISION_TF32) {
            ((uint32_t *)side)[r * CONV_MMA_STRIDE + t] = tf32_round(values[i]);
        } else {
            ((uint16_t *)side)[r * 2 * CONV_MMA_STRIDE + t] = (uint16_t)bf16_pack(values[i], 0.0F);
        }
    }
}

DEVICE void conv_put_stage(const int direction, const int precision, const struct conv_tile *tile,
                           const struct conv_stage *stage, void *left, void *right)
{
    UNROLL
    for (int i = 0; i < CONV_LEFT_RUNS; i++) {
        if (thread_id() + i * CONV_THREADS < conv_left_runs(tile)) {
            conv_put(left, precision, tile->rows, direction != CONV_WEIGHTS,
                     conv_left_row(tile, direction, i), conv_left_term(tile, direction, i),
                     stage->left[i]);
        }
    }
    UNROLL
    for (int i = 0; i < CONV_RIGHT_RUNS; i++) {
        const int number = thread_id() + i * CONV_THREADS, runs = tile->columns / 4;
        if (number < conv_right_runs(tile)) {
            conv_put(right, precision, tile->columns, 0, number % runs * 4, number / runs,
                     stage->right[i]);
        }
    }
}

// Bytes of the left side, hence where the right one begins.
DEVICE int conv_left_bytes(const int precision, const int rows)
{
    return precision == PRECISION_FLOAT32 ? CONV_FLOAT_TERMS * (rows + CONV_PADDING) * 4
                                          : rows * CONV_MMA_STRIDE * 4;
}

// 4 x 4 sums of this thread.
DEVICE void conv_multiply_f32(const struct conv_tile *tile, const float *left, const float *right,
                              float sums[4][4])
{
    const int column = thread_id() % (tile->columns / 4) * 4;
    const int row = thread_id() / (tile->columns / 4) * 4;
    UNROLL
    for (int term = 0; term < CONV_FLOAT_TERMS; term++) {
        const struct f32x4 l = load_f32x4(left + term * (tile->rows + CONV_PADDING) + row);
        const struct f32x4 r = load_f32x4(right + term * (tile->columns + CONV_PADDING) + column);
        const float lefts[4] = {l.x, l.y, l.z, l.w}, rights[4] = {r.x, r.y, r.z, r.w};
        UNROLL
        for (int i = 0; i < 4; i++) {
            UNROLL
            for (int k = 0; k < 4; k++) {
                sums[i][k] += lefts[i] * rights[k];
            }
        }
    }
}

// 16 rows of this warp by all columns of the tile, eight at a time.
DEVICE void conv_multiply_mma(const int precision, const struct conv_tile *tile,
                              const uint32_t *left, const uint32_t *right, float sums[8][4])
{
    const int lane = lane_id();
    const uint32_t *row = left + (warp_id() * 16 + lane % 16) * CONV_MMA_STRIDE + lane / 16 * 4;
    const uint32_t *column =
        right + (lane % 8 + lane / 16 * 8) * CONV_MMA_STRIDE + lane / 8 % 2 * 4;
    UNROLL
    for (int word = 0; word < CONV_MMA_WORDS; word += 8) {
        uint32_t l[4];
        load_matrix_x4(l, row + word);
        UNROLL
        for (int pair = 0; pair < tile->columns / 16; pair++) {
            uint32_t r[4];
            load_matrix_x4(r, column + pair * 16 * CONV_MMA_STRIDE + word);
            if (precision == PRECISION_BF16) {
                mma_bf16(sums[2 * pair], l, r);
                mma_bf16(sums[2 * pair + 1], l, r + 2);
            } else {
                mma_tf32(sums[2 * pair], l, r);
                mma_tf32(sums[2 * pair + 1], l, r + 2);
            }
        }
    }
}

DEVICE void conv_emit_f32(const struct cuda_conv_call *a, const int direction,
                          const struct conv_tile *tile, float sums[4][4])
{
    const int column = tile->first_column + thread_id() % (tile->columns / 4) * 4;
    const int row = tile->first_row + thread_id() / (tile->columns / 4) * 4;
    UNROLL
    for (int i = 0; i < 4; i++) {
        UNROLL
        for (int k = 0; k < 4; k++) {
            conv_emit(a, direction, tile->group, tile->split, row + i, column + k, sums[i][k]);
        }
    }
}

DEVICE void conv_emit_mma(const struct cuda_conv_call *a, const int direction,
                          const struct conv_tile *tile, float sums[8][4])
{
    const int row = tile->first_row + warp_id() * 16 + lane_id() / 4;
    UNROLL
    for (int i = 0; i < tile->columns / 8; i++) {
        const int column = tile->first_column + i * 8 + lane_id() % 4 * 2;
        UNROLL
        for (int k = 0; k < 4; k++) {
            conv_emit(a, direction, tile->group, tile->split, row + k / 2 * 8, column + k % 2,
                      sums[i][k]);
        }
    }
}

DEVICE void conv_tile_run(const struct cuda_conv_call *a, const int direction, const int precision,
                          const int tile_rows, const int tile_columns)
{
    const struct conv_tile tile = conv_tile_of(a, precision, tile_rows, tile_columns);
    unsigned char *left = shared_memory();
    unsigned char *right = left + conv_left_bytes(precision, tile_rows);
    struct conv_row rows[CONV_LEFT_RUNS];
    struct conv_stage stage;
    float sums[8][4];
    UNROLL
    for (int i = 0; i < 8; i++) {
        UNROLL
        for (int k = 0; k < 4; k++) {
            sums[i][k] = 0.0F;
        }
    }
    UNROLL
    for (int i = 0; i < CONV_LEFT_RUNS; i++) {
        rows[i] = conv_row_at(a, direction, tile.first_row + conv_left_row(&tile, direction, i));
    }
    int term = tile.split * a->split_terms;
    conv_fetch(a, direction, &tile, rows, term, &stage);
    while (term < tile.end) {
        conv_put_stage(direction, precision, &tile, &stage, left, right);
        block_sync();
        term += tile.terms;
        if (term < tile.end) {
            conv_fetch(a, direction, &tile, rows, term, &stage);
        }
        if (precision == PRECISION_FLOAT32) {
            conv_multiply_f32(&tile, (const float *)(const void *)left,
                              (const float *)(const void *)right, sums);
        } else {
            conv_multiply_mma(precision, &tile, (const uint32_t *)(const void *)left,
                              (const uint32_t *)(const void *)right, sums);
        }
        block_sync();
    }
    if (precision == PRECISION_FLOAT32) {
        conv_emit_f32(a, direction, &tile, sums);
    } else {
        conv_emit_mma(a, direction, &tile, sums);
    }
}
