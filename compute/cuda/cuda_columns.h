// Sums over the rows of a matrix [rows][channels], one or more per channel, in an order that the
// shape alone decides. A block takes `width` channels and, of the passes over all rows, each
// splits-th one; then the splits are added up. Only for files of kernels.
#pragma once
#include "compute/cuda/cuda_element.h"

enum { COLUMN_IN_FLIGHT = 4 }; // loads of a thread before the first is used

// What this thread adds up: channel, and rows first, first + step ...
struct column_share {
    int channel; // -1: none
    int first, step;
};

// Grid: x tiles of `width` channels, y splits.
DEVICE struct column_share column_share_of(int channels, int width, int splits)
{
    const int passes = thread_count() / width;
    const int channel = block_x() * width + thread_id() % width;
    struct column_share share;
    share.channel = channel < channels ? channel : -1;
    share.first = block_y() * passes + thread_id() / width;
    share.step = splits * passes;
    return share;
}

// Adds up n sums of all threads with the same channel, always in the same order. Returns whether
// this thread, one for each channel, now holds them. Shared memory: n f64 for each thread.
DEVICE int column_reduce(int width, const int n, double *sums)
{
    double *shared = (double *)(void *)shared_memory();
    const int me = thread_id(), threads = thread_count();
    UNROLL
    for (int i = 0; i < n; i++) {
        shared[i * threads + me] = sums[i];
    }
    block_sync();
    for (int half = threads / 2; half >= width; half /= 2) {
        UNROLL
        for (int i = 0; i < n; i++) {
            if (me < half) {
                sums[i] += shared[i * threads + me + half];
                shared[i * threads + me] = sums[i];
            }
        }
        block_sync();
    }
    return me < width;
}

// Sums of `count` columns over the splits, to[i] = the sum of from[split][i]: a block takes 32
// columns, each warp every so manyth split. Shared memory: one f64 for each thread. Returns the
// column whose sum, *sum, this thread holds; -1: none.
DEVICE int column_add_splits(const double *from, int count, int splits, double *sum)
{
    double *shared = (double *)(void *)shared_memory(), mine = 0.0;
    const int i = block_x() * WARP + lane_id(), warps = thread_count() / WARP;
    for (int first = warp_id(); i < count && first < splits; first += COLUMN_IN_FLIGHT * warps) {
        double values[COLUMN_IN_FLIGHT];
        UNROLL
        for (int k = 0; k < COLUMN_IN_FLIGHT; k++) {
            const int split = first + k * warps;
            values[k] = split < splits ? from[(int64_t)split * count + i] : 0.0;
        }
        UNROLL
        for (int k = 0; k < COLUMN_IN_FLIGHT; k++) {
            mine += values[k];
        }
    }
    shared[thread_id()] = mine;
    block_sync();
    if (warp_id() != 0 || i >= count) {
        return -1;
    }
    for (int warp = 1; warp < warps; warp++) {
        mine += shared[warp * WARP + lane_id()];
    }
    *sum = mine;
    return i;
}
