// BATCHNORM (Ioffe & Szegedy 2015). Parameters: weight [c], bias [c], running_mean [c], running_var
// [c].
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

#include <math.h>

static int params(const struct graph *graph, const struct node *node, struct param_shape *shapes)
{
    (void)graph;
    const int c = node->c;
    shapes[0] = (struct param_shape){"weight", PARAM_GAMMA, 1, {c, 1, 1, 1}, COLUMNS_NONE, 1};
    shapes[1] = (struct param_shape){"bias", PARAM_BETA, 1, {c, 1, 1, 1}, COLUMNS_NONE, 1};
    shapes[2] = (struct param_shape){"running_mean", PARAM_MEAN, 1, {c, 1, 1, 1}, COLUMNS_NONE, 1};
    shapes[3] = (struct param_shape){"running_var", PARAM_VAR, 1, {c, 1, 1, 1}, COLUMNS_NONE, 1};
    return 4;
}

// ---- forward, with the statistics of the batch
static enum status add_sums(struct lowering *l, int node, int input)
{
    const struct node *n = &l->graph->nodes[node];
    const size_t sums_bytes = 2 * (size_t)n->c * sizeof(double);
    TRY(program_buffer(l->program, BUFFER_SUM_F64, sums_bytes, &l->sums[node]));
    if (!l->training) {
        program_result(l->program, l->sums[node]); // they are what a statistics plan is for
    }
    const struct op op = lower_map_op(l->graph, node, OP_BN_STATISTICS);
    return lower_call(l->program, &op, input, -1, l->sums[node]);
}

static enum status add_finish(struct lowering *l, int node)
{
    const struct node *n = &l->graph->nodes[node];
    const size_t vector = (size_t)n->c * sizeof(float);
    TRY(program_buffer(l->program, BUFFER_SHARED, 4 * vector, &l->vectors[node]));
    struct op op = lower_map_op(l->graph, node, OP_BN_FINISH);
    op.epsilon = n->epsilon;
    op.momentum = l->bn_momentum;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, true, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.count = lower_bn_count(l, node);
    call.in[0].buffer = l->sums[node];
    call.in[1] = lower_param(l->graph, l->params, node, 0);
    call.in[2] = lower_param(l->graph, l->params, node, 1);
    for (int i = 0; i < 4; i++) {
        call.out[i] = (struct program_slot){l->vectors[node], (size_t)i * vector};
    }
    if (l->training) {
        call.out[4] = lower_param(l->graph, l->params, node, 2);
        call.out[5] = lower_param(l->graph, l->params, node, 3);
    }
    return program_add_joint(l->program, &call);
}

static enum status forward(struct lowering *l, const struct compound *compound)
{
    const int node = compound->node;
    const int input = l->value[l->graph->nodes[node].inputs[0]];
    TRY(add_sums(l, node, input));
    TRY(lower_sync_sums(l, l->sums[node], l->graph->nodes[node].c));
    TRY(add_finish(l, node));
    TRY(lower_new_value(l, compound->output));
    struct op op = lower_map_op(l->graph, node, OP_SCALE_SHIFT);
    op.act = compound->act;
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = input;
    call.in[1].buffer = l->vectors[node];
    call.in[2] = (struct program_slot){l->vectors[node], (size_t)op.in_c * sizeof(float)};
    call.in[3].buffer = compound->residual >= 0 ? l->value[compound->residual] : -1;
    call.out[0].buffer = l->value[compound->output];
    if (l->ranges) {
        TRY(lower_new_range(l, compound->output));
        call.out[1].buffer = l->range[compound->output];
    }
    return program_add_chunked(l->program, &call);
}

// ---- backward
// Sums g and g * xhat; *g is the buffer of g, which is dy itself when there is nothing to mask or
// add.
static enum status reduce(struct backward *b, const struct compound *compound, int *g, int *sums)
{
    struct lowering *l = b->l;
    const int node = compound->node;
    const struct contributions *c = &b->of[compound->output];
    const bool masks = compound->act.kind != ACT_NONE;
    struct op op = lower_map_op(b->graph, node, OP_BN_BACKWARD_REDUCE);
    op.act = compound->act;
    const size_t vector = (size_t)op.in_c * sizeof(float);
    const bool writes = masks || c->n > 1;
    *g = c->buffers[0];
    if (writes) {
        TRY(backward_new_gradient(b, node, g));
    }
    TRY(program_buffer(l->program, BUFFER_SUM_F64, 2 * (size_t)op.in_c * sizeof(double), sums));
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = c->buffers[0];
    call.in[1].buffer = c->n > 1 ? c->buffers[1] : -1;
    call.in[2].buffer = masks ? l->value[compound->output] : -1;
    call.in[3].buffer = l->value[b->graph->nodes[node].inputs[0]];
    call.in[4] = (struct program_slot){l->vectors[node], 2 * vector};
    call.in[5] = (struct program_slot){l->vectors[node], 3 * vector};
    call.out[0].buffer = writes ? *g : -1;
    call.out[1].buffer = *sums;
    return program_add_chunked(l->program, &call);
}

