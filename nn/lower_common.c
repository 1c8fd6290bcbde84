// Lowering shared by all plans: input, parameters, simple calls.
#include "nn/lower.h"

#include <string.h>

size_t lower_bytes(const struct graph *graph, int node, enum dtype dtype, int chunk)
{
    const struct node *n = &graph->nodes[node];
    return (size_t)chunk * (size_t)n->h * (size_t)n->w * (size_t)n->c * dtype_bytes(dtype);
}

int lower_chunk(const struct backend *backend, const struct graph *graph, enum dtype dtype,
                int batch)
{
    enum { MOST = 64 };
    size_t largest = 1, all = 1;
    if (backend->chunk_bytes == 0) {
        return batch;
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        const size_t bytes = lower_bytes(graph, i, dtype, 1);
        largest = bytes > largest ? bytes : largest;
        all += bytes;
    }
    const size_t fit = (size_t)backend->chunk_bytes / largest;
    const size_t balanced = graph->n_trainable * dtype_bytes(dtype) / all;
    size_t chunk = fit > balanced ? fit : balanced;
    chunk = chunk > MOST ? MOST : chunk;
    chunk = chunk > (size_t)batch ? (size_t)batch : chunk;
    return chunk > 0 ? (int)chunk : 1;
}

struct program_slot lower_param(const struct graph *graph, int params, int node, int which)
{
    const int index = graph->nodes[node].params[which];
    if (index < 0) {
        return PROGRAM_NONE;
    }
    return (struct program_slot){params, graph->params[index].offset * sizeof(float)};
}

struct op lower_map_op(const struct graph *graph, int node, enum op_kind kind)
{
    const struct node *n = &graph->nodes[node];
    return (struct op){.kind = kind,
                       .n = 1,
                       .in_h = n->h,
                       .in_w = n->w,
                       .in_c = n->c,
                       .out_h = n->h,
                       .out_w = n->w,
                       .out_c = n->c,
                       .groups = 1};
}

enum status lower_call(struct program *program, const struct op *op, int a, int b, int out)
{
    struct kernel *kernel;
    TRY(program_kernel(program, op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = a;
    call.in[1].buffer = b;
    call.out[0].buffer = out;
    return program_add_chunked(program, &call);
}

static bool is_vector(const struct plan_input *input)
{
    return input->f32 && input->mean == NULL;
}

enum status lower_copy_input(struct arena *arena, const struct graph *graph,
                             struct plan_input *input)
{
    const size_t channels = (size_t)graph->nodes[0].c;
    if (is_vector(input)) {
        return OK;
    }
    float *mean, *std;
    ARENA_NEW(arena, mean, channels);
    ARENA_NEW(arena, std, channels);
    memcpy(mean, input->mean, channels * sizeof *mean);
    memcpy(std, input->std, channels * sizeof *std);
    input->mean = mean;
    input->std = std;
    return OK;
}

enum status lower_open_input(struct program *program, const struct graph *graph,
                             const struct plan_input *input, int chunk, enum dtype type,
                             struct lower_input *out)
{
    const size_t raw_bytes = lower_bytes(graph, 0, input->f32 ? DTYPE_F32 : DTYPE_U8, chunk);
    TRY(program_buffer(program, BUFFER_EXTERNAL, raw_bytes, &out->images.buffer));
    out->constants = -1;
    out->value = out->images.buffer;
    if (is_vector(input) && type == DTYPE_F32) {
        return OK;
    }
    TRY(program_buffer(program, BUFFER_CHUNKED, lower_bytes(graph, 0, type, chunk), &out->value));
    const enum op_kind kind = is_vector(input) ? OP_QUANTIZE
                              : input->f32     ? OP_SCALE_SHIFT
                                               : OP_NORMALIZE;
    struct op op = lower_map_op(graph, 0, kind);
    op.in_type = input->f32 ? DTYPE_F32 : DTYPE_U8;
    op.out_type = type;
    struct kernel *kernel;
    TRY(program_kernel(program, &op, false, &kernel));
    const size_t vector_bytes = (size_t)graph->nodes[0].c * sizeof(float);
    TRY(program_buffer(program, BUFFER_LOADED, sizeof(float) + 2 * vector_bytes, &out->constants));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = out->images.buffer;
    call.out[0].buffer = out->value;
    const struct program_slot factor = {out->constants, 2 * vector_bytes};
    if (kind == OP_QUANTIZE) {
        call.in[1] = factor;
    } else {
        call.in[1].buffer = out->constants;
        call.in[2] = (struct program_slot){out->constants, vector_bytes};
        call.in[4] = kind == OP_SCALE_SHIFT && type != DTYPE_F32 ? factor : PROGRAM_NONE;
    }
    return program_add_chunked(program, &call);
}

void lower_load_input(const struct program *program, const struct graph *graph,
                      const struct plan_input *input, float factor,
                      const struct lower_input *lowered)
{
    if (lowered->constants < 0) {
        return;
    }
    const int channels = graph->nodes[0].c;
    float *scale = program_staging(program, lowered->constants), *shift = scale + channels;
    for (int c = 0; c < channels && !is_vector(input); c++) {
        const float white = input->f32 ? 1.0F : 255.0F;
        scale[c] = factor / (white * input->std[c]);
        shift[c] = -factor * input->mean[c] / input->std[c];
    }
    // The scale of samples has the factor in it already.
    shift[channels] = is_vector(input) ? factor : 1.0F;
}

enum status lower_open_external(const struct program *program, struct backend *backend,
                                struct lower_external *external)
{
    if (backend->host_memory || external->buffer < 0) {
        return OK;
    }
    void *address = NULL;
    const size_t piece = program_buffer_bytes(program, external->buffer);
    TRY(backend->ops->alloc(backend, piece * (size_t)program_chunks(program), &address));
    external->staging = address;
    return OK;
}

void lower_bind_external(struct program *program, struct backend *backend,
                         const struct lower_external *external, const void *values, size_t bytes,
                         const void *tail)
{
    char *address = (char *)(uintptr_t)values;
    char *last = (char *)(uintptr_t)tail;
    if (external->staging != NULL) {
        address = external->staging;
        backend->ops->upload(backend, address, values, bytes);
        if (tail != NULL) {
            last = address + bytes;
            backend->ops->upload(backend, last, tail,
                                 program_buffer_bytes(program, external->buffer));
        }
    }
    program_bind(program, external->buffer, address, last);
}

void lower_close_external(struct backend *backend, struct lower_external *external)
{
    if (external->staging != NULL) {
        backend->ops->release(backend, external->staging);
        external->staging = NULL;
    }
}
