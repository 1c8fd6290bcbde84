// Building a graph node by node. Every add checks shapes, works out the output's and copies the
// name; nothing is laid out before graph_finish.
#include "nn/graph.h"

#include <limits.h>
#include <string.h>

// Greatest height, width, channel count, kernel, stride or padding: sums of a few of them fit an
// int, products of two an int64_t.
#define MOST_EXTENT (1 << 24)

// A node of `kind` that keeps the shape of its input, which a NODE_INPUT does not have.
static struct node node_like(const struct graph *graph, enum node_kind kind, int input)
{
    struct node node = {.kind = kind,
                        .inputs = {-1, -1},
                        .kernel_h = 1,
                        .kernel_w = 1,
                        .stride = 1,
                        .groups = 1,
                        .sum = -1};
    for (int i = 0; i < NODE_MAX_PARAMS; i++) {
        node.params[i] = -1;
    }
    if (kind != NODE_INPUT) {
        CHECK(input >= 0 && input < graph->n_nodes);
        const struct node *from = &graph->nodes[input];
        node.n_inputs = 1;
        node.inputs[0] = input;
        node.h = from->h;
        node.w = from->w;
        node.c = from->c;
    }
    return node;
}

static enum status check_extent(const char *name, const char *what, int value, int least)
{
    if (value < least || value > MOST_EXTENT) {
        FAIL(ERR_INPUT, "node %s: %s is %d, expected %d to %d", name, what, value, least,
             MOST_EXTENT);
    }
    return OK;
}

static enum status check_shape(const char *name, const struct node *node)
{
    TRY(check_extent(name, "the output's height", node->h, 1));
    TRY(check_extent(name, "the output's width", node->w, 1));
    TRY(check_extent(name, "the number of output channels", node->c, 1));
    const int64_t pixels = (int64_t)node->h * node->w;
    if (pixels > INT_MAX || pixels * node->c > INT_MAX) {
        FAIL(ERR_INPUT, "node %s: an output of %dx%dx%d values per image is too large (most: %d)",
             name, node->h, node->w, node->c, INT_MAX);
    }
    return OK;
}

static enum status make_room(struct graph *graph)
{
    if (graph->n_nodes < graph->capacity_nodes) {
        return OK;
    }
    const int capacity = graph->capacity_nodes > 0 ? 2 * graph->capacity_nodes : 64;
    struct node *nodes;
    ARENA_NEW(&graph->arena, nodes, (size_t)capacity);
    if (graph->n_nodes > 0) {
        memcpy(nodes, graph->nodes, (size_t)graph->n_nodes * sizeof *nodes);
    }
    graph->nodes = nodes;
    graph->capacity_nodes = capacity;
    return OK;
}

static enum status add_node(struct graph *graph, const char *name, const struct node *node,
                            int *out)
{
    CHECK(graph->params == NULL); // graph_finish was not called yet
    CHECK(node->kind == NODE_INPUT || graph->n_nodes > 0);
    if (name == NULL || name[0] == '\0') {
        FAIL(ERR_INPUT, "node %d (%s) has no name", graph->n_nodes, node_kind_name(node->kind));
    }
    TRY(check_shape(name, node));
    TRY(make_room(graph));
    const char *copy = arena_copy_text(&graph->arena, name);
    if (copy == NULL) {
        return ERR_MEMORY;
    }
    graph->nodes[graph->n_nodes] = *node;
    graph->nodes[graph->n_nodes].name = copy;
    *out = graph->n_nodes++;
    return OK;
}

enum status graph_begin(struct graph *graph, int h, int w, int c)
{
    struct graph empty = {0};
    struct node node = node_like(&empty, NODE_INPUT, -1);
    node.h = h;
    node.w = w;
    node.c = c;
    int input;
    const enum status status = add_node(&empty, "input", &node, &input);
    if (status != OK) {
        graph_close(&empty);
        return status;
    }
    *graph = empty;
    return OK;
}

