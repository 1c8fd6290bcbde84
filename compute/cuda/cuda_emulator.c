// The emulator's blocks: fibres taking turns.
//
// A fibre runs until it waits. Who waits for its warp gives way to the next lane of the warp, who
// waits for the block, to the next thread of all. The last to arrive does the common work and sets
// the others free. So nothing is searched for but the next free thread, mostly the neighbour.
#include "compute/cuda/cuda_emulator.h"

#include "compute/cuda/cuda_emulator_state.h"
#include "core/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Thread_local struct emulated_place emulator_place;
_Thread_local struct emulator *emulator;
static bool reversed;

void emulator_set_reversed(bool value)
{
    reversed = value;
}

_Noreturn void emulator_fault(const char *what)
{
    fprintf(stderr, "kernel %s, block %d %d %d, thread %d of %d: %s\n",
            emulator != NULL && emulator->kernel != NULL ? emulator->kernel->name : "?",
            emulator_place.x, emulator_place.y, emulator_place.z, emulator_place.thread,
            emulator_place.grid.threads, what);
    abort();
}

void emulator_need_together(void)
{
    if (!emulator->kernel->together) {
        emulator_fault("a PLAIN_KERNEL does what only a BLOCK_KERNEL may");
    }
}

void emulator_check_aligned(const void *address, size_t bytes)
{
    if ((uintptr_t)address % bytes != 0) {
        emulator_fault("an address is not aligned");
    }
}

void emulator_check_shared(const void *address, size_t bytes)
{
    const uintptr_t at = (uintptr_t)address, start = (uintptr_t)emulator->shared;
    if (at < start || at + bytes > start + emulator_place.grid.shared_bytes) {
        emulator_fault("an address is outside the block's shared memory");
    }
    emulator_check_aligned(address, bytes);
}

unsigned char *emulator_shared(void)
{
    emulator_need_together();
    return emulator->shared;
}

// ---- taking turns

static void go_to(int thread)
{
    const int here = emulator_place.thread;
    if (thread != here) {
        emulator_place.thread = thread;
        fibre_switch(&emulator->fibres[here], &emulator->fibres[thread]);
    }
}

// The next thread after this one, in the order of the turns, of those from `first` on that is
// READY; -1: none.
static int next_ready(int first, int count)
{
    const int here = emulator_place.thread - first;
    for (int i = 1; i <= count; i++) {
        const int thread = first + (reversed ? here - i + count : here + i) % count;
        if (emulator->threads[thread].state == READY) {
            return thread;
        }
    }
    return -1;
}

void emulator_wait_for_warp(void)
{
    const struct emulated_thread *self = &emulator->threads[emulator_place.thread];
    while (self->state == AT_WARP) {
        const int next = next_ready(emulator_place.thread / WARP * WARP, WARP);
        if (next < 0) {
            emulator_fault("waits for its warp, of which others left or wait at a barrier");
        }
        go_to(next);
    }
}

static void wait_for_block(void)
{
    const struct emulated_thread *self = &emulator->threads[emulator_place.thread];
    while (self->state == AT_BLOCK) {
        const int next = next_ready(0, emulator_place.grid.threads);
        if (next < 0) {
            emulator_fault("waits at a barrier that not all threads reach");
        }
        go_to(next);
    }
}

void emulator_block_sync(void)
{
    emulator_need_together();
    if (++emulator->at_block < emulator_place.grid.threads) {
        emulator->threads[emulator_place.thread].state = AT_BLOCK;
        wait_for_block();
        return;
    }
    emulator->at_block = 0;
    for (int i = 0; i < emulator_place.grid.threads; i++) {
        emulator->threads[i].state = READY;
    }
}

// ---- copies on their way

enum { COPY_BYTES = 16 };

void emulator_copy_async(void *shared, const void *global, bool valid)
{
    emulator_need_together();
    struct emulated_thread *self = &emulator->threads[emulator_place.thread];
    emulator_check_shared(shared, COPY_BYTES);
    if (self->n_copies == MOST_COPIES) {
        emulator_fault("has too many copies on their way");
    }
    if (valid) {
        emulator_check_aligned(global, COPY_BYTES);
    }
    memset(shared, UNWRITTEN, COPY_BYTES);
    self->copies[self->n_copies++] = (struct copy){shared, valid ? global : NULL, self->group};
}

void emulator_copy_commit(void)
{
    emulator_need_together();
    emulator->threads[emulator_place.thread].group++;
}

void emulator_copy_wait(int groups)
{
    emulator_need_together();
    struct emulated_thread *self = &emulator->threads[emulator_place.thread];
    if (groups < 0 || groups > 3) {
        emulator_fault("waits for a number of groups that is not 0 to 3");
    }
    int kept = 0;
    for (int i = 0; i < self->n_copies; i++) {
        const struct copy *copy = &self->copies[i];
        if (copy->group >= self->group - groups) {
            self->copies[kept++] = *copy;
        } else if (copy->from != NULL) {
            memcpy(copy->to, copy->from, COPY_BYTES);
        } else {
            memset(copy->to, 0, COPY_BYTES);
        }
    }
    self->n_copies = kept;
}

