// SOFTMAX over the channels of each pixel.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status backward(struct backward *b, const struct compound *compound)
{
    const int node = compound->node, input = b->graph->nodes[node].inputs[0];
    if (!b->needed[input]) {
        return OK;
    }
    int dy, dx;
    TRY(backward_whole_gradient(b, compound, &dy));
    const struct op op = lower_map_op(b->graph, node, OP_SOFTMAX_BACKWARD);
    TRY(backward_new_gradient(b, input, &dx));
    TRY(lower_call(b->l->program, &op, dy, b->l->value[node], dx));
    return backward_contribute(b, input, dx);
}

static void moments(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out)
{
    (void)params;
    (void)all;
    const struct node *n = &graph->nodes[node];
    for (int c = 0; c < n->c; c++) { // as if every channel were the greatest equally often
        out->mean[c] = 1.0 / n->c;
        out->variance[c] = (1.0 - 1.0 / n->c) / n->c;
    }
}

const struct node_type node_type_softmax = {
    .name = "softmax",
    .least_inputs = 1,
    .most_inputs = 1,
    .shape = node_shape_as_input,
    .op = OP_SOFTMAX,
    .forward = lower_plain,
    .backward = backward,
    .infer = infer_plain,
    .int8_output = INT8_FLOAT,
    .sign = SIGN_UNIT,
    .pieces = node_pieces_same,
    .freezes = true,
    .moments = moments,
};
