// Shorter ways to add common nodes.
#include "nn/graph.h"

static enum status add_one(struct graph *graph, const char *name, const struct node *node,
                           int input, int *out)
{
    return graph_add(graph, name, node, &input, 1, out);
}

enum status graph_add_conv(struct graph *graph, const char *name, int input,
                           const struct conv_attributes *attributes, int *out)
{
    struct node node = node_default(NODE_CONV);
    node.c = attributes->out_c;
    node.kernel[0] = attributes->kernel_h;
    node.kernel[1] = attributes->kernel_w;
    node.stride[1] = attributes->stride;
    for (int side = 0; side < 4; side++) {
        const bool across = side % 2 == 0; // above or below
        node.pad[side] = attributes->line && across ? 0 : attributes->pad;
    }
    node.stride[0] = attributes->line ? 1 : attributes->stride;
    node.bias = attributes->bias;
    CHECK(input >= 0 && input < graph->n_nodes);
    node.groups = attributes->groups == GRAPH_DEPTHWISE ? graph->nodes[input].c
                  : attributes->groups == 0             ? 1
                                                        : attributes->groups;
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_linear(struct graph *graph, const char *name, int input, int out_c, bool bias,
                             int *out)
{
    struct node node = node_default(NODE_LINEAR);
    node.c = out_c;
    node.bias = bias;
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_batchnorm(struct graph *graph, const char *name, int input, int *out)
{
    const struct node node = node_default(NODE_BATCHNORM);
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_act(struct graph *graph, const char *name, int input, struct activation act,
                          int *out)
{
    struct node node = node_default(NODE_ACT);
    node.act = act;
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_add(struct graph *graph, const char *name, int a, int b, int *out)
{
    const struct node node = node_default(NODE_ADD);
    return graph_add(graph, name, &node, (int[2]){a, b}, 2, out);
}

enum status graph_add_concat(struct graph *graph, const char *name, int a, int b, int *out)
{
    const struct node node = node_default(NODE_CONCAT);
    return graph_add(graph, name, &node, (int[2]){a, b}, 2, out);
}

enum status graph_add_slice(struct graph *graph, const char *name, int input, int from, int count,
                            int *out)
{
    struct node node = node_default(NODE_SLICE);
    node.from = from;
    node.c = count;
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_pool(struct graph *graph, const char *name, int input, enum node_kind kind,
                           int kernel, int stride, int pad, int *out)
{
    CHECK(kind == NODE_MAX_POOL || kind == NODE_AVG_POOL);
    struct node node = node_default(kind);
    node.count_pad = kind == NODE_AVG_POOL;
    for (int axis = 0; axis < 2; axis++) {
        node.kernel[axis] = kernel;
        node.stride[axis] = stride;
        node.pad[axis] = node.pad[axis + 2] = pad;
    }
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_global_pool(struct graph *graph, const char *name, int input, int *out)
{
    const struct node node = node_default(NODE_GLOBAL_POOL);
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_shortcut(struct graph *graph, const char *name, int input, int stride,
                               int channels_before, int channels_after, int *out)
{
    struct node node = node_default(NODE_PAD);
    node.stride[0] = node.stride[1] = stride;
    node.pad_channels[0] = channels_before;
    node.pad_channels[1] = channels_after;
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_dropout(struct graph *graph, const char *name, int input, float rate,
                              int *out)
{
    struct node node = node_default(NODE_DROPOUT);
    node.rate = rate;
    return add_one(graph, name, &node, input, out);
}

enum status graph_add_lstm(struct graph *graph, const char *name, int input, int hidden, int *out)
{
    struct node node = node_default(NODE_LSTM);
    node.c = hidden;
    return add_one(graph, name, &node, input, out);
}
