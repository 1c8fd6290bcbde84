// Inference plans: the folded graph, each chunk run through the whole network on one lane, or,
// where there are more lanes than images, by all lanes together.
#include "nn/infer_internal.h"

#include <stdlib.h>
#include <string.h>

// Images per chunk. Depends on shapes alone, never on lanes.
static int choose_chunk(const struct infer_plan *plan)
{
    const int batch = plan->options.batch;
    if (plan->options.keep_all) {
        return 1; // a run of fewer images than the batch then leaves nothing unset
    }
    if (plan->options.chunk > 0) {
        return plan->options.chunk;
    }
    const int preferred =
        lower_chunk(plan->backend, &plan->folded, plan->options.int8 ? DTYPE_U8 : DTYPE_F32, batch);
    const int spread = (batch + 3) / 4; // a small batch still makes four chunks
    return plan->backend->chunk_bytes > 0 && spread < preferred ? spread : preferred;
}

// Whether lanes would stand idle if each took a chunk of its own.
static bool shares_chunks(const struct infer_plan *plan)
{
    const int chunks = (plan->options.batch + plan->chunk - 1) / plan->chunk;
    return plan->chunk == 1 && 2 * chunks <= plan->backend->lanes && !plan->options.keep_all;
}

static enum status open_parts(struct infer_plan *plan)
{
    if (plan->options.int8 && !plan->backend->int8) {
        FAIL(ERR_UNSUPPORTED, "int8 needs a processor with AVX512-VNNI (backend '%s'); use float32",
             plan->backend->ops->name);
    }
    TRY(lower_copy_input(&plan->arena, plan->graph, &plan->options.input));
    TRY(plan->options.keep_all ? fold_nothing(plan->graph, &plan->folded, &plan->sources)
                               : fold_graph(plan->graph, &plan->folded, &plan->sources));
    plan->chunk = choose_chunk(plan);
    plan->image_bytes =
        lower_bytes(&plan->folded, 0, plan->options.input.f32 ? DTYPE_F32 : DTYPE_U8, 1);
    plan->tail = calloc((size_t)plan->chunk, plan->image_bytes);
    if (plan->tail == NULL) {
        FAIL(ERR_MEMORY, "no memory for %d images", plan->chunk);
    }
    TRY(program_open(plan->backend, plan->options.batch, plan->chunk, &plan->program));
    if (shares_chunks(plan)) {
        program_share_chunks(plan->program);
    }
    TRY(infer_lower(plan));
    return lower_open_external(plan->program, plan->backend, &plan->input.images);
}

enum status infer_open(struct backend *backend, const struct graph *graph,
                       const struct infer_options *options, struct infer_plan **out)
{
    struct infer_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) {
        FAIL(ERR_MEMORY, "no memory for an inference plan");
    }
    plan->backend = backend;
    plan->graph = graph;
    plan->options = *options;
    const enum status status = open_parts(plan);
    if (status != OK) {
        infer_close(plan);
        return status;
    }
    *out = plan;
    return OK;
}

void infer_close(struct infer_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    program_close(plan->program);
    lower_close_external(plan->backend, &plan->input.images);
    graph_close(&plan->folded);
    arena_close(&plan->arena);
    free(plan->tail);
    free(plan);
}
