// Filling an inference plan with weights, and running it.
#include "nn/infer_internal.h"
#include "nn/node_type.h"

#include <stdlib.h>
#include <string.h>

// The range of a folded node's value, from the range of the source node that it stands for.
static void set_scales(struct infer_plan *plan, const float *ranges)
{
    for (int i = 0; i < plan->folded.n_nodes; i++) {
        const struct node *n = &plan->folded.nodes[i];
        const bool copies = node_type_of(n->kind)->int8_output == INT8_COPIES;
        if (plan->types[i] == DTYPE_F32) {
            plan->scales[i] = 1.0F;
        } else if (copies) {
            plan->scales[i] = plan->scales[n->inputs[0]];
        } else {
            plan->scales[i] = int8_scale(plan->types[i], ranges[plan->sources[i].output]);
        }
    }
}

const float *infer_param(const struct infer_plan *plan, int node, int which)
{
    const int index = plan->folded.nodes[node].params[which];
    return index < 0 ? NULL : plan->folded_params + plan->folded.params[index].offset;
}

const float *infer_param_address(const struct infer_plan *plan, int node, int which)
{
    const int index = plan->folded.nodes[node].params[which];
    const float *all = program_address(plan->program, plan->params);
    return index < 0 ? NULL : all + plan->folded.params[index].offset;
}

static void set_factor(struct infer_plan *plan, int node, float factor)
{
    if (plan->factors >= 0) {
        float *factors = program_staging(plan->program, plan->factors);
        factors[node] = factor;
    }
}

enum status infer_load_output_factor(struct infer_plan *plan, int node, const float *ranges)
{
    (void)ranges;
    set_factor(plan, node, 1.0F / plan->scales[node]);
    return OK;
}

enum status infer_load_input_factor(struct infer_plan *plan, int node, const float *ranges)
{
    (void)ranges;
    set_factor(plan, node, plan->scales[plan->folded.nodes[node].inputs[0]]);
    return OK;
}

// All that the host fills in goes to the backend in one block; there weights are packed.
enum status infer_load(struct infer_plan *plan, const float *params, const float *ranges)
{
    const struct graph *folded = &plan->folded;
    CHECK(!plan->options.int8 || ranges != NULL);
    TRY(plan->backend->ops->sync(plan->backend)); // an earlier block may still be on its way
    fold_params(plan->graph, params, folded, plan->sources, plan->folded_params);
    set_scales(plan, ranges);
    lower_load_input(plan->program, folded, &plan->options.input, 1.0F / plan->scales[0],
                     &plan->input);
    for (int node = 1; node < folded->n_nodes; node++) {
        const struct node_type *type = node_type_of(folded->nodes[node].kind);
        if (type->load != NULL) {
            TRY(type->load(plan, node, ranges));
        }
    }
    program_upload(plan->program);
    for (int node = 1; node < folded->n_nodes; node++) {
        const struct node_type *type = node_type_of(folded->nodes[node].kind);
        if (type->pack != NULL) {
            TRY(type->pack(plan, node, ranges));
        }
    }
    return OK;
}

static void bind_images(struct infer_plan *plan, const char *images, int n)
{
    const int full = n / plan->chunk, rest = n % plan->chunk;
    const size_t bytes = (size_t)full * (size_t)plan->chunk * plan->image_bytes;
    if (rest > 0) {
        memcpy(plan->tail, images + bytes, (size_t)rest * plan->image_bytes);
    }
    lower_bind_external(plan->program, plan->backend, &plan->input.images, images, bytes,
                        rest > 0 ? plan->tail : NULL);
}

enum status infer_run(struct infer_plan *plan, const void *images, int n, float *logits)
{
    CHECK(n >= 1 && n <= plan->options.batch);
    bind_images(plan, images, n);
    return infer_run_again(plan, n, logits);
}

enum status infer_run_again(struct infer_plan *plan, int n, float *logits)
{
    const int chunks = (n + plan->chunk - 1) / plan->chunk;
    TRY(program_run(plan->program, chunks, NULL));
    return infer_output(plan, 0, n, logits);
}

enum status infer_output(struct infer_plan *plan, int output, int n, float *values)
{
    CHECK(output >= 0 && output < plan->folded.n_outputs);
    const int node = plan->folded.outputs[output].node;
    return plan->backend->ops->download(plan->backend, values,
                                        program_address(plan->program, plan->values[node]),
                                        (size_t)n * lower_bytes(&plan->folded, node, DTYPE_F32, 1));
}
