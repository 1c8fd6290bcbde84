// CONCAT: the channels of its inputs one after the other.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status shape(const struct graph *graph, struct node *node)
{
    TRY(node_check_inputs(graph, node, false));
    int64_t channels = 0;
    for (int i = 0; i < node->n_inputs; i++) {
        channels += graph->nodes[node->inputs[i]].c;
    }
    if (channels > NODE_MOST_EXTENT) {
        FAIL(ERR_INPUT, "node %s: %lld channels are more than %d", node->name, (long long)channels,
             NODE_MOST_EXTENT);
    }
    node->c = (int)channels;
    return OK;
}

static void fill(const struct graph *graph, int node, struct op *op)
{
    (void)graph;
    (void)node;
    op->count = op->in_c;
}

// One copy of channels per input.
static enum status join(struct program *program, const struct graph *graph, int node,
                        const int *values, int out)
{
    const struct node *n = &graph->nodes[node];
    int to = 0;
    for (int i = 0; i < n->n_inputs; i++) {
        struct op op = lower_map_op(graph, n->inputs[i], OP_COPY_CHANNELS);
        op.out_c = n->c;
        op.to = to;
        op.count = op.in_c;
        to += op.in_c;
        TRY(lower_call(program, &op, values[n->inputs[i]], -1, out));
    }
    return OK;
}

static enum status forward(struct lowering *l, const struct compound *compound)
{
    TRY(lower_new_value(l, compound->node));
    return join(l->program, l->graph, compound->node, l->value, l->value[compound->node]);
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    const struct node *n = &b->graph->nodes[compound->node];
    int dy, from = 0;
    TRY(backward_whole_gradient(b, compound, &dy));
    for (int i = 0; i < n->n_inputs; i++) {
        const int input = n->inputs[i];
        struct op op = lower_map_op(b->graph, compound->node, OP_COPY_CHANNELS);
        op.out_c = b->graph->nodes[input].c;
        op.from = from;
        op.count = op.out_c;
        from += op.out_c;
        if (b->needed[input]) {
            int dx;
            TRY(backward_new_gradient(b, input, &dx));
            TRY(lower_call(b->l->program, &op, dy, -1, dx));
            TRY(backward_contribute(b, input, dx));
        }
    }
    return OK;
}

static enum status infer(struct infer_plan *plan, int node)
{
    TRY(infer_new_value(plan, node));
    return join(plan->program, &plan->folded, node, plan->values, plan->values[node]);
}

static int pieces(const struct graph *graph, const struct node *node, struct channel_piece *out)
{
    for (int i = 0; i < node->n_inputs; i++) {
        out[i] =
            (struct channel_piece){.input = i, .from = 0, .count = graph->nodes[node->inputs[i]].c};
    }
    return node->n_inputs;
}

static void moments(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out)
{
    (void)params;
    const struct node *n = &graph->nodes[node];
    for (int i = 0, at = 0; i < n->n_inputs; i++) {
        const int c = graph->nodes[n->inputs[i]].c;
        node_copy_moments(&all[n->inputs[i]], 0, c, out, at);
        at += c;
    }
}

const struct node_type node_type_concat = {
    .name = "concat",
    .least_inputs = 1,
    .most_inputs = NODE_MOST_EXTENT,
    .shape = shape,
    .op = OP_COPY_CHANNELS,
    .fill = fill,
    .forward = forward,
    .backward = backward,
    .infer = infer,
    .int8_output = INT8_FLOAT,
    .sign = SIGN_OF_INPUTS,
    .pieces = pieces,
    .moments = moments,
};
