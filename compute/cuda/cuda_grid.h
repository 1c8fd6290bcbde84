// How a kernel is launched, and what its threads and the emulator both know.
#pragma once
#include <stddef.h>

struct cuda_grid {
    int x, y, z;         // blocks, each at least 1; y and z at most 65,535
    int threads;         // of a block: a multiple of 32, at most what the kernel names
    size_t shared_bytes; // of a block; at most CUDA_SHARED_BYTES
};

struct f32x4 {
    float x, y, z, w;
};

enum {
    WARP = 32,                      // threads that go together
    CUDA_SHARED_BYTES = 227 * 1024, // what sm_90 gives one block; sm_80: 163 KiB, others 99
};
