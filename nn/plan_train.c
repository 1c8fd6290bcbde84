// Training plans: forward, loss, backward, sum over ranks, optimiser.
#include "nn/lower_backward.h"
#include "nn/optimizer.h"

#include <stdlib.h>
#include <string.h>

struct train_plan {
    struct backend *backend;
    struct arena arena;
    const struct graph *graph; // borrowed
    struct train_options options;
    struct program *program;
    struct lowering lowering;
    struct optimizer *optimizer;
    struct train_share share;
    int gradients;                         // shared [parts][n_trainable]
    float *norm_gradients;                 // several ranks: BatchNorm's while sums are made; arena
    struct lower_external labels, targets; // targets.buffer -1 without distillation
    int loss;                              // kept sum f64 [2]
    double *losses;                        // [parts][2], host; arena
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
    TRY(program_buffer(plan->program, BUFFER_SUM_F64, 2 * sizeof(double), &plan->loss));
    program_result(plan->program, plan->loss);
    if (plan->options.keep_outputs) {
        program_result(plan->program, plan->lowering.value[output]);
    }
    TRY(program_buffer(plan->program, BUFFER_CHUNKED, rows, gradient));
    struct op op = lower_map_op(plan->graph, output, OP_SOFTMAX_XENT);
    op.temperature = plan->options.temperature;
    op.target_share = distils ? 1.0F - plan->options.label_share : 0.0F;
    struct kernel *kernel;
    TRY(program_kernel(plan->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.count = (double)plan->options.batch;
    call.in[0].buffer = plan->lowering.value[output];
    call.in[1].buffer = plan->labels.buffer;
    call.in[2].buffer = plan->targets.buffer;
    call.out[0].buffer = plan->loss;
    call.out[1].buffer = *gradient;
    return program_add_chunked(plan->program, &call);
}

// Copies the gradients of BatchNorms out of the block, or back into it. Returns how many floats.
static size_t move_norm_gradients(const struct train_plan *plan, float *gradients, float *aside,
                                  bool back)
{
    const struct graph *graph = plan->graph;
    size_t n = 0;
    for (int i = 0; i < graph->n_params; i++) {
        const struct param *param = &graph->params[i];
        if (param->role != PARAM_GAMMA && param->role != PARAM_BETA) {
            continue;
        }
        float *in_block = gradients + param->offset;
        if (aside != NULL) {
            memcpy(back ? in_block : aside + n, back ? aside + n : in_block,
                   param->count * sizeof *aside);
        }
        n += param->count;
    }
    return n;
}

// Synchronised BatchNorms have their whole gradients on every rank already.
static enum status sum_gradients(void *context, void *values, size_t count)
{
    struct train_plan *plan = context;
    const struct plan_reducer *reducer = plan->options.reducer;
    if (reducer->sync_batchnorm) {
        move_norm_gradients(plan, values, plan->norm_gradients, false);
    }
    TRY(reducer->sum_f32(reducer->context, plan->share.total, values, count));
    if (reducer->sync_batchnorm) {
        move_norm_gradients(plan, values, plan->norm_gradients, true);
    }
    return OK;
}

// A part of the sums is the gradients of some chunks.
static size_t gradient_bytes(const struct train_plan *plan)
{
    return (size_t)program_parts(plan->program) * plan->graph->n_trainable * sizeof(float);
}

static enum status add_sum_over_ranks(struct train_plan *plan)
{
    const size_t count = move_norm_gradients(plan, NULL, NULL, false);
    ARENA_NEW(&plan->arena, plan->norm_gradients, count + 1);
    const struct program_hook hook = {.function = sum_gradients,
                                      .context = plan,
                                      .slot = {plan->gradients, 0},
                                      .bytes = gradient_bytes(plan),
                                      .back = plan->graph->n_trainable * sizeof(float),
                                      .count = plan->graph->n_trainable};
    return program_add_hook(plan->program, &hook);
}

static enum status open_parts(struct train_plan *plan)
{
    const struct train_options *options = &plan->options;
    const struct train_share *share = &plan->share;
    const struct program_share part = {.images = share->images,
                                       .chunk = share->chunk,
                                       .first = share->first,
                                       .total = share->total};
    TRY(program_open_share(plan->backend, &part, &plan->program));
    plan->lowering = (struct lowering){.program = plan->program,
                                       .backend = plan->backend,
                                       .graph = plan->graph,
                                       .arena = &plan->arena,
                                       .chunk = share->chunk,
                                       .training = true,
                                       .bn_momentum = options->bn_momentum,
                                       .reducer = options->reducer,
                                       .total_chunks = share->total,
                                       .input_options = options->input};
    plan->lowering.images = lower_syncs(&plan->lowering) ? options->batch : share->images;
    TRY(lower_copy_input(&plan->arena, plan->graph, &plan->lowering.input_options));
    TRY(lower_forward(&plan->lowering));
    int gradient;
    TRY(lower_loss(plan, &gradient));
    TRY(program_buffer(plan->program, BUFFER_SHARED, gradient_bytes(plan), &plan->gradients));
    TRY(lower_backward(&plan->lowering, gradient, plan->gradients, NULL));
    if (options->reducer != NULL && options->reducer->ranks > 1) {
        TRY(add_sum_over_ranks(plan));
    }
    if (options->memory != NULL) {
        program_borrow(plan->program, options->memory);
    }
    TRY(program_finish(plan->program));
    TRY(lower_open_external(plan->program, plan->backend, &plan->lowering.input.images));
    TRY(lower_open_external(plan->program, plan->backend, &plan->labels));
    TRY(lower_open_external(plan->program, plan->backend, &plan->targets));
    lower_forward_load(&plan->lowering);
    ARENA_NEW(&plan->arena, plan->losses, 2 * (size_t)program_parts(plan->program));
    // Of all parts but the first, BatchNorm's slices are never written.
    plan->backend->ops->zero(plan->backend, train_gradients_address(plan), gradient_bytes(plan));
    return options->gradient_only ? OK
                                  : optimizer_open(plan->backend, &options->optimizer,
                                                   plan->graph->n_trainable, &plan->optimizer);
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
    const struct plan_reducer *reducer = options->reducer;
    const int rank = reducer != NULL ? reducer->rank : 0;
    const int ranks = reducer != NULL ? reducer->ranks : 1;
    enum status status =
        options->chunk > 0
            ? train_share_chunks(options->chunk, options->batch, rank, ranks, &plan->share)
            : train_share(backend, graph, options->batch, rank, ranks, &plan->share);
    if (status == OK) {
        status = open_parts(plan);
    }
    if (status != OK) {
        train_close(plan);
        return status;
    }
    *out = plan;
    return OK;
}

float *train_params_address(const struct train_plan *plan)
{
    return program_address(plan->program, plan->lowering.params);
}

float *train_gradients_address(const struct train_plan *plan)
{
    return program_address(plan->program, plan->gradients);
}

const float *train_outputs(const struct train_plan *plan)
{
    const int output = graph_output_node(plan->graph);
    CHECK(plan->options.keep_outputs);
    return program_fetched(plan->program, plan->lowering.value[output]);
}

void train_set_step(struct train_plan *plan, int64_t step)
{
    plan->step = step;
}

enum status train_load(struct train_plan *plan, const float *params)
{
    plan->backend->ops->upload(plan->backend, train_params_address(plan), params,
                               plan->graph->n_floats * sizeof(float));
    if (plan->optimizer != NULL) {
        optimizer_reset(plan->optimizer);
    }
    plan->step = 0;
    return OK;
}

static enum status collect_loss(struct train_plan *plan, struct train_result *result)
{
    const struct plan_reducer *reducer = plan->options.reducer;
    double *sums = plan->losses;
    TRY(program_fetch(plan->program));
    memcpy(sums, program_fetched(plan->program, plan->loss),
           2 * (size_t)program_parts(plan->program) * sizeof *sums);
    if (reducer != NULL && reducer->ranks > 1) {
        TRY(reducer->sum_f64(reducer->context, plan->share.total, sums, 2));
    }
    result->loss = sums[0] / plan->options.batch;
    result->correct = sums[1] / plan->options.batch;
    result->gradient_norm = 0.0;
    return OK;
}

// Gives forward and backward passes to the backend's queue.
static enum status run_gradient(struct train_plan *plan, const void *images, const int32_t *labels,
                                const float *targets)
{
    const size_t bytes = (size_t)plan->share.images * plan->image_bytes;
    lower_bind_external(plan->program, plan->backend, &plan->lowering.input.images, images, bytes,
                        NULL);
    const size_t rows = (size_t)plan->share.images;
    lower_bind_external(plan->program, plan->backend, &plan->labels, labels, rows * sizeof *labels,
                        NULL);
    if (plan->targets.buffer >= 0) {
        CHECK(targets != NULL);
        const size_t classes = (size_t)plan->graph->nodes[graph_output_node(plan->graph)].c;
        lower_bind_external(plan->program, plan->backend, &plan->targets, targets,
                            rows * classes * sizeof *targets, NULL);
    }
    const struct op_run run = {.seed = plan->options.seed, .step = plan->step};
    program_pack(plan->program);
    return program_run(plan->program, program_chunks(plan->program), &run);
}

enum status train_gradient(struct train_plan *plan, const void *images, const int32_t *labels,
                           const float *targets, struct train_result *result)
{
    TRY(run_gradient(plan, images, labels, targets));
    return collect_loss(plan, result);
}

enum status train_step(struct train_plan *plan, const void *images, const int32_t *labels,
                       const float *targets, float learning_rate, struct train_result *result)
{
    CHECK(plan->optimizer != NULL);
    TRY(run_gradient(plan, images, labels, targets));
    TRY(optimizer_step(plan->optimizer, train_params_address(plan), train_gradients_address(plan),
                       learning_rate));
    TRY(collect_loss(plan, result));
    TRY(optimizer_finish(plan->optimizer, &result->gradient_norm));
    plan->step++;
    return OK;
}

enum status train_gradients(const struct train_plan *plan, float *gradients)
{
    return plan->backend->ops->download(plan->backend, gradients, train_gradients_address(plan),
                                        plan->graph->n_trainable * sizeof(float));
}

enum status train_params(const struct train_plan *plan, float *params)
{
    return plan->backend->ops->download(plan->backend, params, train_params_address(plan),
                                        plan->graph->n_floats * sizeof(float));
}

size_t train_state_count(const struct train_plan *plan)
{
    return optimizer_state_count(plan->optimizer);
}

enum status train_save_state(const struct train_plan *plan, float *state, int64_t *step)
{
    return optimizer_save(plan->optimizer, state, step);
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
