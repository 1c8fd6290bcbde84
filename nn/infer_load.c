// Filling an inference plan with weights, and running it.
#include "nn/infer_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The range of a folded node's value, from the range of the source node that it stands for.
static void set_scales(struct infer_plan *plan, const float *ranges)
{
    for (int i = 0; i < plan->folded.n_nodes; i++) {
        const struct node *n = &plan->folded.nodes[i];
        const bool copies =
            n->kind == NODE_MAX_POOL || n->kind == NODE_SHORTCUT; // integers as they are
        if (plan->types[i] == DTYPE_F32) {
            plan->scales[i] = 1.0F;
        } else if (copies) {
            plan->scales[i] = plan->scales[n->inputs[0]];
        } else {
            plan->scales[i] = int8_scale(plan->types[i], ranges[plan->sources[i].output]);
        }
    }
}

static const float *param_values(const struct infer_plan *plan, int node, int which)
{
    const int index = plan->folded.nodes[node].params[which];
    return index < 0 ? NULL : plan->folded_params + plan->folded.params[index].offset;
}

// A copy of host values in the backend's memory; on a host backend, the values themselves.
static enum status stage(struct infer_plan *plan, const float *values, size_t count, float **out)
{
    struct backend *backend = plan->backend;
    *out = (float *)(uintptr_t)values;
    if (values == NULL || backend->host_memory) {
        return OK;
    }
    void *address = NULL;
    TRY(backend->ops->alloc(backend, count * sizeof(float), &address));
    backend->ops->upload(backend, address, values, count * sizeof(float));
    *out = address;
    return OK;
}

static void unstage(struct infer_plan *plan, float *staged)
{
    if (staged != NULL && !plan->backend->host_memory) {
        plan->backend->ops->sync(plan->backend);
        plan->backend->ops->release(plan->backend, staged);
    }
}

static enum status load_conv(struct infer_plan *plan, int node, const float *ranges)
{
    const struct node *n = &plan->folded.nodes[node];
    const struct infer_layer *layer = &plan->layers[node];
    const int input = n->inputs[0];
    const struct op *op = &layer->kernel->op;
    struct op_quantization quantization = {
        plan->scales[input], plan->scales[node],
        n->kind == NODE_CONV && n->sum >= 0 ? plan->scales[n->sum] : 1.0F};
    if (op->in_type != DTYPE_F32 && plan->types[input] == DTYPE_F32) { // read through a QUANTIZE
        quantization.in_scale = int8_scale(op->in_type, ranges[plan->sources[input].output]);
    }
    if (layer->quantize != NULL) {
        layer->quantize->op.factor = 1.0F / quantization.in_scale;
    }
    const struct param *weight = &plan->folded.params[n->params[0]];
    float *weights = NULL, *bias = NULL;
    TRY(stage(plan, param_values(plan, node, 0), weight->count, &weights));
    const enum status status = stage(plan, param_values(plan, node, 1), (size_t)op->out_c, &bias);
    if (status == OK) {
        layer->kernel->ops->pack(layer->kernel, weights, bias,
                                 op->in_type == DTYPE_F32 ? NULL : &quantization,
                                 program_address(plan->program, layer->weights));
    }
    unstage(plan, weights);
    unstage(plan, bias);
    return status;
}

static void load_batchnorm(struct infer_plan *plan, int node)
{
    struct infer_layer *layer = &plan->layers[node];
    struct backend *backend = plan->backend;
    const int channels = plan->folded.nodes[node].c;
    const float *gamma = param_values(plan, node, 0), *beta = param_values(plan, node, 1);
    const float *mean = param_values(plan, node, 2), *var = param_values(plan, node, 3);
    char *to = program_address(plan->program, layer->weights);
    for (int c = 0; c < channels; c++) {
        const float scale = gamma[c] / sqrtf(var[c] + BATCHNORM_EPSILON);
        const float shift = beta[c] - mean[c] * scale;
        backend->ops->upload(backend, to + (size_t)c * sizeof scale, &scale, sizeof scale);
        backend->ops->upload(backend, to + (size_t)(channels + c) * sizeof shift, &shift,
                             sizeof shift);
    }
    layer->kernel->op.factor = 1.0F / plan->scales[node];
}

static enum status load_lstm(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    const struct infer_layer *layer = &plan->layers[node];
    char *packed = program_address(plan->program, layer->weights);
    size_t count = 0; // w_ih, w_hh and b lie one after the other
    for (int i = 0; i < 3; i++) {
        count += plan->folded.params[n->params[i]].count;
    }
    float *weights;
    TRY(stage(plan, param_values(plan, node, 0), count, &weights));
    layer->kernel->ops->pack(layer->kernel, weights, NULL, NULL, packed);
    const size_t state_bytes = (size_t)plan->chunk * (size_t)n->c * sizeof(float);
    plan->backend->ops->zero(
        plan->backend, packed + program_buffer_bytes(plan->program, layer->weights) - state_bytes,
        state_bytes);
    unstage(plan, weights);
    return OK;
}

static enum status load_node(struct infer_plan *plan, int node, const float *ranges)
{
    const struct node *n = &plan->folded.nodes[node];
    switch (n->kind) {
    case NODE_CONV:
    case NODE_LINEAR:
        return load_conv(plan, node, ranges);
    case NODE_BATCHNORM:
        load_batchnorm(plan, node);
        return OK;
    case NODE_LSTM:
        return load_lstm(plan, node);
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
        plan->layers[node].kernel->op.factor = plan->scales[n->inputs[0]];
        return OK;
    case NODE_ADD:
    case NODE_ACT:
        plan->layers[node].kernel->op.factor = 1.0F / plan->scales[node];
        return OK;
    default:
        return OK;
    }
}

enum status infer_load(struct infer_plan *plan, const float *params, const float *ranges)
{
    CHECK(!plan->options.int8 || ranges != NULL);
    fold_params(plan->graph, params, &plan->folded, plan->sources, plan->folded_params);
    set_scales(plan, ranges);
    const float input_factor = 1.0F / plan->scales[0];
    lower_load_input(plan->program, plan->backend, &plan->folded, &plan->options.input,
                     input_factor, &plan->input);
    for (int node = 1; node < plan->folded.n_nodes; node++) {
        TRY(load_node(plan, node, ranges));
    }
    plan->backend->ops->sync(plan->backend);
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

void infer_run(struct infer_plan *plan, const void *images, int n, float *logits)
{
    CHECK(n >= 1 && n <= plan->options.batch);
    bind_images(plan, images, n);
    const struct op_dynamic dynamic = {0};
    const int chunks = (n + plan->chunk - 1) / plan->chunk;
    CHECK(program_run(plan->program, chunks, &dynamic) == OK); // no hooks: it cannot fail
    const size_t classes = (size_t)plan->folded.nodes[plan->folded.n_nodes - 1].c;
    plan->backend->ops->download(plan->backend, logits,
                                 program_address(plan->program, plan->logits),
                                 (size_t)n * classes * sizeof(float));
}
