// Statistics plans: BatchNorm's running values, and the ranges that int8 needs, from training
// images.
#include "nn/lower.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct statistics_plan {
    struct backend *backend;
    struct arena arena;
    const struct graph *graph; // borrowed
    struct program *program;
    struct lowering lowering;
    int batch;
    size_t image_bytes;
    double **sums;     // [n_nodes] of BATCHNORM: [2][c] over all batches so far; else NULL
    double *counts;    // [n_nodes] values per channel so far
    double *range_sum; // [n_nodes] of each image's greatest magnitude, image after image
    int64_t images;    // so far
};

static enum status open_totals(struct statistics_plan *plan)
{
    const struct graph *graph = plan->graph;
    const size_t nodes = (size_t)graph->n_nodes;
    ARENA_NEW(&plan->arena, plan->sums, nodes);
    ARENA_NEW(&plan->arena, plan->counts, nodes);
    ARENA_NEW(&plan->arena, plan->range_sum, nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].kind == NODE_BATCHNORM) {
            const size_t count = 2 * (size_t)graph->nodes[i].c;
            ARENA_NEW(&plan->arena, plan->sums[i], count);
        }
    }
    return OK;
}

static enum status open_parts(struct statistics_plan *plan,
                              const struct statistics_options *options)
{
    const int preferred = lower_chunk(plan->backend, plan->graph, DTYPE_F32, options->batch);
    const int chunk = program_chunk_divisor(options->batch, preferred);
    TRY(program_open(plan->backend, options->batch, chunk, &plan->program));
    plan->lowering = (struct lowering){.program = plan->program,
                                       .backend = plan->backend,
                                       .graph = plan->graph,
                                       .arena = &plan->arena,
                                       .chunk = chunk,
                                       .ranges = options->ranges,
                                       .input_options = options->input};
    TRY(lower_copy_input(&plan->arena, plan->graph, &plan->lowering.input_options));
    TRY(lower_forward(&plan->lowering));
    TRY(program_finish(plan->program));
    TRY(lower_open_external(plan->program, plan->backend, &plan->lowering.input.images));
    lower_forward_load(&plan->lowering);
    return open_totals(plan);
}

enum status statistics_open(struct backend *backend, const struct graph *graph,
                            const struct statistics_options *options, struct statistics_plan **out)
{
    struct statistics_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) {
        FAIL(ERR_MEMORY, "no memory for a statistics plan");
    }
    plan->backend = backend;
    plan->graph = graph;
    plan->batch = options->batch;
    plan->image_bytes = lower_bytes(graph, 0, options->input.f32 ? DTYPE_F32 : DTYPE_U8, 1);
    const enum status status = open_parts(plan, options);
    if (status != OK) {
        statistics_close(plan);
        return status;
    }
    *out = plan;
    return OK;
}

enum status statistics_begin(struct statistics_plan *plan, const float *params)
{
    plan->backend->ops->upload(plan->backend, program_address(plan->program, plan->lowering.params),
                               params, plan->graph->n_floats * sizeof(float));
    program_pack(plan->program);
    plan->images = 0;
    for (int i = 0; i < plan->graph->n_nodes; i++) {
        plan->counts[i] = 0.0;
        plan->range_sum[i] = 0.0;
        if (plan->sums[i] != NULL) {
            memset(plan->sums[i], 0, 2 * (size_t)plan->graph->nodes[i].c * sizeof(double));
        }
    }
    return OK;
}

static void add_sums(struct statistics_plan *plan, int node)
{
    const int count = 2 * plan->graph->nodes[node].c;
    const double *batch = program_fetched(plan->program, plan->lowering.sums[node]);
    for (int i = 0; i < count; i++) {
        plan->sums[node][i] += batch[i];
    }
    plan->counts[node] += lower_bn_count(&plan->lowering, node);
}

static void add_ranges(struct statistics_plan *plan, int node)
{
    const int images = program_chunks(plan->program) * plan->lowering.chunk;
    const float *extremes = program_fetched(plan->program, plan->lowering.range[node]);
    for (int i = 0; i < 2 * images; i += 2) {
        const float magnitude = fmaxf(fabsf(extremes[i]), fabsf(extremes[i + 1]));
        plan->range_sum[node] += (double)magnitude;
    }
}

enum status statistics_run(struct statistics_plan *plan, const void *images)
{
    lower_bind_external(plan->program, plan->backend, &plan->lowering.input.images, images,
                        (size_t)plan->batch * plan->image_bytes, NULL);
    TRY(program_run(plan->program, program_chunks(plan->program), NULL));
    TRY(program_fetch(plan->program));
    for (int i = 0; i < plan->graph->n_nodes; i++) {
        if (plan->lowering.sums[i] >= 0) {
            add_sums(plan, i);
        }
        if (plan->lowering.range[i] >= 0) {
            add_ranges(plan, i);
        }
    }
    plan->images += plan->batch;
    return OK;
}

void statistics_finish(struct statistics_plan *plan, float *params)
{
    CHECK(plan->images > 0);
    for (int i = 0; i < plan->graph->n_nodes; i++) {
        const struct node *n = &plan->graph->nodes[i];
        if (plan->sums[i] == NULL) {
            continue;
        }
        float *mean = params + plan->graph->params[n->params[2]].offset;
        float *variance = params + plan->graph->params[n->params[3]].offset;
        const double count = plan->counts[i];
        for (int c = 0; c < n->c; c++) {
            const double m = plan->sums[i][c] / count;
            const double biased = fmax(plan->sums[i][n->c + c] / count - m * m, 0.0);
            mean[c] = (float)m;
            variance[c] = (float)(count > 1.0 ? biased * count / (count - 1.0) : biased);
        }
    }
}

void statistics_ranges(const struct statistics_plan *plan, float *ranges)
{
    CHECK(plan->images > 0);
    for (int i = 0; i < plan->graph->n_nodes; i++) {
        ranges[i] = (float)(plan->range_sum[i] / (double)plan->images);
    }
}

void statistics_close(struct statistics_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    lower_close_external(plan->backend, &plan->lowering.input.images);
    program_close(plan->program);
    arena_close(&plan->arena);
    free(plan);
}