// Output size of a sliding window, rounded down.
static enum status slide_window(const char *name, const struct node *input, struct node *node)
{
    TRY(check_extent(name, "the kernel's height", node->kernel_h, 1));
    TRY(check_extent(name, "the kernel's width", node->kernel_w, 1));
    TRY(check_extent(name, "the stride", node->stride, 1));
    TRY(check_extent(name, "the padding", node->pad, 0));
    if (node->pad >= node->kernel_h || node->pad >= node->kernel_w) {
        FAIL(ERR_INPUT,
             "node %s: with %d pixels of padding some windows of its %dx%d kernel see no input",
             name, node->pad, node->kernel_h, node->kernel_w);
    }
    const int room_h = input->h + 2 * node->pad - node->kernel_h;
    const int room_w = input->w + 2 * node->pad - node->kernel_w;
    if (room_h < 0 || room_w < 0) {
        FAIL(ERR_INPUT,
             "node %s: a %dx%d kernel does not fit into %s, which is %dx%d with %d "
             "pixels of padding on each side",
             name, node->kernel_h, node->kernel_w, input->name, input->h, input->w, node->pad);
    }
    node->h = room_h / node->stride + 1;
    node->w = room_w / node->stride + 1;
    return OK;
}

enum status graph_add_conv(struct graph *graph, const char *name, int input,
                           const struct conv_attributes *attributes, int *out)
{
    struct node node = node_like(graph, NODE_CONV, input);
    const int in_c = node.c;
    node.c = attributes->out_c;
    node.kernel_h = attributes->kernel_h;
    node.kernel_w = attributes->kernel_w;
    node.stride = attributes->stride;
    node.pad = attributes->pad;
    node.bias = attributes->bias;
    node.groups = attributes->groups == GRAPH_DEPTHWISE ? in_c
                  : attributes->groups == 0             ? 1
                                                        : attributes->groups;
    TRY(slide_window(name, &graph->nodes[input], &node));
    if (node.groups < 1 || in_c % node.groups != 0 || node.c % node.groups != 0) {
        FAIL(ERR_INPUT, "node %s: %d groups do not divide its %d input and %d output channels",
             name, node.groups, in_c, node.c);
    }
    return add_node(graph, name, &node, out);
}

enum status graph_add_linear(struct graph *graph, const char *name, int input, int out_c, bool bias,
                             int *out)
{
    struct node node = node_like(graph, NODE_LINEAR, input);
    node.h = 1;
    node.w = 1;
    node.c = out_c;
    node.bias = bias;
    return add_node(graph, name, &node, out);
}

enum status graph_add_batchnorm(struct graph *graph, const char *name, int input, int *out)
{
    const struct node node = node_like(graph, NODE_BATCHNORM, input);
    return add_node(graph, name, &node, out);
}

enum status graph_add_act(struct graph *graph, const char *name, int input,
                          enum activation_kind act, int *out)
{
    struct node node = node_like(graph, NODE_ACT, input);
    node.act = act;
    return add_node(graph, name, &node, out);
}

// Nodes with two inputs must agree in height and width; `channels`: in channels too.
static enum status check_pair(const struct graph *graph, const char *name, int a, int b,
                              bool channels)
{
    CHECK(a >= 0 && b >= 0 && a < graph->n_nodes && b < graph->n_nodes);
    const struct node *first = &graph->nodes[a], *second = &graph->nodes[b];
    if (first->h != second->h || first->w != second->w || (channels && first->c != second->c)) {
        FAIL(ERR_INPUT, "node %s: its inputs %s (%dx%dx%d) and %s (%dx%dx%d) differ in %s", name,
             first->name, first->h, first->w, first->c, second->name, second->h, second->w,
             second->c, channels ? "shape" : "height or width");
    }
    return OK;
}

enum status graph_add_add(struct graph *graph, const char *name, int a, int b, int *out)
{
    TRY(check_pair(graph, name, a, b, true));
    struct node node = node_like(graph, NODE_ADD, a);
    node.inputs[node.n_inputs++] = b;
    return add_node(graph, name, &node, out);
}

enum status graph_add_concat(struct graph *graph, const char *name, int a, int b, int *out)
{
    TRY(check_pair(graph, name, a, b, false));
    struct node node = node_like(graph, NODE_CONCAT, a);
    node.inputs[node.n_inputs++] = b;
    node.c += graph->nodes[b].c;
    return add_node(graph, name, &node, out);
}

enum status graph_add_slice(struct graph *graph, const char *name, int input, int from, int count,
                            int *out)
{
    struct node node = node_like(graph, NODE_SLICE, input);
    if (from < 0 || count < 1 || from > node.c - count) {
        FAIL(ERR_INPUT, "node %s: channels %d to %d are not among the %d of %s", name, from,
             from + count - 1, node.c, graph->nodes[input].name);
    }
    node.from = from;
    node.c = count;
    return add_node(graph, name, &node, out);
}

