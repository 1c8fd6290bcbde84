// Running a program.
#include "nn/program_internal.h"

#include <stddef.h>

enum { JOINT = -1 }; // instead of a chunk's number: a call for the whole batch

static enum status allocate(struct program *program, size_t bytes, char **out)
{
    void *address = NULL;
    TRY(program->backend->ops->alloc(program->backend, bytes > 0 ? bytes : 1, &address));
    *out = address;
    return OK;
}

// Groups consecutive chunked steps into phases.
static enum status make_phases(struct program *program)
{
    ARENA_NEW(&program->arena, program->phases, (size_t)program->n_phases + 1);
    int n = 0;
    for (int i = 0; i < program->n_steps; i++) {
        const enum step_kind kind = program->steps[i].kind;
        const bool runs_in_row = kind == STEP_CHUNKED || kind == STEP_UNPACK;
        if (n > 0 && runs_in_row && program->phases[n - 1].kind == kind) {
            program->phases[n - 1].n++;
        } else {
            program->phases[n++] = (struct program_phase){i, 1, kind};
        }
    }
    CHECK(n == program->n_phases);
    return OK;
}

static void need_scratch(struct program *program, const struct kernel *kernel)
{
    const size_t bytes = kernel != NULL ? (kernel->scratch_bytes + 63) / 64 * 64 : 0;
    program->scratch_bytes = bytes > program->scratch_bytes ? bytes : program->scratch_bytes;
}

enum status program_finish(struct program *program)
{
    CHECK(!program->finished);
    TRY(make_phases(program));
    TRY(program_open_sums(program));
    TRY(program_layout(program));
    if (program->shares_chunks) {
        TRY(program_open_teams(program));
    }
    for (int i = 0; i < program->n_kernels; i++) {
        need_scratch(program, program->kernels[i].kernel);
        need_scratch(program, program->kernels[i].tail);
    }
    const size_t lanes = (size_t)program->backend->lanes;
    const size_t at_once = program->shares_chunks ? 1 : lanes; // chunks
    const size_t regions[MEMORY_REGIONS] = {[MEMORY_LANE] = program->lane_bytes * at_once,
                                            [MEMORY_BATCH] = program->batch_bytes,
                                            [MEMORY_SCRATCH] = program->scratch_bytes * lanes};
    if (program->memory != NULL) {
        TRY(program_memory_need(program->memory, regions));
    } else {
        TRY(allocate(program, regions[MEMORY_LANE], &program->lane_memory));
        TRY(allocate(program, regions[MEMORY_SCRATCH], &program->scratch_memory));
        TRY(allocate(program, regions[MEMORY_BATCH], &program->batch_memory));
    }
    program_take_memory(program);
    TRY(allocate(program, program->shared_bytes, &program->shared_memory));
    TRY(allocate(program, program->loaded_bytes, &program->loaded_memory));
    ARENA_NEW(&program->arena, program->recordings, (size_t)program->n_phases + 1);
    ARENA_NEW(&program->arena, program->repeats, (size_t)program->n_phases + 1);
    TRY(program_open_host(program));
    program->finished = true;
    return OK;
}

size_t program_buffer_bytes(const struct program *program, int buffer)
{
    return program->buffers[buffer].bytes;
}

int program_chunks(const struct program *program)
{
    return program->n_chunks;
}

int program_parts(const struct program *program)
{
    return program->n_parts;
}

static bool is_tail(const struct program *program, int chunk)
{
    return program->tail > 0 && chunk == program->n_chunks - 1;
}

char *program_slot_address(const struct program *program, struct program_slot slot, int chunk,
                           int lane)
{
    if (slot.buffer < 0) {
        return NULL;
    }
    const struct program_buffer *buffer = &program->buffers[slot.buffer];
    switch (buffer->kind) {
    case BUFFER_SHARED:
        if (buffer->tail >= 0 && is_tail(program, chunk)) {
            buffer = &program->buffers[buffer->tail];
        }
        return program->shared_memory + buffer->offset + slot.offset;
    case BUFFER_LOADED:
        return program->loaded_memory + buffer->offset + slot.offset;
    case BUFFER_EXTERNAL:
        if (chunk == program->run_chunks - 1 && buffer->external_last != NULL) {
            return buffer->external_last + slot.offset;
        }
        return buffer->external + (size_t)chunk * buffer->bytes + slot.offset;
    case BUFFER_WHOLE:
    case BUFFER_SUM_F32:
    case BUFFER_SUM_F64:
    case BUFFER_PARTIALS:
        return program->batch_memory + buffer->offset + slot.offset;
    case BUFFER_CHUNKED:
        break;
    }
    if (buffer->per_lane) {
        return program->lane_memory + (size_t)lane * program->lane_bytes + buffer->offset +
               slot.offset;
    }
    return program->batch_memory + buffer->offset + (size_t)chunk * buffer->bytes + slot.offset;
}

void *program_address(const struct program *program, int buffer)
{
    const struct program_slot slot = {buffer, 0};
    CHECK(program->finished && !program->buffers[buffer].per_lane);
    return program_slot_address(program, slot, 0, 0);
}

void program_bind(struct program *program, int buffer, void *address, void *last)
{
    struct program_buffer *bound = &program->buffers[buffer];
    CHECK(bound->kind == BUFFER_EXTERNAL);
    if (bound->external != address || bound->external_last != last) {
        program_forget_recordings(program);
    }
    bound->external = address;
    bound->external_last = last;
}

