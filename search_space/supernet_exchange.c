// One program with a pause: a GATHER per parameter; then, with the gradients, a SCATTER_ADD per
// parameter. Kernels that are smaller than the shared ones pass through their transform, a 1x1
// convolution over the taps, whose gradients are those of any convolution.
#include "search_space/supernet_exchange.h"

#include "nn/program.h"

#include <stdlib.h>

struct supernet_exchange {
    struct backend *backend;
    struct program *program;
    int shared, shared_gradients, own, own_gradients; // external buffers
    float decay;
};

// What a transform of kernels keeps from reading to adding.
struct transformed {
    int cropped, packed; // buffers: the middles [kernels][taps], the matrix
    struct op op;        // the convolution
};

struct opening {
    struct supernet_exchange *exchange;
    const struct supernet *supernet;
    const struct graph *graph;
    struct supernet_part *parts;     // [n_params]
    struct transformed *transformed; // [n_params]
};

static struct program_slot slot_at(int buffer, size_t floats)
{
    return (struct program_slot){buffer, floats * sizeof(float)};
}

// A joint step from one slot, and maybe another, into a third.
static enum status add_step(struct program *program, const struct op *op, struct program_slot a,
                            struct program_slot b, struct program_slot out)
{
    struct kernel *kernel;
    struct program_call call;
    TRY(program_kernel(program, op, true, &kernel));
    program_call_init(&call, kernel);
    call.in[0] = a;
    call.in[1] = b;
    call.out[0] = out;
    return program_add_joint(program, &call);
}

static struct op scatter_op(const struct op *gather)
{
    struct op op = *gather;
    op.kind = OP_SCATTER_ADD;
    op.alpha = 1.0F;
    return op;
}

// A row of values.
static struct op row_op(enum op_kind kind, size_t count, float alpha)
{
    CHECK(count <= INT32_MAX);
    return (struct op){.kind = kind,
                       .n = 1,
                       .in_h = 1,
                       .in_w = 1,
                       .in_c = (int)count,
                       .out_h = 1,
                       .out_w = 1,
                       .out_c = (int)count,
                       .alpha = alpha};
}

// Pixels are kernels, channels are taps.
static struct op transform_op(const struct param *param)
{
    const int taps = param->dims[2] * param->dims[3];
    const int kernels = param->dims[0] * param->dims[1];
    return (struct op){.kind = OP_CONV,
                       .n = 1,
                       .in_h = kernels,
                       .in_w = 1,
                       .in_c = taps,
                       .out_h = kernels,
                       .out_w = 1,
                       .out_c = taps,
                       .kernel = {1, 1},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .groups = 1};
}

// Weights of a kernel's convolution, packed from the matrix whenever the program runs.
static enum status add_pack(struct opening *o, struct kernel *kernel, int matrix, int *packed)
{
    struct program *program = o->exchange->program;
    struct program_call call;
    TRY(program_buffer(program, BUFFER_SHARED, kernel->packed_bytes, packed));
    program_call_init(&call, kernel);
    call.in[0] = slot_at(o->exchange->shared, o->supernet->tensors[matrix].offset);
    call.out[0].buffer = *packed;
    return program_add_pack(program, &call);
}

static enum status add_transform(struct opening *o, int p)
{
    struct program *program = o->exchange->program;
    const struct param *param = &o->graph->params[p];
    const struct supernet_part *part = &o->parts[p];
    struct transformed *t = &o->transformed[p];
    struct kernel *kernel;
    struct program_call call;
    t->op = transform_op(param);
    TRY(program_buffer(program, BUFFER_WHOLE, param->count * sizeof(float), &t->cropped));
    TRY(add_step(program, &part->gather, slot_at(o->exchange->shared, part->offset), PROGRAM_NONE,
                 slot_at(t->cropped, 0)));
    TRY(program_kernel(program, &t->op, true, &kernel));
    TRY(add_pack(o, kernel, part->transform, &t->packed));
    program_call_init(&call, kernel);
    call.in[0].buffer = t->cropped;
    call.in[1].buffer = t->packed;
    call.out[0] = slot_at(o->exchange->own, param->offset);
    return program_add_joint(program, &call);
}

static enum status add_gathers(struct opening *o)
{
    for (int p = 0; p < o->graph->n_params; p++) {
        const struct supernet_part *part = &o->parts[p];
        if (part->transform >= 0) {
            TRY(add_transform(o, p));
        } else {
            TRY(add_step(o->exchange->program, &part->gather,
                         slot_at(o->exchange->shared, part->offset), PROGRAM_NONE,
                         slot_at(o->exchange->own, o->graph->params[p].offset)));
        }
    }
    return OK;
}

// The matrix's gradient, which several sub-networks add to.
static enum status add_matrix_gradient(struct opening *o, int p)
{
    const struct supernet_exchange *e = o->exchange;
    const struct supernet_tensor *matrix = &o->supernet->tensors[o->parts[p].transform];
    struct op op = o->transformed[p].op;
    op.kind = OP_CONV_BACKWARD_WEIGHTS;
    struct kernel *kernel;
    struct program_call call, unpack;
    int partial, gradient;
    TRY(program_kernel(e->program, &op, true, &kernel));
    TRY(program_buffer(e->program, BUFFER_WHOLE, kernel->partial_bytes, &partial));
    TRY(program_buffer(e->program, BUFFER_WHOLE, matrix->count * sizeof(float), &gradient));
    program_call_init(&call, kernel);
    call.in[0].buffer = o->transformed[p].cropped;
    call.in[1] = slot_at(e->own_gradients, o->graph->params[p].offset);
    call.out[0].buffer = partial;
    TRY(program_add_joint(e->program, &call));
    program_call_init(&unpack, kernel);
    unpack.in[0].buffer = partial;
    unpack.out[0].buffer = gradient;
    TRY(program_add_unpack(e->program, &unpack));
    const struct op add = row_op(OP_SCATTER_ADD, matrix->count, 1.0F);
    return add_step(e->program, &add, slot_at(gradient, 0), PROGRAM_NONE,
                    slot_at(e->shared_gradients, matrix->offset));
}

