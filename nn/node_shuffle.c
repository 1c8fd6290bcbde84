// SHUFFLE: channels dealt out anew (ShuffleNet, Zhang et al. 2018): of `groups` parts of k
// channels, channel i of part g becomes channel i * groups + g.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status shape(const struct graph *graph, struct node *node)
{
    (void)graph;
    if (node->c % node->groups != 0) {
        FAIL(ERR_INPUT, "node %s: %d groups do not divide its %d channels", node->name,
             node->groups, node->c);
    }
    return OK;
}

// The other way round: k parts of `groups` channels.
static enum status backward(struct backward *b, const struct compound *compound)
{
    const int input = b->graph->nodes[compound->node].inputs[0];
    if (!b->needed[input]) {
        return OK;
    }
    int dy, dx;
    TRY(backward_whole_gradient(b, compound, &dy));
    struct op op = graph_node_op(b->graph, compound->node, b->l->chunk);
    op.groups = op.in_c / op.groups;
    TRY(backward_new_gradient(b, input, &dx));
    TRY(lower_call(b->l->program, &op, dy, -1, dx));
    return backward_contribute(b, input, dx);
}

static void moments(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out)
{
    (void)params;
    const struct node *n = &graph->nodes[node];
    const int each = n->c / n->groups;
    for (int c = 0; c < n->c; c++) {
        node_copy_moments(&all[n->inputs[0]], c % n->groups * each + c / n->groups, 1, out, c);
    }
}

static const struct node_attribute attributes[] = {
    NODE_INT("groups", groups, 1),
    {.key = NULL},
};

const struct node_type node_type_shuffle = {
    .name = "shuffle",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = shape,
    .op = OP_SHUFFLE,
    .forward = lower_plain,
    .backward = backward,
    .infer = infer_plain,
    .int8_output = INT8_COPIES,
    .int8_reads = true,
    .sign = SIGN_OF_INPUTS,
    .pieces = node_pieces_new,
    .freezes = true,
    .moments = moments,
};
