// The state that the emulator's files share: who waits for what. Not for kernels.
#pragma once
#include "compute/cuda/cuda_emulator.h"
#include "compute/cuda/cuda_fibre.h"

enum {
    WARP = 32,
    MOST_THREADS = 1024,
    MOST_WARPS = MOST_THREADS / WARP,
    MOST_COPIES = 128, // of one thread on their way
    SHARED_ALIGNMENT = 128,
    UNWRITTEN = 0xFF, // bytes of NaN
};

enum thread_state { READY, AT_WARP, AT_BLOCK, LEFT };

// What a warp does together; all lanes must come for the same.
enum meeting {
    MEET_SYNC,
    MEET_SHUFFLE,
    MEET_BALLOT,
    MEET_MMA_BF16,
    MEET_MMA_TF32,
    MEET_MATRIX,
    MEET_MATRIX_T
};

struct copy {
    void *to;
    const void *from; // NULL: zeros
    int group;
};

struct emulated_thread {
    enum thread_state state;
    struct copy copies[MOST_COPIES];
    int n_copies, group; // group: number of the one being filled
};

struct emulated_warp {
    enum meeting meeting;
    int arrived;
    unsigned turn; // meetings so far
    union {
        uint32_t words[10];
        const void *row;
    } in[WARP];
    uint32_t out[2][WARP]
                [4]; // of this meeting and the one before, which some may not have read yet
};

// One for each thread of the program that launches.
struct emulator {
    const struct emulated_kernel *kernel;
    const void *args;
    int ready_fibres, at_block, left;
    unsigned char *region, *shared; // region: for shared memory, before a page that faults
    size_t region_bytes;
    struct fibre outside, fibres[MOST_THREADS];
    struct emulated_thread threads[MOST_THREADS];
    struct emulated_warp warps[MOST_WARPS];
};

extern _Thread_local struct emulator *emulator; // made at the first launch, kept

_Noreturn void emulator_fault(const char *what); // says where, and aborts
void emulator_need_together(void);               // faults in a PLAIN_KERNEL
void emulator_check_shared(const void *address, size_t bytes);
// Gives way to the warp's other lanes until this thread is READY again.
void emulator_wait_for_warp(void);
