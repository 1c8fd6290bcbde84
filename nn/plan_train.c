// Training plans: forward, loss, backward, sum over ranks, optimiser.
#include "nn/lower_backward.h"
#include "nn/optimizer.h"

#include <stdlib.h>

// The whole batch, over all ranks, is cut into this many chunks (or the nearest number that divides
// it): enough for a small machine's lanes, few enough that adding up their weight gradients stays
// cheap. Fixed, so that results depend neither on the machine nor, up to rounding, on the number of
// ranks.
enum { CHUNKS = 8 };

struct train_plan {
    struct backend *backend;
    struct arena arena;
    const struct graph *graph; // borrowed
    struct train_options options;
    struct program *program;
    struct lowering lowering;
    struct optimizer *optimizer;
    int gradients;                         // shared [n_trainable]
    struct lower_external labels, targets; // targets.buffer -1 without distillation
    int loss;                              // kept partial f64 [2] per chunk
    double *losses;                        // [chunks][2], host; arena
    size_t image_bytes;
    int64_t step;
};

static enum status lower_loss(struct train_plan *plan, int *gradient)
{
    const int output = graph_output_node(plan->graph);
    const struct node *n = &plan->graph->nodes[output];
    if (n->h != 1 || n->w != 1) {
        FAIL(ERR_INPUT, "the network's output is %dx%dx%d; training needs one vector of classes",
             n->h, n->w, n->c);
    }
    const int chunk = plan->lowering.chunk;
    const size_t rows = lower_bytes(plan->graph, output, DTYPE_F32, chunk);
    const bool distils = plan->options.label_share < 1.0F;
    TRY(program_buffer(plan->program, BUFFER_EXTERNAL, (size_t)chunk * sizeof(int32_t),
                       &plan->labels.buffer));
    plan->targets.buffer = -1;
    if (distils) {
        TRY(program_buffer(plan->program, BUFFER_EXTERNAL, rows, &plan->targets.buffer));
    }
    TRY(program_buffer(plan->program, BUFFER_CHUNKED, 2 * sizeof(double), &plan->loss));
    program_keep(plan->program, plan->loss);
    TRY(program_buffer(plan->program, BUFFER_CHUNKED, rows, gradient));
    struct op op = lower_map_op(plan->graph, output, OP_SOFTMAX_XENT);
    op.temperature = plan->options.temperature;
    op.target_share = distils ? 1.0F - plan->options.label_share : 0.0F;
    struct kernel *kernel;
    TRY(program_kernel(plan->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    const struct plan_reducer *reducer = plan->options.reducer;
    call.count = (double)plan->options.batch * (reducer != NULL ? reducer->ranks : 1);
    call.in[0].buffer = plan->lowering.value[output];
    call.in[1].buffer = plan->labels.buffer;
    call.in[2].buffer = plan->targets.buffer;
    call.out[0].buffer = plan->loss;
    call.out[1].buffer = *gradient;
    return program_add_chunked(plan->program, &call);
}

static enum status sum_gradients(void *context, void *address, size_t count)
{
    const struct plan_reducer *reducer = context;
    return reducer->sum_f32(reducer->context, address, count);
}

static enum status open_parts(struct train_plan *plan)
{
    const struct train_options *options = &plan->options;
    const int ranks = options->reducer != NULL ? options->reducer->ranks : 1;
    const int wanted = (options->batch * ranks + CHUNKS - 1) / CHUNKS;
    const int chunk = plan->backend->chunk_bytes > 0 ? program_chunk_divisor(options->batch, wanted)
                                                     : options->batch;
    TRY(program_open(plan->backend, options->batch, chunk, &plan->program));
    plan->lowering = (struct lowering){.program = plan->program,
                                       .backend = plan->backend,
                                       .graph = plan->graph,
                                       .arena = &plan->arena,
                                       .chunk = chunk,
                                       .training = true,
                                       .bn_momentum = options->bn_momentum,
                                       .reducer = options->reducer,
                                       .input_options = options->input};
    TRY(lower_copy_input(&plan->arena, plan->graph, &plan->lowering.input_options));
    TRY(lower_forward(&plan->lowering));
    int gradient;
    TRY(lower_loss(plan, &gradient));
    TRY(program_buffer(plan->program, BUFFER_SHARED, plan->graph->n_trainable * sizeof(float),
                       &plan->gradients));
    TRY(lower_backward(&plan->lowering, gradient, plan->gradients, NULL));
    if (options->reducer != NULL && options->reducer->ranks > 1) {
        const struct program_hook hook = {.function = sum_gradients,
                                          .context = (void *)(uintptr_t)options->reducer,
                                          .slot = {plan->gradients, 0},
                                          .count = plan->graph->n_trainable};
        TRY(program_add_hook(plan->program, &hook));
    }
    TRY(program_finish(plan->program));
    if (options->reducer != NULL) {
        program_number_chunks(plan->program,
                              options->reducer->rank * program_chunks(plan->program));
    }
    TRY(lower_open_external(plan->program, plan->backend, &plan->lowering.input.images));
    TRY(lower_open_external(plan->program, plan->backend, &plan->labels));
    TRY(lower_open_external(plan->program, plan->backend, &plan->targets));
    lower_forward_load(&plan->lowering);
    ARENA_NEW(&plan->arena, plan->losses, 2 * (size_t)program_chunks(plan->program));
    return optimizer_open(plan->backend, &options->optimizer, plan->graph->n_trainable,
                          &plan->optimizer);
}

enum status train_open(struct backend *backend, const struct graph *graph,
                       const struct train_options *options, struct train_plan **out)
{
    struct train_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) {
        FAIL(ERR_MEMORY, "no memory for a training plan");
    }
    plan->backend = backend;
    plan->graph = graph;
    plan->options = *options;
    plan->image_bytes = lower_bytes(graph, 0, options->input.f32 ? DTYPE_F32 : DTYPE_U8, 1);
    const enum status status = open_parts(plan);
    if (status != OK) {
        train_close(plan);
        return status;
    }
    *out = plan;
    return OK;
}

static float *params_address(const struct train_plan *plan)
{
    return program_address(plan->program, plan->lowering.params);
}

enum status train_load(struct train_plan *plan, const float *params)
{
    plan->backend->ops->upload(plan->backend, params_address(plan), params,
                               plan->graph->n_floats * sizeof(float));
    plan->backend->ops->zero(plan->backend, program_address(plan->program, plan->gradients),
                             plan->graph->n_trainable * sizeof(float));
    optimizer_reset(plan->optimizer);
    plan->step = 0;
    return OK;
}

// Of n chunks' pairs the first numbers, by a binary tree, whose halves may be ranks.
static double add_up(const double *losses, int n)
{
    int half = 1;
    while (2 * half < n) {
        half *= 2;
    }
    return n == 1 ? losses[0] : add_up(losses, half) + add_up(losses + 2 * (size_t)half, n - half);
}

static enum status collect_loss(struct train_plan *plan, struct train_result *result)
{
    const int chunks = program_chunks(plan->program);
    const struct plan_reducer *reducer = plan->options.reducer;
    plan->backend->ops->download(plan->backend, plan->losses,
                                 program_address(plan->program, plan->loss),
                                 2 * (size_t)chunks * sizeof(double));
    double sums[2] = {add_up(plan->losses, chunks), add_up(plan->losses + 1, chunks)};
    double rows = plan->options.batch;
    if (reducer != NULL && reducer->ranks > 1) {
        TRY(reducer->sum_f64(reducer->context, sums, 2));
        rows *= reducer->ranks;
    }
    result->loss = sums[0] / rows;
    result->correct = sums[1] / rows;
    result->gradient_norm = 0.0;
    return OK;
}

enum status train_gradient(struct train_plan *plan, const void *images, const int32_t *labels,
                           const float *targets, struct train_result *result)
{
    const size_t bytes = (size_t)plan->options.batch * plan->image_bytes;
    lower_bind_external(plan->program, plan->backend, &plan->lowering.input.images, images, bytes,
                        NULL);
    const size_t rows = (size_t)plan->options.batch;
    lower_bind_external(plan->program, plan->backend, &plan->labels, labels, rows * sizeof *labels,
                        NULL);
    if (plan->targets.buffer >= 0) {
        CHECK(targets != NULL);
        const size_t classes = (size_t)plan->graph->nodes[graph_output_node(plan->graph)].c;
        lower_bind_external(plan->program, plan->backend, &plan->targets, targets,
                            rows * classes * sizeof *targets, NULL);
    }
    const struct op_dynamic dynamic = {.seed = plan->options.seed, .step = plan->step};
    program_pack(plan->program);
    TRY(program_run(plan->program, program_chunks(plan->program), &dynamic));
    return collect_loss(plan, result);
}

enum status train_step(struct train_plan *plan, const void *images, const int32_t *labels,
                       const float *targets, float learning_rate, struct train_result *result)
{
    TRY(train_gradient(plan, images, labels, targets, result));
    optimizer_step(plan->optimizer, params_address(plan),
                   program_address(plan->program, plan->gradients), learning_rate,
                   &result->gradient_norm);
    plan->step++;
    return OK;
}

void train_gradients(const struct train_plan *plan, float *gradients)
{
    plan->backend->ops->download(plan->backend, gradients,
                                 program_address(plan->program, plan->gradients),
                                 plan->graph->n_trainable * sizeof(float));
}

void train_params(const struct train_plan *plan, float *params)
{
    plan->backend->ops->download(plan->backend, params, params_address(plan),
                                 plan->graph->n_floats * sizeof(float));
}

size_t train_state_count(const struct train_plan *plan)
{
    return optimizer_state_count(plan->optimizer);
}

void train_save_state(const struct train_plan *plan, float *state, int64_t *step)
{
    optimizer_save(plan->optimizer, state, step);
}

enum status train_load_state(struct train_plan *plan, const float *state, int64_t step)
{
    optimizer_load(plan->optimizer, state, step);
    plan->step = step;
    return OK;
}

void train_close(struct train_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    optimizer_close(plan->optimizer);
    lower_close_external(plan->backend, &plan->lowering.input.images);
    lower_close_external(plan->backend, &plan->labels);
    lower_close_external(plan->backend, &plan->targets);
    program_close(plan->program);
    arena_close(&plan->arena);
    free(plan);
}
