// PAD: every stride-th row and column of its input inside a frame of zeros, between zero channels.
// A pad below 0 cuts off. With a stride and channels it is the shortcut of option A (He et al.
// 2016).
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status shape(const struct graph *graph, struct node *node)
{
    const struct node *input = &graph->nodes[node->inputs[0]];
    const int extents[2] = {input->h, input->w};
    int counts[2];
    for (int axis = 0; axis < 2; axis++) {
        const int before = node->pad[axis], after = node->pad[axis + 2];
        const int64_t room = (int64_t)extents[axis] + before + after;
        if (room < 1 || -(int64_t)before >= extents[axis] || -(int64_t)after >= extents[axis]) {
            FAIL(ERR_INPUT, "node %s: padding by %d and %d leaves nothing of the %d %s of %s",
                 node->name, before, after, extents[axis], axis == 0 ? "rows" : "columns",
                 input->name);
        }
        counts[axis] = (int)((room - 1) / node->stride[axis]) + 1;
    }
    node->h = counts[0];
    node->w = counts[1];
    node->c = input->c + node->pad_channels[0] + node->pad_channels[1];
    return OK;
}

static void fill(const struct graph *graph, int node, struct op *op)
{
    op->to = graph->nodes[node].pad_channels[0];
    op->count = op->in_c;
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    return backward_unary(b, compound, OP_PAD_BACKWARD);
}

static int pieces(const struct graph *graph, const struct node *node, struct channel_piece *out)
{
    const int c = graph->nodes[node->inputs[0]].c;
    out[0] = (struct channel_piece){.input = PIECE_ZEROS, .count = node->pad_channels[0]};
    out[1] = (struct channel_piece){.input = 0, .from = 0, .count = c};
    out[2] = (struct channel_piece){.input = PIECE_ZEROS, .count = node->pad_channels[1]};
    return 3;
}

static void resize(struct node *node, const struct channel_piece *piece)
{
    node->pad_channels[0] = piece[0].count;
    node->pad_channels[1] = piece[2].count;
}

static void moments(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out)
{
    (void)params;
    const struct node *n = &graph->nodes[node];
    for (int c = 0; c < n->c; c++) {
        out->mean[c] = out->variance[c] = 0;
    }
    node_copy_moments(&all[n->inputs[0]], 0, graph->nodes[n->inputs[0]].c, out, n->pad_channels[0]);
}

static const struct node_attribute attributes[] = {
    NODE_INTS("pad", pad, 4, -NODE_MOST_EXTENT),
    NODE_INTS("stride", stride, 2, 1),
    NODE_INTS("pad_channels", pad_channels, 2, 0),
    {.key = NULL},
};

const struct node_type node_type_pad = {
    .name = "pad",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = shape,
    .op = OP_PAD,
    .fill = fill,
    .forward = lower_plain,
    .backward = backward,
    .infer = infer_plain,
    .int8_output = INT8_COPIES,
    .int8_reads = true,
    .sign = SIGN_OF_INPUTS,
    .pieces = pieces,
    .resize = resize,
    .moments = moments,
};
