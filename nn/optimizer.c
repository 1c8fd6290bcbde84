// SGD, RMSProp and Adam over a flat block of weights, with clipping by global norm: a program whose
// "images" are weights.
#include "nn/optimizer.h"

#include "nn/program.h"

#include <math.h>
#include <stdlib.h>

enum { PIECE = 16384 }; // floats of a chunk

struct optimizer {
    struct backend *backend;
    size_t count;
    struct program *program;
    int gradients, weights, states[2]; // external buffers
    int norm;                          // result f64
    float *state[2];                   // [count] in the backend's memory, owned
    int64_t step;
};

static struct op block_op(enum op_kind kind)
{
    return (struct op){.kind = kind,
                       .n = 1, // by the program
                       .in_h = 1,
                       .in_w = 1,
                       .in_c = 1,
                       .out_h = 1,
                       .out_w = 1,
                       .out_c = 1,
                       .groups = 1};
}

static struct op update_op(const struct optimizer_options *options)
{
    const enum op_kind kinds[] = {OP_SGD, OP_RMSPROP, OP_ADAM};
    struct op op = block_op(kinds[options->kind]);
    op.momentum = options->momentum;
    op.decay = options->weight_decay;
    op.nesterov = options->nesterov ? 1.0F : 0.0F;
    op.alpha = options->alpha;
    op.epsilon = options->epsilon;
    op.beta1 = options->beta1;
    op.beta2 = options->beta2;
    return op;
}

// The gradient's norm, and what to multiply the gradient by.
static enum status add_norm(struct optimizer *o, float clip, int *scale)
{
    struct program *program = o->program;
    int sum;
    TRY(program_buffer(program, BUFFER_SUM_F64, 2 * sizeof(double), &sum));
    TRY(program_buffer(program, BUFFER_WHOLE, sizeof(double), &o->norm));
    TRY(program_buffer(program, BUFFER_WHOLE, sizeof(float), scale));
    program_result(program, o->norm);
    struct kernel *kernel;
    struct program_call call;
    struct op op = block_op(OP_SUM_SQUARES);
    TRY(program_kernel(program, &op, false, &kernel));
    program_call_init(&call, kernel);
    call.in[0].buffer = o->gradients;
    call.out[0].buffer = sum;
    TRY(program_add_chunked(program, &call));
    op = block_op(OP_CLIP);
    op.clip = clip;
    TRY(program_kernel(program, &op, true, &kernel));
    program_call_init(&call, kernel);
    call.in[0].buffer = sum;
    call.out[0].buffer = o->norm;
    call.out[1].buffer = *scale;
    return program_add_joint(program, &call);
}

static enum status add_update(struct optimizer *o, const struct optimizer_options *options,
                              int scale)
{
    struct kernel *kernel;
    struct program_call call;
    const struct op op = update_op(options);
    TRY(program_kernel(o->program, &op, false, &kernel));
    program_call_init(&call, kernel);
    call.in[0].buffer = o->gradients;
    call.in[1].buffer = scale;
    call.out[0].buffer = o->weights;
    call.out[1].buffer = o->states[0];
    call.out[2].buffer = o->states[1];
    return program_add_chunked(o->program, &call);
}

static enum status open_program(struct optimizer *o, const struct optimizer_options *options)
{
    CHECK(o->count > 0 && o->count <= INT32_MAX);
    const bool whole = o->backend->chunk_bytes == 0 || o->count < PIECE;
    const int piece = whole ? (int)o->count : PIECE;
    const struct program_share share = {.images = (int)o->count,
                                        .chunk = piece,
                                        .first = 0,
                                        .total = ((int)o->count + piece - 1) / piece};
    TRY(program_open_share(o->backend, &share, &o->program));
    int *const blocks[] = {&o->gradients, &o->weights, &o->states[0], &o->states[1]};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        TRY(program_buffer(o->program, BUFFER_EXTERNAL, (size_t)piece * sizeof(float), blocks[i]));
    }
    int scale;
    TRY(add_norm(o, options->clip, &scale));
    TRY(add_update(o, options, scale));
    return program_finish(o->program);
}

static enum status open_parts(struct optimizer *o, const struct optimizer_options *options)
{
    TRY(open_program(o, options));
    for (int i = 0; i < 2; i++) {
        void *address = NULL;
        TRY(o->backend->ops->alloc(o->backend, o->count * sizeof(float), &address));
        o->state[i] = address;
        program_bind(o->program, o->states[i], address, NULL);
    }
    optimizer_reset(o);
    return OK;
}

enum status optimizer_open(struct backend *backend, const struct optimizer_options *options,
                           size_t count, struct optimizer **out)
{
    struct optimizer *o = calloc(1, sizeof *o);
    if (o == NULL) {
        FAIL(ERR_MEMORY, "no memory for an optimiser");
    }
    o->backend = backend;
    o->count = count;
    const enum status status = open_parts(o, options);
    if (status != OK) {
        optimizer_close(o);
        return status;
    }
    *out = o;
    return OK;
}

void optimizer_close(struct optimizer *o)
{
    if (o == NULL) {
        return;
    }
    program_close(o->program);
    for (int i = 0; i < 2; i++) {
        if (o->state[i] != NULL) {
            o->backend->ops->release(o->backend, o->state[i]);
        }
    }
    free(o);
}

void optimizer_reset(struct optimizer *o)
{
    for (int i = 0; i < 2; i++) {
        o->backend->ops->zero(o->backend, o->state[i], o->count * sizeof(float));
    }
    o->step = 0;
}

enum status optimizer_step(struct optimizer *o, float *weights, float *gradients, float rate)
{
    o->step++;
    const struct op_run run = {.rate = rate, .step = o->step};
    program_bind(o->program, o->weights, weights, NULL);
    program_bind(o->program, o->gradients, gradients, NULL);
    return program_run(o->program, program_chunks(o->program), &run);
}

enum status optimizer_finish(struct optimizer *o, double *norm)
{
    TRY(program_fetch(o->program));
    *norm = *(const double *)program_fetched(o->program, o->norm);
    o->step -= isfinite(*norm) ? 0 : 1;
    return OK;
}

size_t optimizer_state_count(const struct optimizer *o)
{
    return 2 * o->count;
}

enum status optimizer_save(const struct optimizer *o, float *state, int64_t *step)
{
    for (size_t i = 0; i < 2; i++) {
        TRY(o->backend->ops->download(o->backend, state + i * o->count, o->state[i],
                                      o->count * sizeof(float)));
    }
    *step = o->step;
    return OK;
}

void optimizer_load(struct optimizer *o, const float *state, int64_t step)
{
    for (size_t i = 0; i < 2; i++) {
        o->backend->ops->upload(o->backend, o->state[i], state + i * o->count,
                                o->count * sizeof(float));
    }
    o->step = step;
}
