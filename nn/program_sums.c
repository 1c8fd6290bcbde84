// Adding up over the chunks while a segment runs, up the tree of core/sum_tree.h. What a chunk
// leaves of all its segment's sums lies in one slot; a lane takes the next chunk together with a
// free slot. What waits for its other half keeps its slot; chunks are taken in order, so when all
// that are under way are done, few nodes of the tree are left, and whoever waits for a slot gets
// one.
#include "nn/program_internal.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct waiting { // a sum of whole chunks that waits for its other half
    struct sum_node node;
    int slot;
};

struct phase_sums {
    int n;                // buffers; 0: nothing is summed in this phase
    int *buffers;         // [n] arena
    struct kernel **adds; // [n] of two partials of each buffer; the program's; arena
    int partials;         // the BUFFER_PARTIALS: [n_slots][slot_bytes]
    size_t slot_bytes;
};

struct sums {
    struct phase_sums *phases; // [n_phases] arena
    int n_slots;
    int *slot_of; // [lanes] arena
    // The phase in progress. The lock covers what follows.
    const struct phase_sums *phase;
    atomic_flag lock;
    int next;  // chunk
    int *free; // [n_free] slots, the last used on top; arena
    int n_free;
    struct waiting *waiting; // [n_waiting] arena
    int n_waiting;
};

static void lock(struct sums *sums)
{
    while (atomic_flag_test_and_set_explicit(&sums->lock, memory_order_acquire)) {
        sched_yield();
    }
}

static void unlock(struct sums *sums)
{
    atomic_flag_clear_explicit(&sums->lock, memory_order_release);
}

// ---- building
// The most nodes that the first chunks, however many, leave.
static int most_waiting(const struct program *program)
{
    struct sum_node nodes[SUM_TREE_MOST];
    int most = 1;
    for (int n = 1; n <= program->n_chunks; n++) {
        const int count = sum_tree_cover(program->total_chunks, program->first_chunk,
                                         program->first_chunk + n, nodes);
        most = count > most ? count : most;
    }
    return most;
}

// A kernel that adds two partials of a buffer: f32 of any count, or f64 of an even one.
static enum status open_add(struct program *program, const struct program_buffer *buffer,
                            struct kernel **out)
{
    const bool wide = buffer->kind == BUFFER_SUM_F64;
    const size_t count = buffer->bytes / (wide ? 2 * sizeof(double) : sizeof(float));
    CHECK(count > 0 && count <= INT32_MAX);
    const struct op op = {.kind = wide ? OP_BN_SUM : OP_ADD,
                          .n = 1,
                          .in_h = 1,
                          .in_w = 1,
                          .in_c = (int)count,
                          .out_h = 1,
                          .out_w = 1,
                          .out_c = (int)count,
                          .groups = 1};
    return program_kernel(program, &op, true, out);
}

// The sums that this phase's steps write.
static enum status open_phase(struct program *program, int number)
{
    struct phase_sums *phase = &program->sums->phases[number];
    ARENA_NEW(&program->arena, phase->buffers, (size_t)program->n_buffers);
    ARENA_NEW(&program->arena, phase->adds, (size_t)program->n_buffers);
    for (int i = 0; i < program->n_buffers; i++) {
        struct program_buffer *buffer = &program->buffers[i];
        if (!program_is_sum(buffer) || buffer->first_phase != number + 1) { // counted from 1
            continue;
        }
        buffer->partial = phase->slot_bytes;
        phase->slot_bytes += (buffer->bytes + 63) / 64 * 64;
        TRY(open_add(program, buffer, &phase->adds[phase->n]));
        phase->buffers[phase->n++] = i;
    }
    if (phase->n == 0) {
        return OK;
    }
    const size_t bytes = phase->slot_bytes * (size_t)program->sums->n_slots;
    TRY(program_buffer(program, BUFFER_PARTIALS, bytes, &phase->partials));
    struct program_buffer *partials = &program->buffers[phase->partials];
    partials->first_phase = partials->last_phase = number + 1;
    partials->first = program->phases[number].first;
    partials->last = partials->first + program->phases[number].n - 1;
    return OK;
}

static enum status open_sums(struct program *program)
{
    struct sums *sums = program->sums;
    const int lanes = program->backend->lanes, waiting = most_waiting(program);
    const int enough = lanes + waiting;
    sums->n_slots = enough < program->n_chunks ? enough : program->n_chunks;
    ARENA_NEW(&program->arena, sums->phases, (size_t)program->n_phases);
    ARENA_NEW(&program->arena, sums->slot_of, (size_t)lanes);
    ARENA_NEW(&program->arena, sums->free, (size_t)sums->n_slots);
    ARENA_NEW(&program->arena, sums->waiting, (size_t)sums->n_slots);
    for (int i = 0; i < program->n_phases; i++) {
        if (program->phases[i].kind == STEP_CHUNKED) {
            TRY(open_phase(program, i));
        }
    }
    return OK;
}

