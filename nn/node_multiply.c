// MULTIPLY: the product of two maps of one shape, or of a map and one number per channel
// (squeeze-and-excitation, Hu et al. 2018).
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

// Is the second input one number per channel of a larger map?
static bool is_broadcast(const struct graph *graph, const struct node *node)
{
    const struct node *a = &graph->nodes[node->inputs[0]], *b = &graph->nodes[node->inputs[1]];
    return b->h == 1 && b->w == 1 && (a->h > 1 || a->w > 1);
}

static enum status shape(const struct graph *graph, struct node *node)
{
    const struct node *a = &graph->nodes[node->inputs[0]], *b = &graph->nodes[node->inputs[1]];
    if (is_broadcast(graph, node) && a->c == b->c) {
        return OK;
    }
    return node_check_inputs(graph, node, true);
}

static void fill(const struct graph *graph, int node, struct op *op)
{
    op->broadcast = is_broadcast(graph, &graph->nodes[node]);
}

static enum status forward(struct lowering *l, const struct compound *compound)
{
    const struct node *n = &l->graph->nodes[compound->node];
    struct op op = graph_node_op(l->graph, compound->node, l->chunk);
    op.act = compound->act;
    TRY(lower_new_value(l, compound->output));
    return lower_call(l->program, &op, l->value[n->inputs[0]], l->value[n->inputs[1]],
                      l->value[compound->output]);
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    const int node = compound->node;
    const struct node *n = &b->graph->nodes[node];
    struct lowering *l = b->l;
    int dy, dx;
    TRY(backward_whole_gradient(b, compound, &dy));
    struct op op = graph_node_op(b->graph, node, l->chunk);
    op.act = (struct activation){.kind = ACT_NONE};
    if (b->needed[n->inputs[0]]) {
        TRY(backward_new_gradient(b, n->inputs[0], &dx));
        TRY(lower_call(l->program, &op, dy, l->value[n->inputs[1]], dx));
        TRY(backward_contribute(b, n->inputs[0], dx));
    }
    if (b->needed[n->inputs[1]]) {
        op.kind = op.broadcast ? OP_MULTIPLY_BACKWARD_VECTOR : OP_MULTIPLY;
        op.broadcast = false;
        TRY(backward_new_gradient(b, n->inputs[1], &dx));
        TRY(lower_call(l->program, &op, dy, l->value[n->inputs[0]], dx));
        TRY(backward_contribute(b, n->inputs[1], dx));
    }
    return OK;
}

// Of independent factors: E xy = E x E y, var xy = var x var y + var x (E y)^2 + var y (E x)^2.
static void moments(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out)
{
    (void)params;
    const struct node *n = &graph->nodes[node];
    const struct moments *a = &all[n->inputs[0]], *b = &all[n->inputs[1]];
    for (int c = 0; c < n->c; c++) {
        const double x = a->mean[c], y = b->mean[c];
        out->mean[c] = x * y;
        out->variance[c] =
            a->variance[c] * b->variance[c] + a->variance[c] * y * y + b->variance[c] * x * x;
    }
}

const struct node_type node_type_multiply = {
    .name = "multiply",
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = shape,
    .op = OP_MULTIPLY,
    .fill = fill,
    .forward = forward,
    .backward = backward,
    .infer = infer_plain,
    .load = infer_load_output_factor,
    .carries_act = true,
    .int8_output = INT8_WRITES,
    .sign = SIGN_OF_INPUTS,
    .pieces = node_pieces_same,
    .joins = true,
    .moments = moments,
};
