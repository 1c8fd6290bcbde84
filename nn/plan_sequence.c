// Sequence plans: one program in two parts, forward and backward, between which the caller works
// out the gradient of its loss.
#include "nn/plan_sequence.h"

#include "nn/lower_backward.h"
#include "nn/optimizer.h"

#include <stdlib.h>
#include <string.h>

// Sequences per chunk at least, and chunks at most (while they are no smaller): a step of an LSTM
// reads all of its weights once per chunk, and each chunk leaves a gradient of all weights to be
// added up. Fixed, so that results do not depend on the machine.
enum { LEAST_CHUNK = 2, MOST_CHUNKS = 4 };

// State of one LSTM as its kernel wants it: all sequences' h, then all sequences' c.
struct carried {
    int node;
    size_t hidden, offset; // offset: floats before its h in one sequence's state
    struct lower_external external[2];
    float *begin[2]; // [B][H], pinned, owned
};

struct sequence_plan {
    struct backend *backend;
    struct arena arena;
    const struct graph *graph; // borrowed
    struct sequence_options options;
    struct program *program;
    struct lowering lowering;
    struct optimizer *optimizer; // training
    struct carried *carried;     // [n_carried]
    int n_carried;
    size_t state_count;
    struct lower_external reset, d_output; // buffer -1: none
    // Both parts read these, so they are copies: the caller's may change in between.
    float *inputs, *resets;  // [B][T][C], [B][T]; pinned, owned
    int gradients, d_inputs; // buffers; -1 none
    bool packed;             // are packed weights those of the parameter block?
    bool forward;            // has a forward run that no backward followed?
};

static size_t rows_of(const struct sequence_plan *plan)
{
    return (size_t)plan->options.batch * (size_t)plan->graph->nodes[0].h;
}

size_t sequence_state_count(const struct graph *graph)
{
    size_t count = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        count += graph->nodes[i].kind == NODE_LSTM ? 2 * (size_t)graph->nodes[i].c : 0;
    }
    return count;
}

static enum status check_graph(const struct graph *graph)
{
    const struct node *input = &graph->nodes[0], *output = &graph->nodes[graph_output_node(graph)];
    if (input->w != 1 || output->h != input->h || output->w != 1) {
        FAIL(ERR_INPUT,
             "the network makes %dx%dx%d of %dx%dx%d; over sequences it must make [steps][1][n] of "
             "[steps][1][m]",
             output->h, output->w, output->c, input->h, input->w, input->c);
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        if (node->kind == NODE_BATCHNORM || node->kind == NODE_DROPOUT) {
            FAIL(ERR_UNSUPPORTED, "node %s: a network over sequences cannot have a %s", node->name,
                 node_kind_name(node->kind));
        }
    }
    return OK;
}

static enum status lower_training(struct sequence_plan *plan)
{
    const int output = graph_output_node(plan->graph);
    TRY(program_add_pause(plan->program));
    TRY(program_buffer(plan->program, BUFFER_EXTERNAL,
                       lower_bytes(plan->graph, output, DTYPE_F32, plan->lowering.chunk),
                       &plan->d_output.buffer));
    TRY(program_buffer(plan->program, BUFFER_SHARED, plan->graph->n_trainable * sizeof(float),
                       &plan->gradients));
    TRY(lower_backward(&plan->lowering, plan->d_output.buffer, plan->gradients,
                       plan->options.input_gradient ? &plan->d_inputs : NULL));
    return optimizer_open(plan->backend, &plan->options.optimizer, plan->graph->n_trainable,
                          &plan->optimizer);
}

static enum status lower_all(struct sequence_plan *plan)
{
    const int batch = plan->options.batch;
    const int spread = (batch + MOST_CHUNKS - 1) / MOST_CHUNKS;
    const int wanted = spread > LEAST_CHUNK ? spread : LEAST_CHUNK;
    const int chunk = plan->backend->chunk_bytes > 0 ? program_chunk_divisor(batch, wanted) : batch;
    TRY(program_open(plan->backend, batch, chunk, &plan->program));
    plan->lowering = (struct lowering){.program = plan->program,
                                       .backend = plan->backend,
                                       .graph = plan->graph,
                                       .arena = &plan->arena,
                                       .chunk = chunk,
                                       .training = plan->options.training,
                                       .carries_state = true,
                                       .by_row = !plan->options.training,
                                       .input_options = {.f32 = true}};
    TRY(lower_forward(&plan->lowering));
    program_result(plan->program, plan->lowering.value[graph_output_node(plan->graph)]);
    if (plan->options.training) {
        TRY(lower_training(plan));
    }
    TRY(program_finish(plan->program));
    lower_forward_load(&plan->lowering);
    return OK;
}

