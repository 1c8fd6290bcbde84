// How a kernel is launched.
#pragma once
#include <stddef.h>

struct cuda_grid {
    int x, y, z;         // blocks, each at least 1; y and z at most 65,535
    int threads;         // of a block: a multiple of 32, at most what the kernel names
    size_t shared_bytes; // of a block; at most CUDA_SHARED_BYTES
};

enum {
    CUDA_SHARED_BYTES = 227 * 1024, // what sm_90 gives one block; sm_80: 163 KiB, others 99
};
