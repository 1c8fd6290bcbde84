// SLICE: a run of its input's channels.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status shape(const struct graph *graph, struct node *node)
{
    const struct node *input = &graph->nodes[node->inputs[0]];
    if (node->from > input->c - node->c) {
        FAIL(ERR_INPUT, "node %s: channels %d to %d are not among the %d of %s", node->name,
             node->from, node->from + node->c - 1, input->c, input->name);
    }
    return OK;
}

static void fill(const struct graph *graph, int node, struct op *op)
{
    op->from = graph->nodes[node].from;
    op->count = graph->nodes[node].c;
}

// The gradient lies among zeros, which is what a PAD makes of it.
static enum status backward(struct backward *b, const struct compound *compound)
{
    const struct node *n = &b->graph->nodes[compound->node];
    const int input = n->inputs[0];
    if (!b->needed[input]) {
        return OK;
    }
    int dy, dx;
    TRY(backward_whole_gradient(b, compound, &dy));
    struct op op = lower_map_op(b->graph, compound->node, OP_PAD);
    op.out_c = b->graph->nodes[input].c;
    op.to = n->from;
    op.stride[0] = op.stride[1] = 1;
    TRY(backward_new_gradient(b, input, &dx));
    TRY(lower_call(b->l->program, &op, dy, -1, dx));
    return backward_contribute(b, input, dx);
}

static int pieces(const struct graph *graph, const struct node *node, struct channel_piece *out)
{
    (void)graph;
    out[0] = (struct channel_piece){.input = 0, .from = node->from, .count = node->c};
    return 1;
}

static void resize(struct node *node, const struct channel_piece *piece)
{
    node->from = piece->from;
    node->c = piece->count;
}

static void moments(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out)
{
    (void)params;
    const struct node *n = &graph->nodes[node];
    node_copy_moments(&all[n->inputs[0]], n->from, n->c, out, 0);
}

static const struct node_attribute attributes[] = {
    NODE_INT("from", from, 0),
    NODE_INT("channels", c, 1),
    {.key = NULL},
};

const struct node_type node_type_slice = {
    .name = "slice",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = shape,
    .op = OP_COPY_CHANNELS,
    .fill = fill,
    .forward = lower_plain,
    .backward = backward,
    .infer = infer_plain,
    .int8_output = INT8_FLOAT,
    .sign = SIGN_OF_INPUTS,
    .pieces = pieces,
    .resize = resize,
    .cuts = true,
    .moments = moments,
};