enum status graph_add_pool(struct graph *graph, const char *name, int input, enum node_kind kind,
                           int kernel, int stride, int pad, int *out)
{
    CHECK(kind == NODE_MAX_POOL || kind == NODE_AVG_POOL);
    struct node node = node_like(graph, kind, input);
    node.kernel_h = kernel;
    node.kernel_w = kernel;
    node.stride = stride;
    node.pad = pad;
    TRY(slide_window(name, &graph->nodes[input], &node));
    return add_node(graph, name, &node, out);
}

enum status graph_add_global_pool(struct graph *graph, const char *name, int input, int *out)
{
    struct node node = node_like(graph, NODE_GLOBAL_POOL, input);
    node.h = 1;
    node.w = 1;
    return add_node(graph, name, &node, out);
}

enum status graph_add_shortcut(struct graph *graph, const char *name, int input, int stride,
                               int pad_before, int pad_after, int *out)
{
    struct node node = node_like(graph, NODE_SHORTCUT, input);
    node.stride = stride;
    node.pad_before = pad_before;
    node.pad_after = pad_after;
    TRY(slide_window(name, &graph->nodes[input], &node));
    TRY(check_extent(name, "the number of zero channels before", pad_before, 0));
    TRY(check_extent(name, "the number of zero channels after", pad_after, 0));
    node.c += pad_before + pad_after;
    return add_node(graph, name, &node, out);
}

enum status graph_add_dropout(struct graph *graph, const char *name, int input, float rate,
                              int *out)
{
    if (!(rate >= 0.0F && rate < 1.0F)) {
        FAIL(ERR_INPUT, "node %s: a dropout rate of %g is outside [0, 1)", name, (double)rate);
    }
    struct node node = node_like(graph, NODE_DROPOUT, input);
    node.rate = rate;
    return add_node(graph, name, &node, out);
}

enum status graph_add_lstm(struct graph *graph, const char *name, int input, int hidden, int *out)
{
    struct node node = node_like(graph, NODE_LSTM, input);
    if (node.w != 1) {
        FAIL(ERR_INPUT, "node %s: an LSTM reads a sequence (width 1), but %s is %dx%dx%d", name,
             graph->nodes[input].name, node.h, node.w, node.c);
    }
    // 4 * hidden rows of weights must fit too.
    TRY(check_extent(name, "the number of weight rows", hidden > MOST_EXTENT ? -1 : 4 * hidden, 4));
    node.c = hidden;
    return add_node(graph, name, &node, out);
}

static enum status add_copy(struct graph *graph, const struct node *like, const int *inputs,
                            int *out)
{
    const char *name = like->name;
    switch (like->kind) {
    case NODE_CONV: {
        const struct conv_attributes attributes = {.out_c = like->c,
                                                   .kernel_h = like->kernel_h,
                                                   .kernel_w = like->kernel_w,
                                                   .stride = like->stride,
                                                   .pad = like->pad,
                                                   .groups = like->groups,
                                                   .bias = like->bias};
        return graph_add_conv(graph, name, inputs[0], &attributes, out);
    }
    case NODE_LINEAR:
        return graph_add_linear(graph, name, inputs[0], like->c, like->bias, out);
    case NODE_BATCHNORM:
        return graph_add_batchnorm(graph, name, inputs[0], out);
    case NODE_ACT:
        return graph_add_act(graph, name, inputs[0], like->act, out);
    case NODE_ADD:
        return graph_add_add(graph, name, inputs[0], inputs[1], out);
    case NODE_CONCAT:
        return graph_add_concat(graph, name, inputs[0], inputs[1], out);
    case NODE_SLICE:
        return graph_add_slice(graph, name, inputs[0], like->from, like->c, out);
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
        return graph_add_pool(graph, name, inputs[0], like->kind, like->kernel_h, like->stride,
                              like->pad, out);
    case NODE_GLOBAL_POOL:
        return graph_add_global_pool(graph, name, inputs[0], out);
    case NODE_SHORTCUT:
        return graph_add_shortcut(graph, name, inputs[0], like->stride, like->pad_before,
                                  like->pad_after, out);
    case NODE_DROPOUT:
        return graph_add_dropout(graph, name, inputs[0], like->rate, out);
    case NODE_LSTM:
        return graph_add_lstm(graph, name, inputs[0], like->c, out);
    case NODE_INPUT:
    case NODE_KIND_COUNT:
        break;
    }
    CHECK(!"a kind of node that can be copied");
    return ERR_INPUT;
}

enum status graph_add_copy(struct graph *graph, const struct node *like, const int *inputs,
                           int *out)
{
    int added;
    TRY(add_copy(graph, like, inputs, &added));
    graph->nodes[added].act = like->act;
    graph->nodes[added].sum = like->sum;
    *out = added;
    return OK;
}