// Sums over all ranks give every rank the whole gradient of gamma and beta.
static enum status finish(struct backward *b, int node, int sums, int coefficients)
{
    struct lowering *l = b->l;
    struct op op = lower_map_op(b->graph, node, OP_BN_BACKWARD_FINISH);
    const size_t vector = (size_t)op.in_c * sizeof(float);
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, true, &kernel));
    struct program_call call;
    program_call_init(&call, kernel);
    call.count = lower_bn_count(l, node);
    call.in[0].buffer = sums;
    call.in[1] = lower_param(b->graph, l->params, node, 0);
    call.in[2] = (struct program_slot){l->vectors[node], 2 * vector};
    call.in[3] = (struct program_slot){l->vectors[node], 3 * vector};
    call.out[0] = lower_param(b->graph, b->gradients, node, 0);
    call.out[1] = lower_param(b->graph, b->gradients, node, 1);
    call.out[2].buffer = coefficients;
    return program_add_joint(l->program, &call);
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    struct lowering *l = b->l;
    const int node = compound->node;
    const int input = b->graph->nodes[node].inputs[0];
    int g, sums, coefficients;
    TRY(reduce(b, compound, &g, &sums));
    if (compound->residual >= 0 && b->needed[compound->residual]) {
        TRY(backward_contribute(b, compound->residual, g));
    }
    struct op op = lower_map_op(b->graph, node, OP_BN_BACKWARD_APPLY);
    TRY(program_buffer(l->program, BUFFER_SHARED, 3 * (size_t)op.in_c * sizeof(float),
                       &coefficients));
    TRY(lower_sync_sums(l, sums, op.in_c));
    TRY(finish(b, node, sums, coefficients));
    if (!b->needed[input]) {
        return OK;
    }
    struct kernel *kernel;
    TRY(program_kernel(l->program, &op, false, &kernel));
    int dx;
    TRY(backward_new_gradient(b, input, &dx));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = g;
    call.in[1].buffer = l->value[input];
    call.in[2].buffer = coefficients;
    call.out[0].buffer = dx;
    TRY(program_add_chunked(l->program, &call));
    return backward_contribute(b, input, dx);
}

// ---- inference, where nothing folds it away
static enum status infer(struct infer_plan *plan, int node)
{
    const struct node *n = &plan->folded.nodes[node];
    struct infer_layer *layer = &plan->layers[node];
    const size_t vector = (size_t)n->c * sizeof(float);
    struct op op = lower_map_op(&plan->folded, node, OP_SCALE_SHIFT);
    op.act = n->act;
    op.out_type = plan->types[node];
    struct kernel *kernel;
    TRY(program_kernel(plan->program, &op, false, &kernel));
    TRY(program_buffer(plan->program, BUFFER_LOADED, 2 * vector, &layer->weights));
    TRY(infer_new_value(plan, node));
    struct program_call call;
    program_call_init(&call, kernel);
    call.in[0].buffer = plan->values[n->inputs[0]];
    call.in[1].buffer = layer->weights;
    call.in[2] = (struct program_slot){layer->weights, vector};
    call.in[4] = infer_factor(plan, node);
    call.out[0].buffer = plan->values[node];
    return program_add_chunked(plan->program, &call);
}

static enum status load(struct infer_plan *plan, int node, const float *ranges)
{
    const struct node *n = &plan->folded.nodes[node];
    const struct infer_layer *layer = &plan->layers[node];
    const float *gamma = infer_param(plan, node, 0), *beta = infer_param(plan, node, 1);
    const float *mean = infer_param(plan, node, 2), *var = infer_param(plan, node, 3);
    float *scale = program_staging(plan->program, layer->weights), *shift = scale + n->c;
    for (int c = 0; c < n->c; c++) {
        scale[c] = gamma[c] / sqrtf(var[c] + n->epsilon);
        shift[c] = beta[c] - mean[c] * scale[c];
    }
    return infer_load_output_factor(plan, node, ranges);
}

static int cost(const struct graph *graph, int node, enum cost_kind kind, struct cost_term *terms)
{
    (void)graph;
    terms[0] = (struct cost_term){2, ONE_WIDE, node, 1};
    return kind == COST_PARAMS ? 1 : 0;
}

static void moments(const struct graph *graph, const float *values, int node,
                    const struct moments *all, struct moments *out)
{
    (void)all;
    const struct node *n = &graph->nodes[node];
    const float *gamma = values + graph->params[n->params[0]].offset;
    const float *beta = values + graph->params[n->params[1]].offset;
    for (int c = 0; c < n->c; c++) {
        out->mean[c] = (double)beta[c];
        out->variance[c] = (double)gamma[c] * (double)gamma[c];
    }
}

static const struct node_attribute attributes[] = {
    NODE_FLOAT("epsilon", epsilon, 0, 1),
    {.key = NULL},
};

const struct node_type node_type_batchnorm = {
    .name = "batchnorm",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = node_shape_as_input,
    .params = params,
    .op = OP_SCALE_SHIFT,
    .forward = forward,
    .backward = backward,
    .infer = infer,
    .load = load,
    .carries_act = true,
    .int8_output = INT8_WRITES_IF_ACT,
    .pieces = node_pieces_same,
    .cost = cost,
    .moments = moments,
};