// Through the transform to the middles of the shared kernels.
static enum status add_crop_gradient(struct opening *o, int p)
{
    const struct supernet_exchange *e = o->exchange;
    const struct param *param = &o->graph->params[p];
    const struct supernet_part *part = &o->parts[p];
    struct op op = o->transformed[p].op;
    op.kind = OP_CONV_BACKWARD_DATA;
    struct kernel *kernel;
    struct program_call call;
    int packed, gradient;
    TRY(program_kernel(e->program, &op, true, &kernel));
    TRY(add_pack(o, kernel, part->transform, &packed));
    TRY(program_buffer(e->program, BUFFER_WHOLE, param->count * sizeof(float), &gradient));
    program_call_init(&call, kernel);
    call.in[0] = slot_at(e->own_gradients, param->offset);
    call.in[1].buffer = packed;
    call.out[0].buffer = gradient;
    TRY(program_add_joint(e->program, &call));
    const struct op add = scatter_op(&part->gather);
    return add_step(e->program, &add, slot_at(gradient, 0), PROGRAM_NONE,
                    slot_at(e->shared_gradients, part->offset));
}

static enum status add_scatter(struct opening *o, int p)
{
    const struct supernet_exchange *e = o->exchange;
    const struct param *param = &o->graph->params[p];
    const struct supernet_part *part = &o->parts[p];
    if (param->role == PARAM_MEAN || param->role == PARAM_VAR) { // vectors
        return add_step(e->program, &part->gather, slot_at(e->own, param->offset), PROGRAM_NONE,
                        slot_at(e->shared, part->offset));
    }
    if (part->transform >= 0) {
        TRY(add_matrix_gradient(o, p));
        return add_crop_gradient(o, p);
    }
    const struct op add = scatter_op(&part->gather);
    return add_step(e->program, &add, slot_at(e->own_gradients, param->offset), PROGRAM_NONE,
                    slot_at(e->shared_gradients, part->offset));
}

static enum status add_scatters(struct opening *o)
{
    const struct supernet_exchange *e = o->exchange;
    if (e->decay > 0.0F) {
        const struct op add = row_op(OP_SCATTER_ADD, o->graph->n_trainable, e->decay);
        TRY(add_step(e->program, &add, slot_at(e->own, 0), PROGRAM_NONE,
                     slot_at(e->own_gradients, 0)));
    }
    for (int p = 0; p < o->graph->n_params; p++) {
        TRY(add_scatter(o, p));
    }
    return OK;
}

static enum status open_program(struct opening *o)
{
    struct supernet_exchange *e = o->exchange;
    int *const externals[] = {&e->shared, &e->shared_gradients, &e->own, &e->own_gradients};
    TRY(program_open(e->backend, 1, 1, &e->program));
    for (size_t i = 0; i < sizeof externals / sizeof *externals; i++) {
        TRY(program_buffer(e->program, BUFFER_EXTERNAL, 0, externals[i]));
    }
    for (int p = 0; p < o->graph->n_params; p++) {
        TRY(supernet_locate(o->supernet, &o->graph->params[p], &o->parts[p]));
    }
    TRY(add_gathers(o));
    TRY(program_add_pause(e->program));
    TRY(add_scatters(o));
    return program_finish(e->program);
}

enum status supernet_exchange_open(struct backend *backend, const struct supernet *supernet,
                                   const struct graph *graph, float decay,
                                   struct supernet_exchange **out)
{
    struct supernet_exchange *exchange = calloc(1, sizeof *exchange);
    struct supernet_part *parts = calloc((size_t)graph->n_params + 1, sizeof *parts);
    struct transformed *transformed = calloc((size_t)graph->n_params + 1, sizeof *transformed);
    enum status status = ERR_MEMORY;
    if (exchange != NULL && parts != NULL && transformed != NULL) {
        exchange->backend = backend;
        exchange->decay = decay;
        struct opening opening = {exchange, supernet, graph, parts, transformed};
        status = open_program(&opening);
    } else {
        status = status_fail(ERR_MEMORY, __FILE__, __LINE__, "no memory for a sub-network");
    }
    free(parts);
    free(transformed);
    if (status != OK) {
        supernet_exchange_close(exchange);
        return status;
    }
    *out = exchange;
    return OK;
}

void supernet_exchange_close(struct supernet_exchange *exchange)
{
    if (exchange != NULL) {
        program_close(exchange->program);
        free(exchange);
    }
}

enum status supernet_exchange_gather(struct supernet_exchange *e,
                                     const struct exchange_blocks *blocks)
{
    program_bind(e->program, e->shared, blocks->shared, NULL);
    program_bind(e->program, e->shared_gradients, blocks->shared_gradients, NULL);
    program_bind(e->program, e->own, blocks->own, NULL);
    program_bind(e->program, e->own_gradients, blocks->own_gradients, NULL);
    program_pack(e->program);
    return program_run(e->program, 1, NULL);
}

enum status supernet_exchange_scatter(struct supernet_exchange *e)
{
    return program_continue(e->program);
}