enum status program_open_sums(struct program *program)
{
    bool any = false;
    for (int i = 0; i < program->n_buffers; i++) {
        any = any || program_is_sum(&program->buffers[i]);
    }
    if (!any) {
        return OK;
    }
    CHECK(!program->shares_chunks);
    if (program->n_chunks == 1) { // it leaves its sums in their place, nothing is added
        CHECK(program->n_parts == 1);
        return OK;
    }
    program->sums = calloc(1, sizeof *program->sums);
    if (program->sums == NULL) {
        FAIL(ERR_MEMORY, "no memory for a plan's sums");
    }
    atomic_flag_clear(&program->sums->lock);
    return open_sums(program);
}

void program_close_sums(struct sums *sums)
{
    free(sums);
}

// ---- running
bool program_has_sums(const struct program *program, int phase)
{
    return program->sums != NULL && program->sums->phases[phase].n > 0;
}

static char *slot_address(const struct program *program, int slot)
{
    const struct phase_sums *phase = program->sums->phase;
    return program->batch_memory + program->buffers[phase->partials].offset +
           (size_t)slot * phase->slot_bytes;
}

char *program_partial(const struct program *program, int lane)
{
    return slot_address(program, program->sums->slot_of[lane]);
}

// The next chunk with a free slot; -1 when all chunks are taken.
static int take_chunk(const struct program *program, int lane)
{
    struct sums *sums = program->sums;
    for (;;) {
        int chunk = -1;
        lock(sums);
        const bool done = sums->next >= program->n_chunks;
        if (!done && sums->n_free > 0) {
            chunk = sums->next++;
            sums->slot_of[lane] = sums->free[--sums->n_free];
        }
        unlock(sums);
        if (done || chunk >= 0) {
            return chunk;
        }
        sched_yield(); // other lanes are about to free some
    }
}

// Number of the part that is this node, -1 if the node is only a piece of one.
static int part_of(const struct program *program, struct sum_node node)
{
    for (int i = 0; i < program->n_parts; i++) {
        if (program->parts[i].first == node.first && program->parts[i].n == node.n) {
            return i;
        }
    }
    return -1;
}

// The slot with the other half of `parent`. If that is not there yet, leaves this half for whoever
// brings it, and returns -1.
static int meet(struct sums *sums, struct sum_node parent, struct sum_node node, int slot)
{
    int found = -1;
    lock(sums);
    for (int i = 0; i < sums->n_waiting && found < 0; i++) {
        const struct sum_node other = sums->waiting[i].node;
        if (other.n + node.n == parent.n && other.first >= parent.first &&
            other.first < parent.first + parent.n) {
            found = sums->waiting[i].slot;
            sums->waiting[i] = sums->waiting[--sums->n_waiting];
        }
    }
    if (found < 0) {
        sums->waiting[sums->n_waiting++] = (struct waiting){node, slot};
    }
    unlock(sums);
    return found;
}

static void free_slot(struct sums *sums, int slot)
{
    lock(sums);
    sums->free[sums->n_free++] = slot;
    unlock(sums);
}

// Of every buffer of the phase: slot a, plus slot b unless that is -1, into part number `part`, or
// into slot a where that is -1.
static void add(const struct program *program, int lane, int a, int b, int part)
{
    const struct phase_sums *phase = program->sums->phase;
    struct op_args args = {.lane = lane};
    args.scratch = program->scratch_memory + (size_t)lane * program->scratch_bytes;
    for (int i = 0; i < phase->n; i++) {
        const struct program_buffer *buffer = &program->buffers[phase->buffers[i]];
        char *own = slot_address(program, a) + buffer->partial;
        args.in[0] = own;
        args.in[1] = b >= 0 ? slot_address(program, b) + buffer->partial : NULL;
        args.out[0] =
            part >= 0 ? program->batch_memory + buffer->offset + (size_t)part * buffer->bytes : own;
        phase->adds[i]->ops->run(phase->adds[i], &args);
    }
}

static void add_up(const struct program *program, int chunk, int lane)
{
    struct sums *sums = program->sums;
    const int slot = sums->slot_of[lane];
    struct sum_node node = {program->first_chunk + chunk, 1};
    int part = part_of(program, node);
    if (part >= 0) {
        add(program, lane, slot, -1, part);
    }
    while (part < 0) {
        const struct sum_node parent = sum_tree_parent(program->total_chunks, node);
        const int other = meet(sums, parent, node, slot);
        if (other < 0) {
            return; // the slot is kept
        }
        node = parent;
        part = part_of(program, node);
        add(program, lane, slot, other, part);
        free_slot(sums, other);
    }
    free_slot(sums, slot);
}

static void run_lane(void *context, int index, int lane)
{
    (void)index; // whoever comes last finds everything taken
    const struct program *program = context;
    for (int chunk = take_chunk(program, lane); chunk >= 0; chunk = take_chunk(program, lane)) {
        program_run_chunk(program, program->run_phase, chunk, lane);
        add_up(program, chunk, lane);
    }
}

void program_run_sums(struct program *program, int phase)
{
    struct sums *sums = program->sums;
    struct backend *backend = program->backend;
    sums->phase = &sums->phases[phase];
    sums->next = sums->n_waiting = 0;
    sums->n_free = 0;
    while (sums->n_free < sums->n_slots) {
        sums->free[sums->n_free] = sums->n_slots - 1 - sums->n_free;
        sums->n_free++;
    }
    backend->ops->parallel(backend, backend->lanes, run_lane, program);
    CHECK(sums->n_waiting == 0 && sums->n_free == sums->n_slots);
}
