// A program with one kernel per node, one image per chunk, that keeps every value.
#include "nn/probe.h"

#include "nn/lower.h"

#include <math.h>
#include <stdlib.h>

struct probe {
    struct backend *backend;   // borrowed
    const struct graph *graph; // borrowed
    struct arena arena;
    int batch, n; // n: images of the last run
    struct program *program;
    struct plan_input input_options; // mean and std in the arena
    struct lower_input input;
    int params; // shared: the parameter block, for LSTM
    int zeros;  // shared: an LSTM's first state
    size_t zeros_bytes;
    int *value;              // [n_nodes]: buffer of each node's output
    int *vectors;            // [n_nodes]: BATCHNORM and ACT, shared [scale c][shift c]; -1 none
    struct kernel **kernels; // [n_nodes]: CONV, LINEAR and LSTM, borrowed from the program
    int *packed;             // [n_nodes]: CONV, LINEAR and LSTM, shared
    void *images;            // owned, in the backend's memory: the batch as given
    float *host;             // owned: one node's output when the backend's memory is not the host's
};

static size_t value_count(const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

// CONV and LINEAR; LSTM, which begins with zeros.
static enum status add_packed(struct probe *p, int node)
{
    const struct op op = graph_node_op(p->graph, node, 1);
    TRY(program_kernel(p->program, &op, false, &p->kernels[node]));
    TRY(program_buffer(p->program, BUFFER_SHARED, p->kernels[node]->packed_bytes,
                       &p->packed[node]));
    struct program_call call;
    program_call_init(&call, p->kernels[node]);
    call.in[0].buffer = p->value[p->graph->nodes[node].inputs[0]];
    call.in[1].buffer = p->packed[node];
    if (op.kind == OP_LSTM) {
        call.in[2].buffer = call.in[3].buffer = p->zeros;
    }
    call.out[0].buffer = p->value[node];
    return program_add_chunked(p->program, &call);
}

// y = act(x * scale + shift): BATCHNORM, and ACT with scale 1 and shift 0.
static enum status add_scale_shift(struct probe *p, int node)
{
    const struct op op = graph_node_op(p->graph, node, 1);
    const size_t vector_bytes = (size_t)op.in_c * sizeof(float);
    TRY(program_buffer(p->program, BUFFER_SHARED, 2 * vector_bytes, &p->vectors[node]));
    struct kernel *kernel;
    TRY(program_kernel(p->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = p->value[p->graph->nodes[node].inputs[0]];
    call.in[1].buffer = p->vectors[node];
    call.in[2] = (struct program_slot){p->vectors[node], vector_bytes};
    call.out[0].buffer = p->value[node];
    return program_add_chunked(p->program, &call);
}

static enum status add_node(struct probe *p, int node)
{
    const struct node *n = &p->graph->nodes[node];
    if (n->kind == NODE_DROPOUT) { // an identity outside of training
        p->value[node] = p->value[n->inputs[0]];
        return OK;
    }
    TRY(program_buffer(p->program, BUFFER_CHUNKED, value_count(p->graph, node) * sizeof(float),
                       &p->value[node]));
    program_keep(p->program, p->value[node]);
    struct op op;
    switch (n->kind) {
    case NODE_CONV:
    case NODE_LINEAR:
    case NODE_LSTM:
        return add_packed(p, node);
    case NODE_BATCHNORM:
    case NODE_ACT:
        return add_scale_shift(p, node);
    case NODE_CONCAT:
        return lower_concat(p->program, p->graph, node, p->value, p->value[node]);
    case NODE_ADD:
        op = graph_node_op(p->graph, node, 1);
        return lower_call(p->program, &op, p->value[n->inputs[0]], p->value[n->inputs[1]],
                          p->value[node]);
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
    case NODE_SHORTCUT:
    case NODE_SLICE:
        op = graph_node_op(p->graph, node, 1);
        return lower_call(p->program, &op, p->value[n->inputs[0]], -1, p->value[node]);
    default:
        CHECK(!"a node kind that can be probed");
        return OK;
    }
}

static enum status open_program(struct probe *p)
{
    const struct graph *graph = p->graph;
    TRY(program_open(p->backend, p->batch, 1, &p->program));
    TRY(program_buffer(p->program, BUFFER_SHARED, graph->n_floats * sizeof(float), &p->params));
    size_t most_hidden = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        const bool is_lstm = graph->nodes[i].kind == NODE_LSTM;
        const size_t hidden = is_lstm ? (size_t)graph->nodes[i].c : 0;
        most_hidden = hidden > most_hidden ? hidden : most_hidden;
    }
    p->zeros_bytes = most_hidden * sizeof(float);
    TRY(program_buffer(p->program, BUFFER_SHARED, p->zeros_bytes, &p->zeros));
    TRY(lower_open_input(p->program, graph, &p->input_options, 1, DTYPE_F32, 1.0F, &p->input));
    p->value[0] = p->input.value;
    if (p->input.value != p->input.images.buffer) {
        program_keep(p->program, p->input.value);
    }
    for (int i = 1; i < graph->n_nodes; i++) {
        TRY(add_node(p, i));
    }
    return program_finish(p->program);
}

static enum status open_memory(struct probe *p, const struct plan_input *input)
{
    const struct graph *graph = p->graph;
    const size_t n = (size_t)graph->n_nodes;
    p->input_options = *input;
    TRY(lower_copy_input(&p->arena, graph, &p->input_options));
    ARENA_NEW(&p->arena, p->value, n);
    ARENA_NEW(&p->arena, p->vectors, n);
    ARENA_NEW(&p->arena, p->packed, n);
    ARENA_NEW(&p->arena, p->kernels, n);
    size_t most = 1;
    for (int i = 0; i < graph->n_nodes; i++) {
        p->vectors[i] = p->packed[i] = -1;
        const size_t count = value_count(graph, i);
        most = count > most ? count : most;
    }
    const size_t pixel = input->f32 ? sizeof(float) : 1;
    TRY(p->backend->ops->alloc(p->backend, (size_t)p->batch * value_count(graph, 0) * pixel,
                               &p->images));
    if (!p->backend->host_memory) {
        p->host = malloc((size_t)p->batch * most * sizeof *p->host);
        if (p->host == NULL) {
            FAIL(ERR_MEMORY, "no memory for %zu values of a network's activations",
                 (size_t)p->batch * most);
        }
    }
    return OK;
}

enum status probe_open(struct backend *backend, const struct graph *graph, int batch,
                       const struct plan_input *input, struct probe **out)
{
    CHECK(batch >= 1);
    struct probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        FAIL(ERR_MEMORY, "no memory for a probe");
    }
    probe->backend = backend;
    probe->graph = graph;
    probe->batch = batch;
    enum status status = open_memory(probe, input);
    if (status == OK) {
        status = open_program(probe);
    }
    if (status != OK) {
        probe_close(probe);
        return status;
    }
    *out = probe;
    return OK;
}

// scale = gamma / sqrt(var + eps), shift = beta - mean * scale; 1 and 0 for ACT.
static void load_vectors(const struct probe *p, int node, const float *params, float *vectors)
{
    const struct node *n = &p->graph->nodes[node];
    const float *values[4] = {NULL};
    for (int i = 0; i < 4 && n->kind == NODE_BATCHNORM; i++) {
        values[i] = params + p->graph->params[n->params[i]].offset;
    }
    for (int c = 0; c < n->c; c++) {
        float scale = 1.0F, shift = 0.0F;
        if (n->kind == NODE_BATCHNORM) {
            scale = values[0][c] / sqrtf(values[3][c] + BATCHNORM_EPSILON);
            shift = values[1][c] - values[2][c] * scale;
        }
        vectors[c] = scale;
        vectors[n->c + c] = shift;
    }
    p->backend->ops->upload(p->backend, program_address(p->program, p->vectors[node]), vectors,
                            2 * (size_t)n->c * sizeof *vectors);
}

enum status probe_load(struct probe *probe, const float *params)
{
    const struct graph *graph = probe->graph;
    struct backend *backend = probe->backend;
    int widest = 1;
    for (int i = 0; i < graph->n_nodes; i++) {
        widest = graph->nodes[i].c > widest ? graph->nodes[i].c : widest;
    }
    float *vectors = malloc(2 * (size_t)widest * sizeof *vectors);
    if (vectors == NULL) {
        FAIL(ERR_MEMORY, "no memory for a BatchNorm of %d channels", widest);
    }
    lower_load_input(probe->program, backend, graph, &probe->input_options, 1.0F, &probe->input);
    float *block = program_address(probe->program, probe->params);
    backend->ops->upload(backend, block, params, graph->n_floats * sizeof(float));
    backend->ops->zero(backend, program_address(probe->program, probe->zeros), probe->zeros_bytes);
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *n = &graph->nodes[i];
        if (probe->vectors[i] >= 0) {
            load_vectors(probe, i, params, vectors);
        } else if (probe->packed[i] >= 0) {
            struct kernel *kernel = probe->kernels[i];
            kernel->ops->pack(kernel, block + graph->params[n->params[0]].offset,
                              n->bias ? block + graph->params[n->params[1]].offset : NULL, NULL,
                              program_address(probe->program, probe->packed[i]));
        }
    }
    backend->ops->sync(backend);
    free(vectors);
    return OK;
}

