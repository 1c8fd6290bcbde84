// The emulator's blocks: fibres taking turns, and what the threads of a warp do together.
//
// A fibre runs until it waits. Who waits for its warp gives way to the next lane of the warp, who
// waits for the block, to the next thread of all. The last to arrive does the common work and sets
// the others free. So nothing is searched for but the next free thread, mostly the neighbour.
#include "compute/cuda/cuda_emulator.h"

#include "compute/cuda/cuda_fibre.h"
#include "core/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

_Thread_local struct emulated_place emulated;
static _Thread_local struct emulator *emulator; // made at the first launch, kept
static bool reversed;

void emulator_set_reversed(bool value)
{
    reversed = value;
}

_Noreturn static void fault(const char *what)
{
    fprintf(stderr, "kernel %s, block %d %d %d, thread %d of %d: %s\n",
            emulator != NULL && emulator->kernel != NULL ? emulator->kernel->name : "?", emulated.x,
            emulated.y, emulated.z, emulated.thread, emulated.grid.threads, what);
    abort();
}

static void need_together(void)
{
    if (!emulator->kernel->together) {
        fault("a PLAIN_KERNEL does what only a BLOCK_KERNEL may");
    }
}

void emulator_check_aligned(const void *address, size_t bytes)
{
    if ((uintptr_t)address % bytes != 0) {
        fault("an address is not aligned");
    }
}

static void check_shared(const void *address, size_t bytes)
{
    const uintptr_t at = (uintptr_t)address, start = (uintptr_t)emulator->shared;
    if (at < start || at + bytes > start + emulated.grid.shared_bytes) {
        fault("an address is outside the block's shared memory");
    }
    emulator_check_aligned(address, bytes);
}

unsigned char *emulator_shared(void)
{
    need_together();
    return emulator->shared;
}

// ---- taking turns

static void go_to(int thread)
{
    const int here = emulated.thread;
    if (thread != here) {
        emulated.thread = thread;
        fibre_switch(&emulator->fibres[here], &emulator->fibres[thread]);
    }
}

// The next thread after this one, in the order of the turns, of those from `first` on that is
// READY; -1: none.
static int next_ready(int first, int count)
{
    const int here = emulated.thread - first;
    for (int i = 1; i <= count; i++) {
        const int thread = first + (reversed ? here - i + count : here + i) % count;
        if (emulator->threads[thread].state == READY) {
            return thread;
        }
    }
    return -1;
}

static void wait_for_warp(void)
{
    const struct emulated_thread *self = &emulator->threads[emulated.thread];
    while (self->state == AT_WARP) {
        const int next = next_ready(emulated.thread / WARP * WARP, WARP);
        if (next < 0) {
            fault("waits for its warp, of which others left or wait at a barrier");
        }
        go_to(next);
    }
}

static void wait_for_block(void)
{
    const struct emulated_thread *self = &emulator->threads[emulated.thread];
    while (self->state == AT_BLOCK) {
        const int next = next_ready(0, emulated.grid.threads);
        if (next < 0) {
            fault("waits at a barrier that not all threads reach");
        }
        go_to(next);
    }
}

void emulator_block_sync(void)
{
    need_together();
    if (++emulator->at_block < emulated.grid.threads) {
        emulator->threads[emulated.thread].state = AT_BLOCK;
        wait_for_block();
        return;
    }
    emulator->at_block = 0;
    for (int i = 0; i < emulated.grid.threads; i++) {
        emulator->threads[i].state = READY;
    }
}

// ---- what a warp does together

static void multiply(struct emulated_warp *warp, uint32_t (*out)[4], bool bf16);

static void load_matrix(struct emulated_warp *warp, uint32_t (*out)[4], bool transposed)
{
    for (int matrix = 0; matrix < 4; matrix++) {
        uint16_t values[8][8];
        for (int row = 0; row < 8; row++) {
            memcpy(values[row], warp->in[matrix * 8 + row].row, sizeof values[row]);
        }
        for (int lane = 0; lane < WARP; lane++) {
            const int row = lane / 4, column = lane % 4 * 2;
            const uint32_t low = transposed ? values[column][row] : values[row][column];
            const uint32_t high = transposed ? values[column + 1][row] : values[row][column + 1];
            out[lane][matrix] = low | high << 16;
        }
    }
}

static void ballot(struct emulated_warp *warp, uint32_t (*out)[4])
{
    uint32_t bits = 0;
    for (int lane = 0; lane < WARP; lane++) {
        bits |= warp->in[lane].words[0] << lane;
    }
    for (int lane = 0; lane < WARP; lane++) {
        out[lane][0] = bits;
    }
}