static enum status alloc_pinned(const struct sequence_plan *plan, size_t count, float **out)
{
    void *address = NULL;
    TRY(plan->backend->ops->alloc_pinned(plan->backend, count * sizeof(float), &address));
    *out = address;
    return OK;
}

static void release_pinned(const struct sequence_plan *plan, float *address)
{
    if (address != NULL) {
        plan->backend->ops->release_pinned(plan->backend, address);
    }
}

static enum status open_carried(struct sequence_plan *plan)
{
    const struct graph *graph = plan->graph;
    const size_t batch = (size_t)plan->options.batch;
    ARENA_NEW(&plan->arena, plan->carried, (size_t)graph->n_nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].kind != NODE_LSTM) {
            continue;
        }
        const size_t hidden = (size_t)graph->nodes[i].c;
        struct carried *c = &plan->carried[plan->n_carried++];
        *c = (struct carried){.node = i, .hidden = hidden, .offset = plan->state_count};
        c->external[0].buffer = plan->lowering.h0[i];
        c->external[1].buffer = plan->lowering.c0[i];
        for (int k = 0; k < 2; k++) {
            TRY(alloc_pinned(plan, batch * hidden, &c->begin[k]));
            TRY(lower_open_external(plan->program, plan->backend, &c->external[k]));
        }
        plan->state_count += 2 * hidden;
    }
    return OK;
}

static enum status open_parts(struct sequence_plan *plan)
{
    TRY(check_graph(plan->graph));
    TRY(lower_all(plan));
    TRY(open_carried(plan));
    plan->reset.buffer = plan->lowering.reset;
    const size_t rows = rows_of(plan);
    TRY(alloc_pinned(plan, rows * (size_t)plan->graph->nodes[0].c, &plan->inputs));
    TRY(alloc_pinned(plan, rows, &plan->resets));
    TRY(lower_open_external(plan->program, plan->backend, &plan->lowering.input.images));
    TRY(lower_open_external(plan->program, plan->backend, &plan->reset));
    return lower_open_external(plan->program, plan->backend, &plan->d_output);
}

enum status sequence_open(struct backend *backend, const struct graph *graph,
                          const struct sequence_options *options, struct sequence_plan **out)
{
    CHECK(options->batch >= 1 && (options->training || !options->input_gradient));
    struct sequence_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) {
        FAIL(ERR_MEMORY, "no memory for a sequence plan");
    }
    plan->backend = backend;
    plan->graph = graph;
    plan->options = *options;
    plan->reset.buffer = plan->d_output.buffer = plan->gradients = plan->d_inputs = -1;
    const enum status status = open_parts(plan);
    if (status != OK) {
        sequence_close(plan);
        return status;
    }
    *out = plan;
    return OK;
}

void sequence_close(struct sequence_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    optimizer_close(plan->optimizer);
    release_pinned(plan, plan->inputs);
    release_pinned(plan, plan->resets);
    lower_close_external(plan->backend, &plan->lowering.input.images);
    lower_close_external(plan->backend, &plan->reset);
    lower_close_external(plan->backend, &plan->d_output);
    for (int i = 0; i < plan->n_carried; i++) {
        lower_close_external(plan->backend, &plan->carried[i].external[0]);
        lower_close_external(plan->backend, &plan->carried[i].external[1]);
        release_pinned(plan, plan->carried[i].begin[0]);
        release_pinned(plan, plan->carried[i].begin[1]);
    }
    program_close(plan->program);
    arena_close(&plan->arena);
    free(plan);
}

static float *params_address(const struct sequence_plan *plan)
{
    return program_address(plan->program, plan->lowering.params);
}

void sequence_load(struct sequence_plan *plan, const float *params)
{
    plan->backend->ops->upload(plan->backend, params_address(plan), params,
                               plan->graph->n_floats * sizeof(float));
    plan->packed = false;
}

enum status sequence_params(const struct sequence_plan *plan, float *params)
{
    return plan->backend->ops->download(plan->backend, params, params_address(plan),
                                        plan->graph->n_floats * sizeof(float));
}

// ---- forward
// Part k (h, c) of an LSTM's state of sequence n.
static float *state_part(const struct sequence_plan *plan, const struct carried *c, float *state,
                         int k, size_t n)
{
    return state + n * plan->state_count + c->offset + (size_t)k * c->hidden;
}