// ---- blocks

// One thread of one block; then the next block's, and so on, for as long as the program runs.
static void fibre_body(void)
{
    for (;;) {
        emulator->kernel->run(emulator->args);
        struct emulated_thread *self = &emulator->threads[emulator_place.thread];
        if (self->n_copies > 0) {
            emulator_fault("left with copies on their way");
        }
        self->state = LEFT;
        if (++emulator->left == emulator_place.grid.threads) {
            fibre_switch(&emulator->fibres[emulator_place.thread], &emulator->outside);
            continue;
        }
        const int next = next_ready(0, emulator_place.grid.threads);
        if (next < 0) {
            emulator_fault("left while others wait for it");
        }
        go_to(next);
    }
}

// The end of shared memory lies as close to the faulting page as its alignment allows.
static void clear_shared(void)
{
    const size_t bytes = emulator_place.grid.shared_bytes;
    const size_t rounded = (bytes + SHARED_ALIGNMENT - 1) / SHARED_ALIGNMENT * SHARED_ALIGNMENT;
    emulator->shared = emulator->region + emulator->region_bytes - rounded;
    memset(emulator->shared, UNWRITTEN, rounded);
}

static void check_shared_end(void)
{
    for (size_t i = emulator_place.grid.shared_bytes; i % SHARED_ALIGNMENT != 0; i++) {
        if (emulator->shared[i] != UNWRITTEN) {
            emulator_fault("wrote past the end of its shared memory");
        }
    }
}

static void run_fibres(void)
{
    const int threads = emulator_place.grid.threads;
    clear_shared();
    for (int i = 0; i < threads; i++) {
        emulator->threads[i].state = READY;
        emulator->threads[i].n_copies = emulator->threads[i].group = 0;
    }
    emulator->at_block = emulator->left = 0;
    emulator_place.thread = reversed ? threads - 1 : 0;
    fibre_switch(&emulator->outside, &emulator->fibres[emulator_place.thread]);
    check_shared_end();
}

static void run_plain(void)
{
    const int threads = emulator_place.grid.threads;
    for (int i = 0; i < threads; i++) {
        emulator_place.thread = reversed ? threads - 1 - i : i;
        emulator->kernel->run(emulator->args);
    }
}

static void make_emulator(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t bytes = (CUDA_SHARED_BYTES + page - 1) / page * page;
    emulator = calloc(1, sizeof *emulator);
    unsigned char *region =
        mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(emulator != NULL && region != MAP_FAILED);
    CHECK(mprotect(region + bytes, page, PROT_NONE) == 0);
    emulator->region = region;
    emulator->region_bytes = bytes;
    fibre_adopt(&emulator->outside);
}

static void check_launch(const struct emulated_kernel *kernel, const struct cuda_grid *grid)
{
    const bool fits =
        grid->x >= 1 && grid->y >= 1 && grid->z >= 1 && grid->y <= UINT16_MAX &&
        grid->z <= UINT16_MAX && grid->threads >= WARP && grid->threads % WARP == 0 &&
        grid->threads <= kernel->most_threads && kernel->most_threads <= MOST_THREADS &&
        grid->shared_bytes <= CUDA_SHARED_BYTES && (kernel->together || grid->shared_bytes == 0);
    if (!fits) {
        fprintf(stderr, "kernel %s cannot run as %d x %d x %d blocks of %d threads, %zu bytes\n",
                kernel->name, grid->x, grid->y, grid->z, grid->threads, grid->shared_bytes);
        abort();
    }
}

void emulator_launch(const struct emulated_kernel *kernel, const struct cuda_grid *grid,
                     const void *args)
{
    check_launch(kernel, grid);
    if (emulator == NULL) {
        make_emulator();
    }
    emulator->kernel = kernel;
    emulator->args = args;
    emulator_place.grid = *grid;
    for (; kernel->together && emulator->ready_fibres < grid->threads; emulator->ready_fibres++) {
        fibre_make(&emulator->fibres[emulator->ready_fibres], fibre_body);
    }
    const int64_t blocks = (int64_t)grid->x * grid->y * grid->z;
    for (int64_t i = 0; i < blocks; i++) {
        const int64_t block = reversed ? blocks - 1 - i : i;
        emulator_place.x = (int)(block % grid->x);
        emulator_place.y = (int)(block / grid->x % grid->y);
        emulator_place.z = (int)(block / grid->x / grid->y);
        if (kernel->together) {
            run_fibres();
        } else {
            run_plain();
        }
    }
    emulator->kernel = NULL;
}