// The words 1 and 2 of the lane that word 0 names.
static void shuffle(struct emulated_warp *warp, uint32_t (*out)[4])
{
    for (int lane = 0; lane < WARP; lane++) {
        const uint32_t from = warp->in[lane].words[0] % WARP;
        out[lane][0] = warp->in[from].words[1];
        out[lane][1] = warp->in[from].words[2];
    }
}

static void hold_meeting(struct emulated_warp *warp)
{
    uint32_t(*out)[4] = warp->out[warp->turn % 2];
    switch (warp->meeting) {
    case MEET_SYNC:
        return;
    case MEET_SHUFFLE:
        shuffle(warp, out);
        return;
    case MEET_BALLOT:
        ballot(warp, out);
        return;
    case MEET_MMA_BF16:
    case MEET_MMA_TF32:
        multiply(warp, out, warp->meeting == MEET_MMA_BF16);
        return;
    case MEET_MATRIX:
    case MEET_MATRIX_T:
        load_matrix(warp, out, warp->meeting == MEET_MATRIX_T);
        return;
    }
}

// This lane's part goes in[lane] before; returns what came out for it.
static const uint32_t *meet(enum meeting meeting)
{
    struct emulated_warp *warp = &emulator->warps[emulated.thread / WARP];
    const int first = emulated.thread / WARP * WARP, lane = emulated.thread % WARP;
    const unsigned turn = warp->turn;
    if (warp->arrived > 0 && warp->meeting != meeting) {
        fault("the lanes of its warp are at different instructions");
    }
    warp->meeting = meeting;
    if (++warp->arrived < WARP) {
        emulator->threads[emulated.thread].state = AT_WARP;
        wait_for_warp();
    } else {
        hold_meeting(warp);
        warp->arrived = 0;
        warp->turn++;
        for (int i = 0; i < WARP; i++) {
            emulator->threads[first + i].state = READY;
        }
    }
    return warp->out[turn % 2][lane];
}

static uint32_t *meeting_words(void)
{
    need_together();
    return emulator->warps[emulated.thread / WARP].in[emulated.thread % WARP].words;
}

void emulator_warp_sync(void)
{
    need_together();
    meet(MEET_SYNC);
}

void emulator_shuffle(void *value, size_t bytes, int lane)
{
    uint32_t *words = meeting_words();
    words[0] = (uint32_t)lane;
    memcpy(words + 1, value, bytes);
    memcpy(value, meet(MEET_SHUFFLE), bytes);
}

uint32_t emulator_ballot(bool condition)
{
    meeting_words()[0] = condition;
    return meet(MEET_BALLOT)[0];
}

void emulator_load_matrix(uint32_t r[4], const void *row, bool transposed)
{
    need_together();
    check_shared(row, 16);
    emulator->warps[emulated.thread / WARP].in[emulated.thread % WARP].row = row;
    memcpy(r, meet(transposed ? MEET_MATRIX_T : MEET_MATRIX), 4 * sizeof *r);
}

// ---- numbers

uint32_t emulator_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffU) > 0x7f800000U) {
        return 0x7fff;
    }
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

uint32_t emulator_tf32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7f800000U) == 0x7f800000U ? bits : (bits + 0x1000U) & ~0x1fffU;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Where a lane's registers lie in a [16][k], b [k][8]: k is 16 for bf16, two numbers to a register,
// 8 for tf32, whose low 13 bits the device does not look at.
static void spread(const uint32_t *words, int lane, bool bf16, float a[16][16], float b[16][8])
{
    const int group = lane / 4, at = lane % 4;
    for (int r = 0; r < 4; r++) {
        const int row = group + r % 2 * 8;
        if (bf16) {
            const int k = 2 * at + r / 2 * 8;
            a[row][k] = float_of(words[r] << 16);
            a[row][k + 1] = float_of(words[r] & 0xffff0000U);
        } else {
            a[row][at + r / 2 * 4] = float_of(words[r] & ~0x1fffU);
        }
    }
    for (int r = 0; r < 2; r++) {
        if (bf16) {
            const int k = 2 * at + r * 8;
            b[k][group] = float_of(words[4 + r] << 16);
            b[k + 1][group] = float_of(words[4 + r] & 0xffff0000U);
        } else {
            b[at + r * 4][group] = float_of(words[4 + r] & ~0x1fffU);
        }
    }
}