// What a chunk writes of a sum is not the sum, unless it is the only chunk.
static char *out_address(const struct program *program, struct program_slot slot, int chunk,
                         int lane)
{
    if (program->sums != NULL && chunk != JOINT && slot.buffer >= 0 &&
        program_is_sum(&program->buffers[slot.buffer])) {
        return program_partial(program, lane) + program->buffers[slot.buffer].partial + slot.offset;
    }
    return program_slot_address(program, slot, chunk, lane);
}

void program_run_call(const struct program *program, const struct program_call *call, int chunk,
                      int lane, int piece)
{
    struct op_args args = {.lane = lane, .piece = piece, .run = program->run_memory};
    const int owner =
        program->shares_chunks ? 0 : lane; // of the memory that a chunk passes through
    for (int i = 0; i < OP_MAX_IN; i++) {
        args.in[i] = program_slot_address(program, call->in[i], chunk, owner);
    }
    for (int i = 0; i < OP_MAX_OUT; i++) {
        args.out[i] = out_address(program, call->out[i], chunk, owner);
    }
    args.scratch = program->scratch_memory + (size_t)lane * program->scratch_bytes;
    args.dynamic = (struct op_dynamic){.count = call->count,
                                       .stream = (uint64_t)call->stream,
                                       .first = (program->first_chunk + chunk) * call->elements};
    struct kernel *kernel =
        call->tail != NULL && is_tail(program, chunk) ? call->tail : call->kernel;
    kernel->ops->run(kernel, &args);
}

void program_run_chunk(const struct program *program, const struct program_phase *phase, int chunk,
                       int lane)
{
    for (int i = phase->first; i < phase->first + phase->n; i++) {
        program_run_call(program, &program->steps[i].call, chunk, lane, 0);
    }
}

static void run_segment(void *context, int chunk, int lane)
{
    const struct program *program = context;
    program_run_chunk(program, program->run_phase, chunk, lane);
}

static float *moved(float *address, size_t bytes)
{
    return address != NULL ? (float *)(void *)((char *)address + bytes) : NULL;
}

static void run_unpack(void *context, int index, int lane)
{
    const struct program *program = context;
    const struct program_call *call = &program->steps[program->run_phase->first + index].call;
    const char *sum = program_slot_address(program, call->in[0], 0, 0);
    float *weights = (float *)(void *)program_slot_address(program, call->out[0], 0, 0);
    float *bias = (float *)(void *)program_slot_address(program, call->out[1], 0, 0);
    const size_t bytes = program->buffers[call->in[0].buffer].bytes;
    for (size_t part = 0; part < (size_t)program->n_parts; part++) {
        call->kernel->ops->unpack(call->kernel, sum + part * bytes,
                                  moved(weights, part * call->part_bytes),
                                  moved(bias, part * call->part_bytes), lane);
    }
}

static void run_pack(void *context, int index, int lane)
{
    const struct program *program = context;
    const struct program_call *call = &program->packs[index];
    const char *weights = program_slot_address(program, call->in[0], 0, 0);
    const char *bias = program_slot_address(program, call->in[1], 0, 0);
    // Only int8 can fail.
    CHECK(call->kernel->ops->pack(call->kernel, (const float *)(const void *)weights,
                                  (const float *)(const void *)bias, NULL,
                                  program_slot_address(program, call->out[0], 0, 0), lane) == OK);
}

void program_pack(struct program *program)
{
    CHECK(program->finished);
    program->backend->ops->parallel(program->backend, program->n_packs, run_pack, program);
}

enum status program_run(struct program *program, int chunks, const struct op_run *run)
{
    struct backend *backend = program->backend;
    CHECK(program->finished && chunks >= 1 && chunks <= program->n_chunks);
    CHECK(program->sums == NULL || chunks == program->n_chunks);
    program_take_memory(program);
    if (run != NULL) {
        backend->ops->upload(backend, program->run_memory, run, sizeof *run);
    }
    if (chunks != program->run_chunks) {
        program_forget_recordings(program);
    }
    program->run_chunks = chunks;
    program->next_phase = 0;
    return program_continue(program);
}

static void run_chunks(struct program *program, int phase)
{
    struct backend *backend = program->backend;
    if (program->shares_chunks) {
        program_run_team(program, phase);
    } else if (program_has_sums(program, phase)) {
        program_run_sums(program, phase);
    } else {
        backend->ops->parallel(backend, program->run_chunks, run_segment, program);
    }
}

void program_run_phases(struct program *program, int first, int end)
{
    struct backend *backend = program->backend;
    for (int number = first; number < end; number++) {
        const struct program_phase *phase = &program->phases[number];
        program->run_phase = phase;
        switch (phase->kind) {
        case STEP_CHUNKED:
            run_chunks(program, number);
            break;
        case STEP_UNPACK:
            backend->ops->parallel(backend, phase->n, run_unpack, program);
            break;
        case STEP_JOINT:
            program_run_call(program, &program->steps[phase->first].call, JOINT, 0, 0);
            break;
        case STEP_HOOK:
        case STEP_PAUSE:
            CHECK(!"such a phase is no part of a stretch");
        }
    }
}

static bool ends_stretch(const struct program_phase *phase)
{
    return phase->kind == STEP_HOOK || phase->kind == STEP_PAUSE;
}

enum status program_continue(struct program *program)
{
    while (program->next_phase < program->n_phases) {
        const int first = program->next_phase;
        int end = first;
        while (end < program->n_phases && !ends_stretch(&program->phases[end])) {
            end++;
        }
        if (end > first) {
            program_run_stretch(program, first, end);
        }
        program->next_phase = end;
        if (end == program->n_phases) {
            break;
        }
        program->next_phase++;
        const struct program_step *step = &program->steps[program->phases[end].first];
        if (step->kind == STEP_PAUSE) {
            return OK;
        }
        TRY(program_run_hook(program, &step->hook));
    }
    return OK;
}
