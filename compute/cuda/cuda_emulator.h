// Runs kernels (cuda_thread.h) on the processor, one thread of the launch at a time. The threads of
// a block that work together are fibres, which give way to each other at barriers and at what a
// warp does together; all others are a plain loop. It aborts, saying which kernel, block and
// thread, at what a device would answer with wrong numbers or a hang: a barrier that not all
// threads reach, warps that part ways, shared memory beyond its end, addresses that are not
// aligned, copies that nobody waited for. Shared memory is NaN at the start of each block, and
// copies under way land only when they are waited for.
#pragma once
#include "compute/cuda/cuda_grid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emulated_kernel {
    const char *name;
    void (*run)(const void *args); // one thread's work
    int most_threads;
    bool together; // barriers and the like: needs fibres
};

// Runs every block of the launch; the results are there when it returns. `args`: what the kernel's
// second macro argument says. Aborts on a launch that a device would refuse.
void emulator_launch(const struct emulated_kernel *kernel, const struct cuda_grid *grid,
                     const void *args);
// From now on blocks, warps and lanes take their turns from the last to the first (or again from
// the first to the last). No result may depend on it.
void emulator_set_reversed(bool reversed);

// For cuda_thread_host.h alone.
struct emulated_place {
    struct cuda_grid grid;
    int x, y, z; // of the block
    int thread;
};
extern _Thread_local struct emulated_place emulator_place;

unsigned char *emulator_shared(void);
void emulator_block_sync(void);
void emulator_warp_sync(void);
void emulator_shuffle(void *value, size_t bytes, int lane); // 4 or 8 bytes
uint32_t emulator_ballot(bool condition);
uint32_t emulator_bf16(float value);
uint32_t emulator_tf32(float value);
void emulator_mma(bool bf16, float c[4], const uint32_t a[4], const uint32_t b[2]);
void emulator_load_matrix(uint32_t r[4], const void *row, bool transposed);
void emulator_copy_async(void *shared, const void *global, bool valid);
void emulator_copy_commit(void);
void emulator_copy_wait(int groups);
void emulator_check_aligned(const void *address, size_t bytes);