static void multiply(struct emulated_warp *warp, uint32_t (*out)[4], bool bf16)
{
    float a[16][16], b[16][8];
    const int terms = bf16 ? 16 : 8;
    for (int lane = 0; lane < WARP; lane++) {
        spread(warp->in[lane].words, lane, bf16, a, b);
    }
    for (int lane = 0; lane < WARP; lane++) {
        for (int r = 0; r < 4; r++) {
            const int row = lane / 4 + r / 2 * 8, column = lane % 4 * 2 + r % 2;
            float sum = float_of(warp->in[lane].words[6 + r]);
            for (int k = 0; k < terms; k++) {
                sum += a[row][k] * b[k][column];
            }
            memcpy(&out[lane][r], &sum, sizeof sum);
        }
    }
}

void emulator_mma(bool bf16, float c[4], const uint32_t a[4], const uint32_t b[2])
{
    uint32_t *words = meeting_words();
    memcpy(words, a, 4 * sizeof *a);
    memcpy(words + 4, b, 2 * sizeof *b);
    memcpy(words + 6, c, 4 * sizeof *c);
    memcpy(c, meet(bf16 ? MEET_MMA_BF16 : MEET_MMA_TF32), 4 * sizeof *c);
}

// ---- copies on their way

enum { COPY_BYTES = 16 };

void emulator_copy_async(void *shared, const void *global, bool valid)
{
    need_together();
    struct emulated_thread *self = &emulator->threads[emulated.thread];
    check_shared(shared, COPY_BYTES);
    if (self->n_copies == MOST_COPIES) {
        fault("has too many copies on their way");
    }
    if (valid) {
        emulator_check_aligned(global, COPY_BYTES);
    }
    memset(shared, UNWRITTEN, COPY_BYTES);
    self->copies[self->n_copies++] = (struct copy){shared, valid ? global : NULL, self->group};
}

void emulator_copy_commit(void)
{
    need_together();
    emulator->threads[emulated.thread].group++;
}

void emulator_copy_wait(int groups)
{
    need_together();
    struct emulated_thread *self = &emulator->threads[emulated.thread];
    if (groups < 0 || groups > 3) {
        fault("waits for a number of groups that is not 0 to 3");
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
        struct emulated_thread *self = &emulator->threads[emulated.thread];
        if (self->n_copies > 0) {
            fault("left with copies on their way");
        }
        self->state = LEFT;
        if (++emulator->left == emulated.grid.threads) {
            fibre_switch(&emulator->fibres[emulated.thread], &emulator->outside);
            continue;
        }
        const int next = next_ready(0, emulated.grid.threads);
        if (next < 0) {
            fault("left while others wait for it");
        }
        go_to(next);
    }
}

// The end of shared memory lies as close to the faulting page as its alignment allows.
static void clear_shared(void)
{
    const size_t bytes = emulated.grid.shared_bytes;
    const size_t rounded = (bytes + SHARED_ALIGNMENT - 1) / SHARED_ALIGNMENT * SHARED_ALIGNMENT;
    emulator->shared = emulator->region + emulator->region_bytes - rounded;
    memset(emulator->shared, UNWRITTEN, rounded);
}

static void check_shared_end(void)
{
    for (size_t i = emulated.grid.shared_bytes; i % SHARED_ALIGNMENT != 0; i++) {
        if (emulator->shared[i] != UNWRITTEN) {
            fault("wrote past the end of its shared memory");
        }
    }
}

static void run_fibres(void)
{
    const int threads = emulated.grid.threads;
    clear_shared();
    for (int i = 0; i < threads; i++) {
        emulator->threads[i].state = READY;
        emulator->threads[i].n_copies = emulator->threads[i].group = 0;
    }
    emulator->at_block = emulator->left = 0;
    emulated.thread = reversed ? threads - 1 : 0;
    fibre_switch(&emulator->outside, &emulator->fibres[emulated.thread]);
    check_shared_end();
}

static void run_plain(void)
{
    const int threads = emulated.grid.threads;
    for (int i = 0; i < threads; i++) {
        emulated.thread = reversed ? threads - 1 - i : i;
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
    emulated.grid = *grid;
    for (; kernel->together && emulator->ready_fibres < grid->threads; emulator->ready_fibres++) {
        fibre_make(&emulator->fibres[emulator->ready_fibres], fibre_body);
    }
    const int64_t blocks = (int64_t)grid->x * grid->y * grid->z;
    for (int64_t i = 0; i < blocks; i++) {
        const int64_t block = reversed ? blocks - 1 - i : i;
        emulated.x = (int)(block % grid->x);
        emulated.y = (int)(block / grid->x % grid->y);
        emulated.z = (int)(block / grid->x / grid->y);
        if (kernel->together) {
            run_fibres();
        } else {
            run_plain();
        }
    }
    emulator->kernel = NULL;
}
