// INPUT: the image, or the vector, that a network is given. Plans lower it themselves: see
// lower_open_input.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static void fill(const struct graph *graph, int node, struct op *op)
{
    (void)graph;
    (void)node;
    op->in_type = DTYPE_U8;
}

static enum status forward(struct lowering *l, const struct compound *compound)
{
    (void)l;
    (void)compound;
    return OK;
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    (void)b;
    (void)compound;
    return OK;
}

static enum status infer(struct infer_plan *plan, int node)
{
    (void)plan;
    (void)node;
    return OK;
}

const struct node_type node_type_input = {
    .name = "input",
    .shape = node_shape_as_input,
    .op = OP_NORMALIZE,
    .fill = fill,
    .forward = forward,
    .backward = backward,
    .infer = infer,
    .int8_output = INT8_WRITES,
    .pieces = node_pieces_new,
    .freezes = true,
};
