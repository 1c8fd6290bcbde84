// Sums over the rows of a matrix [rows][channels], one or two per channel, in an order that the
// shape alone decides. A block takes `width` channels and, of the passes over all rows, each
// splits-th one; then one thread for each channel adds up the splits. Only for files of kernels.
#pragma once
#include "compute/cuda/cuda_element.h"

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

// Adds up the two sums of all threads with the same channel. Returns whether this thread, one for
// each channel, now holds them. Shared memory: two f64 for each thread.
DEVICE int column_reduce(int width, double *first, double *second)
{
    double *sums = (double *)(void *)shared_memory();
    const int me = thread_id(), threads = thread_count();
    sums[2 * me] = *first;
    sums[2 * me + 1] = *second;
    block_sync();
    if (me >= width) {
        return 0;
    }
    for (int other = me + width; other < threads; other += width) {
        *first += sums[2 * other];
        *second += sums[2 * other + 1];
    }
    return 1;
}