static void begin_state(struct sequence_plan *plan, float *state)
{
    const size_t batch = (size_t)plan->options.batch;
    for (int i = 0; i < 2 * plan->n_carried; i++) {
        const struct carried *c = &plan->carried[i / 2];
        const int k = i % 2;
        for (size_t n = 0; n < batch; n++) {
            float *to = c->begin[k] + n * c->hidden;
            if (state != NULL) {
                memcpy(to, state_part(plan, c, state, k, n), c->hidden * sizeof *to);
            } else {
                memset(to, 0, c->hidden * sizeof *to);
            }
        }
        lower_bind_external(plan->program, plan->backend, &c->external[k], c->begin[k],
                            batch * c->hidden * sizeof(float), NULL);
    }
}

static void end_state(const struct sequence_plan *plan, float *state)
{
    const size_t batch = (size_t)plan->options.batch;
    for (int i = 0; state != NULL && i < 2 * plan->n_carried; i++) {
        const struct carried *c = &plan->carried[i / 2];
        const int k = i % 2;
        const int buffer = k == 0 ? plan->lowering.h_end[c->node] : plan->lowering.c_end[c->node];
        const float *end = program_fetched(plan->program, buffer);
        for (size_t n = 0; n < batch; n++) {
            memcpy(state_part(plan, c, state, k, n), end + n * c->hidden,
                   c->hidden * sizeof *state);
        }
    }
}

enum status sequence_forward(struct sequence_plan *plan, const float *inputs, const float *reset,
                             float *state, float *output)
{
    const size_t rows = rows_of(plan);
    const size_t input_bytes = rows * (size_t)plan->graph->nodes[0].c * sizeof *inputs;
    memcpy(plan->inputs, inputs, input_bytes);
    lower_bind_external(plan->program, plan->backend, &plan->lowering.input.images, plan->inputs,
                        input_bytes, NULL);
    if (reset != NULL) {
        memcpy(plan->resets, reset, rows * sizeof *reset);
    } else {
        memset(plan->resets, 0, rows * sizeof *reset);
    }
    if (plan->reset.buffer >= 0) {
        lower_bind_external(plan->program, plan->backend, &plan->reset, plan->resets,
                            rows * sizeof *reset, NULL);
    }
    begin_state(plan, state);
    if (!plan->packed) {
        program_pack(plan->program);
        plan->packed = true;
    }
    TRY(program_run(plan->program, program_chunks(plan->program), NULL));
    TRY(program_fetch(plan->program));
    const int last = graph_output_node(plan->graph);
    memcpy(output, program_fetched(plan->program, plan->lowering.value[last]),
           rows * (size_t)plan->graph->nodes[last].c * sizeof *output);
    end_state(plan, state);
    plan->forward = plan->options.training;
    return OK;
}

// ---- backward and update
enum status sequence_backward(struct sequence_plan *plan, const float *d_output, float *d_inputs)
{
    CHECK(plan->forward && (d_inputs == NULL || plan->options.input_gradient));
    const size_t rows = rows_of(plan);
    const size_t outputs = (size_t)plan->graph->nodes[graph_output_node(plan->graph)].c;
    lower_bind_external(plan->program, plan->backend, &plan->d_output, d_output,
                        rows * outputs * sizeof *d_output, NULL);
    TRY(program_continue(plan->program));
    plan->forward = false;
    if (d_inputs == NULL) {
        return OK;
    }
    return plan->backend->ops->download(plan->backend, d_inputs,
                                        program_address(plan->program, plan->d_inputs),
                                        rows * (size_t)plan->graph->nodes[0].c * sizeof *d_inputs);
}

enum status sequence_gradients(const struct sequence_plan *plan, float *gradients)
{
    CHECK(plan->options.training);
    return plan->backend->ops->download(plan->backend, gradients,
                                        program_address(plan->program, plan->gradients),
                                        plan->graph->n_trainable * sizeof *gradients);
}

enum status sequence_step(struct sequence_plan *plan, float rate, double *norm)
{
    CHECK(plan->options.training);
    float *gradients = program_address(plan->program, plan->gradients);
    plan->packed = false;
    TRY(optimizer_step(plan->optimizer, params_address(plan), gradients, rate));
    return optimizer_finish(plan->optimizer, norm);
}

size_t sequence_optimizer_count(const struct sequence_plan *plan)
{
    CHECK(plan->options.training);
    return optimizer_state_count(plan->optimizer);
}

enum status sequence_save_optimizer(const struct sequence_plan *plan, float *state, int64_t *step)
{
    CHECK(plan->options.training);
    return optimizer_save(plan->optimizer, state, step);
}

void sequence_load_optimizer(struct sequence_plan *plan, const float *state, int64_t step)
{
    CHECK(plan->options.training);
    optimizer_load(plan->optimizer, state, step);
}
