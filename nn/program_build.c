// Building a program: steps, buffers, kernels.
#include "compute/kernel_cut.h"
#include "nn/program_internal.h"

#include <stdlib.h>
#include <string.h>

enum status program_open(struct backend *backend, int batch, int chunk, struct program **out)
{
    CHECK(batch >= 1 && chunk >= 1);
    struct program *program = calloc(1, sizeof *program);
    if (program == NULL) {
        FAIL(ERR_MEMORY, "no memory for a plan");
    }
    program->backend = backend;
    program->chunk = chunk;
    program->n_chunks = program->total_chunks = (batch + chunk - 1) / chunk;
    program->parts[0] = (struct sum_node){0, program->n_chunks};
    program->n_parts = 1;
    *out = program;
    return OK;
}

enum status program_open_share(struct backend *backend, const struct program_share *share,
                               struct program **out)
{
    TRY(program_open(backend, share->images, share->chunk, out));
    struct program *program = *out;
    program->first_chunk = share->first;
    program->total_chunks = share->total;
    program->tail = share->images % share->chunk;
    const int end = share->first + program->n_chunks;
    CHECK(share->first >= 0 && end <= share->total && (program->tail == 0 || end == share->total));
    program->n_parts = sum_tree_cover(share->total, share->first, end, program->parts);
    return OK;
}

void program_share_chunks(struct program *program)
{
    CHECK(program->n_kernels == 0);
    program->shares_chunks = true;
}

void program_close(struct program *program)
{
    if (program == NULL) {
        return;
    }
    for (int i = 0; i < program->n_kernels; i++) {
        kernel_close(program->kernels[i].kernel);
        kernel_close(program->kernels[i].tail);
    }
    program_close_sums(program->sums);
    struct backend *backend = program->backend;
    program_forget_recordings(program);
    program_close_host(program);
    char *regions[] = {program->shared_memory, program->loaded_memory, program->lane_memory,
                       program->batch_memory, program->scratch_memory};
    const size_t n_own = program->memory != NULL ? 2 : sizeof regions / sizeof *regions;
    for (size_t i = 0; i < n_own; i++) {
        if (regions[i] != NULL) {
            backend->ops->release(backend, regions[i]);
        }
    }
    free(program->steps);
    free(program->packs);
    free(program->buffers);
    free(program->kernels);
    arena_close(&program->arena);
    free(program);
}

int program_chunk_divisor(int batch, int preferred)
{
    int best = 1;
    for (int d = 1; d <= batch && d <= preferred; d++) {
        best = batch % d == 0 ? d : best;
    }
    return best;
}

// Makes room for one more item of a growing array.
static enum status grow(void **items, int n, int *capacity, size_t size)
{
    if (n < *capacity) {
        return OK;
    }
    const int wanted = *capacity > 0 ? 2 * *capacity : 64;
    void *grown = realloc(*items, (size_t)wanted * size);
    if (grown == NULL) {
        FAIL(ERR_MEMORY, "no memory for a plan of %d steps", wanted);
    }
    *items = grown;
    *capacity = wanted;
    return OK;
}

enum status program_buffer(struct program *program, enum buffer_kind kind, size_t bytes, int *out)
{
    CHECK(!program->finished);
    void *items = program->buffers;
    TRY(grow(&items, program->n_buffers, &program->capacity_buffers, sizeof *program->buffers));
    program->buffers = items;
    program->buffers[program->n_buffers] = (struct program_buffer){.kind = kind,
                                                                   .bytes = bytes,
                                                                   .first = INT32_MAX,
                                                                   .first_phase = INT32_MAX,
                                                                   .last = -1,
                                                                   .segment = -2,
                                                                   .tail = -1};
    *out = program->n_buffers++;
    return OK;
}

enum status program_kernel(struct program *program, const struct op *op, bool whole,
                           struct kernel **out)
{
    void *items = program->kernels;
    TRY(grow(&items, program->n_kernels, &program->capacity_kernels, sizeof *program->kernels));
    program->kernels = items;
    struct op sized = *op;
    if (!whole) {
        sized.n = program->chunk;
    }
    const int pieces = program->shares_chunks && !whole ? program->backend->lanes : 1;
    TRY(kernel_open_cut(program->backend, &sized, pieces, out));
    struct program_kernel *entry = &program->kernels[program->n_kernels++];
    *entry = (struct program_kernel){.kernel = *out};
    if (whole || program->tail == 0) {
        return OK;
    }
    sized.n = program->tail;
    sized.like_n = program->chunk; // partials of all chunks are added up
    TRY(kernel_open(program->backend, &sized, &entry->tail));
    CHECK(entry->tail->partial_bytes == (*out)->partial_bytes);
    CHECK(op->kind != OP_CONV_BACKWARD_WEIGHTS || entry->tail->packing == (*out)->packing);
    return OK;
}

