// Running a program.
#include "nn/program_internal.h"

#include <stddef.h>

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
        const bool chunked = program->steps[i].kind == STEP_CHUNKED;
        if (n > 0 && chunked && program->phases[n - 1].chunked) {
            program->phases[n - 1].n++;
        } else {
            program->phases[n++] = (struct program_phase){i, 1, chunked};
        }
    }
    CHECK(n == program->n_phases);
    return OK;
}

enum status program_finish(struct program *program)
{
    CHECK(!program->finished);
    TRY(program_layout(program));
    TRY(make_phases(program));
    if (program->shares_chunks) {
        TRY(program_open_teams(program));
    }
    for (int i = 0; i < program->n_kernels; i++) {
        const size_t bytes = (program->kernels[i]->scratch_bytes + 63) / 64 * 64;
        program->scratch_bytes = bytes > program->scratch_bytes ? bytes : program->scratch_bytes;
    }
    const size_t lanes = (size_t)program->backend->lanes;
    const size_t at_once = program->shares_chunks ? 1 : lanes; // chunks
    TRY(allocate(program, program->lane_bytes * at_once, &program->lane_memory));
    TRY(allocate(program, program->scratch_bytes * lanes, &program->scratch_memory));
    TRY(allocate(program, program->batch_bytes, &program->batch_memory));
    TRY(allocate(program, program->shared_bytes, &program->shared_memory));
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

static char *slot_address(const struct program *program, struct program_slot slot, int chunk,
                          int lane)
{
    if (slot.buffer < 0) {
        return NULL;
    }
    const struct program_buffer *buffer = &program->buffers[slot.buffer];
    switch (buffer->kind) {
    case BUFFER_SHARED:
        return program->shared_memory + buffer->offset + slot.offset;
    case BUFFER_EXTERNAL:
        if (chunk == program->run_chunks - 1 && buffer->external_last != NULL) {
            return buffer->external_last + slot.offset;
        }
        return buffer->external + (size_t)chunk * buffer->bytes + slot.offset;
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
    return slot_address(program, slot, 0, 0);
}

void program_bind(struct program *program, int buffer, void *address, void *last)
{
    CHECK(program->buffers[buffer].kind == BUFFER_EXTERNAL);
    program->buffers[buffer].external = address;
    program->buffers[buffer].external_last = last;
}

void program_number_chunks(struct program *program, int first)
{
    program->first_chunk = first;
}

void program_run_call(const struct program *program, const struct program_call *call, int chunk,
                      int lane, int piece)
{
    struct op_args args = {.lane = lane, .piece = piece, .dynamic = program->dynamic};
    const int owner =
        program->shares_chunks ? 0 : lane; // of the memory that a chunk passes through
    for (int i = 0; i < OP_MAX_IN; i++) {
        args.in[i] = slot_address(program, call->in[i], chunk, owner);
    }
    for (int i = 0; i < OP_MAX_OUT; i++) {
        args.out[i] = slot_address(program, call->out[i], chunk, owner);
    }
    args.scratch = program->scratch_memory + (size_t)lane * program->scratch_bytes;
    args.dynamic.count = call->count;
    args.dynamic.first = (program->first_chunk + chunk) * call->elements;
    args.dynamic.seed += (uint64_t)call->stream;
    call->kernel->ops->run(call->kernel, &args);
}

static void run_segment(void *context, int chunk, int lane)
{
    const struct program *program = context;
    const struct program_phase *phase = program->run_phase;
    for (int i = phase->first; i < phase->first + phase->n; i++) {
        program_run_call(program, &program->steps[i].call, chunk, lane, 0);
    }
}

static enum status run_joint(const struct program *program, const struct program_step *step)
{
    const struct program_call *call = &step->call;
    const char *in0 = slot_address(program, call->in[0], 0, 0);
    switch (step->kind) {
    case STEP_REDUCE:
        call->kernel->ops->reduce(call->kernel, in0, program->run_chunks,
                                  (float *)(void *)slot_address(program, call->out[0], 0, 0),
                                  (float *)(void *)slot_address(program, call->out[1], 0, 0));
        return OK;
    case STEP_HOOK:
        program->backend->ops->sync(program->backend);
        return step->hook.function(step->hook.context, slot_address(program, step->hook.slot, 0, 0),
                                   step->hook.count);
    case STEP_JOINT:
    case STEP_CHUNKED:
    case STEP_PAUSE:
        break;
    }
    program_run_call(program, call, 0, 0, 0);
    return OK;
}

static void run_pack(void *context, int index, int lane)
{
    (void)lane;
    const struct program *program = context;
    const struct program_call *call = &program->packs[index];
    const char *weights = slot_address(program, call->in[0], 0, 0);
    const char *bias = slot_address(program, call->in[1], 0, 0);
    call->kernel->ops->pack(call->kernel, (const float *)(const void *)weights,
                            (const float *)(const void *)bias, NULL,
                            slot_address(program, call->out[0], 0, 0));
}

void program_pack(struct program *program)
{
    CHECK(program->finished);
    program->backend->ops->parallel(program->backend, program->n_packs, run_pack, program);
}

enum status program_run(struct program *program, int chunks, const struct op_dynamic *dynamic)
{
    CHECK(program->finished && chunks >= 1 && chunks <= program->n_chunks);
    program->dynamic = *dynamic;
    program->run_chunks = chunks;
    program->next_phase = 0;
    return program_continue(program);
}

enum status program_continue(struct program *program)
{
    while (program->next_phase < program->n_phases) {
        const struct program_phase *phase = &program->phases[program->next_phase++];
        const struct program_step *step = &program->steps[phase->first];
        if (phase->chunked && program->shares_chunks) {
            program_run_team(program, program->next_phase - 1);
        } else if (phase->chunked) {
            program->run_phase = phase;
            program->backend->ops->parallel(program->backend, program->run_chunks, run_segment,
                                            program);
        } else if (step->kind == STEP_PAUSE) {
            break;
        } else {
            TRY(run_joint(program, step));
        }
    }
    program->backend->ops->sync(program->backend);
    return OK;
}
