// AVG_POOL: the mean under a window; padding counts as zeros (count_pad) or not at all.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static void fill(const struct graph *graph, int node, struct op *op)
{
    op->exclude_pad = !graph->nodes[node].count_pad;
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    return backward_unary(b, compound, OP_POOL_AVG_BACKWARD);
}

static const struct node_attribute attributes[] = {
    NODE_INTS("kernel", kernel, 2, 1),
    NODE_INTS("stride", stride, 2, 1),
    NODE_INTS("dilation", dilation, 2, 1),
    NODE_INTS("pad", pad, 4, 0),
    NODE_BOOL("ceil", ceil_mode),
    NODE_BOOL("count_pad", count_pad),
    {.key = NULL},
};

const struct node_type node_type_avg_pool = {
    .name = "avg_pool",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = node_slide_window,
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