// The kernel for the last chunk that goes with this one, NULL if there is none.
static struct kernel *tail_of(const struct program *program, const struct kernel *kernel)
{
    for (int i = program->n_kernels - 1; i >= 0; i--) {
        if (program->kernels[i].kernel == kernel) {
            return program->kernels[i].tail;
        }
    }
    return NULL;
}

void program_call_init(struct program_call *call, struct kernel *kernel)
{
    memset(call, 0, sizeof *call);
    call->kernel = kernel;
    for (int i = 0; i < OP_MAX_IN; i++) {
        call->in[i] = PROGRAM_NONE;
    }
    for (int i = 0; i < OP_MAX_OUT; i++) {
        call->out[i] = PROGRAM_NONE;
    }
}

static void note_use(struct program *program, struct program_slot slot, int step, int segment)
{
    if (slot.buffer < 0) {
        return;
    }
    CHECK(slot.buffer < program->n_buffers);
    struct program_buffer *buffer = &program->buffers[slot.buffer];
    buffer->first = buffer->first < step ? buffer->first : step;
    buffer->last = step;
    buffer->first_phase =
        buffer->first_phase < program->n_phases ? buffer->first_phase : program->n_phases;
    buffer->last_phase = program->n_phases;
    if (buffer->segment == -2) {
        buffer->segment = segment;
    } else if (buffer->segment != segment) {
        buffer->segment = -1;
    }
}

static enum status add_step(struct program *program, const struct program_step *step)
{
    CHECK(!program->finished);
    void *items = program->steps;
    TRY(grow(&items, program->n_steps, &program->capacity_steps, sizeof *program->steps));
    program->steps = items;
    const bool chunked = step->kind == STEP_CHUNKED;
    const bool joins = chunked && program->n_steps > 0 &&
                       program->steps[program->n_steps - 1].kind == STEP_CHUNKED;
    const bool row = joins || (step->kind == STEP_UNPACK && program->n_steps > 0 &&
                               program->steps[program->n_steps - 1].kind == STEP_UNPACK);
    program->n_phases += row ? 0 : 1;
    const int segment = chunked ? program->n_phases : -1;
    program->steps[program->n_steps] = *step;
    for (int i = 0; i < OP_MAX_IN; i++) {
        note_use(program, step->call.in[i], program->n_steps, segment);
    }
    for (int i = 0; i < OP_MAX_OUT; i++) {
        note_use(program, step->call.out[i], program->n_steps, segment);
    }
    if (step->kind == STEP_HOOK) {
        note_use(program, step->hook.slot, program->n_steps, segment);
    }
    program->n_steps++;
    return OK;
}

static enum status add_call(struct program *program, enum step_kind kind,
                            const struct program_call *call)
{
    struct program_step step = {.kind = kind, .call = *call};
    step.call.tail = kind == STEP_CHUNKED ? tail_of(program, call->kernel) : NULL;
    return add_step(program, &step);
}

enum status program_add_chunked(struct program *program, const struct program_call *call)
{
    return add_call(program, STEP_CHUNKED, call);
}

enum status program_add_joint(struct program *program, const struct program_call *call)
{
    return add_call(program, STEP_JOINT, call);
}

enum status program_add_unpack(struct program *program, const struct program_call *call)
{
    return add_call(program, STEP_UNPACK, call);
}

static enum status add_pack(struct program *program, const struct program_call *call)
{
    void *items = program->packs;
    TRY(grow(&items, program->n_packs, &program->capacity_packs, sizeof *program->packs));
    program->packs = items;
    program->packs[program->n_packs++] = *call;
    return OK;
}

enum status program_add_pack(struct program *program, const struct program_call *call)
{
    struct kernel *tail = tail_of(program, call->kernel);
    TRY(add_pack(program, call));
    if (tail == NULL || (tail->packed_bytes == call->kernel->packed_bytes &&
                         tail->packing == call->kernel->packing)) {
        return OK;
    }
    // The last chunk's kernel wants the weights in another layout.
    struct program_call own = *call;
    own.kernel = tail;
    TRY(program_buffer(program, BUFFER_SHARED, tail->packed_bytes, &own.out[0].buffer));
    program->buffers[call->out[0].buffer].tail = own.out[0].buffer;
    return add_pack(program, &own);
}

enum status program_add_hook(struct program *program, const struct program_hook *hook)
{
    struct program_step step = {.kind = STEP_HOOK, .hook = *hook};
    program_call_init(&step.call, NULL);
    return add_step(program, &step);
}

enum status program_add_pause(struct program *program)
{
    struct program_step step = {.kind = STEP_PAUSE};
    program_call_init(&step.call, NULL);
    return add_step(program, &step);
}

void program_resize(struct program *program, int buffer, size_t bytes)
{
    CHECK(!program->finished);
    program->buffers[buffer].bytes = bytes;
}

void program_keep(struct program *program, int buffer)
{
    program->buffers[buffer].keep = true;
}

void program_result(struct program *program, int buffer)
{
    CHECK(!program->finished);
    program->buffers[buffer].keep = program->buffers[buffer].result = true;
}
