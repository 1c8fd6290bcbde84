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

static enum status backward(struct backward *b, const struct compound *compound)
{
    return backward_unary(b, compound, OP_POOL_AVG_BACKWARD);
}

const struct node_type node_type_global_pool = {
    .name = "global_pool",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = shape,
    .op = OP_POOL_AVG,
    .fill = fill,
    .forward = lower_plain,
    .backward = backward,
    .infer = infer_plain,
    .load = infer_load_input_factor,
    .int8_output = INT8_FLOAT,
    .int8_reads = true,
    .sign = SIGN_OF_INPUTS,
    .pieces = node_pieces_same,
    .moments = node_moments_same,
};
