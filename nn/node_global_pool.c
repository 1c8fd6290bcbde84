// GLOBAL_POOL: the mean over height and width.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status shape(const struct graph *graph, struct node *node)
{
    (void)graph;
    node->h = node->w = 1;
    return OK;
}

static void fill(const struct graph *graph, int node, struct op *op)
{
    (void)graph;
    (void)node;
    op->kernel[0] = op->in_h;
    op->kernel[1] = op->in_w;
}

static enum status forward(struct lowering *l, const struct compound *compound)
{
    return lower_plain(l, compound->node);
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    return backward_unary(b, compound, OP_POOL_AVG_BACKWARD);
}

static enum status infer(struct infer_plan *plan, int node)
{
    const struct op op = graph_node_op(&plan->folded, node, plan->chunk);
    return infer_plain(plan, node, &op);
}

static enum status load(struct infer_plan *plan, int node, const float *ranges)
{
    (void)ranges;
    plan->layers[node].kernel->op.factor = plan->scales[plan->folded.nodes[node].inputs[0]];
    return OK;
}

const struct node_type node_type_global_pool = {
    .name = "global_pool",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = shape,
    .op = OP_POOL_AVG,
    .fill = fill,
    .forward = forward,
    .backward = backward,
    .infer = infer,
    .load = load,
    .int8_output = INT8_FLOAT,
    .int8_reads = true,
    .sign = SIGN_OF_INPUTS,
    .pieces = node_pieces_same,
    .moments = node_moments_same,
};