enum status probe_run(struct probe *probe, const void *images, int n)
{
    CHECK(n >= 1 && n <= probe->batch);
    const size_t pixel = probe->input_options.f32 ? sizeof(float) : 1;
    probe->backend->ops->upload(probe->backend, probe->images, images,
                                (size_t)n * value_count(probe->graph, 0) * pixel);
    program_bind(probe->program, probe->input.images.buffer, probe->images, NULL);
    probe->n = n;
    const struct op_dynamic dynamic = {0};
    return program_run(probe->program, n, &dynamic);
}

const float *probe_output(struct probe *probe, int node)
{
    CHECK(node >= 0 && node < probe->graph->n_nodes && probe->n > 0);
    const int buffer = probe->value[node];
    const float *values = buffer == probe->input.images.buffer
                              ? probe->images
                              : program_address(probe->program, buffer);
    if (probe->backend->host_memory) {
        return values;
    }
    probe->backend->ops->download(probe->backend, probe->host, values,
                                  (size_t)probe->n * value_count(probe->graph, node) *
                                      sizeof(float));
    return probe->host;
}

void probe_close(struct probe *probe)
{
    if (probe == NULL) {
        return;
    }
    program_close(probe->program);
    if (probe->images != NULL) {
        probe->backend->ops->release(probe->backend, probe->images);
    }
    free(probe->host);
    arena_close(&probe->arena);
    free(probe);
}
