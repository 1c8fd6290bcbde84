// Reading a finished graph: names, and the op that each node stands for.
#include "nn/graph.h"

#include <string.h>

void graph_close(struct graph *graph)
{
    arena_close(&graph->arena);
    *graph = (struct graph){0};
}

const struct param *graph_find_param(const struct graph *graph, const char *name)
{
    for (int p = 0; p < graph->n_params; p++) {
        if (strcmp(graph->params[p].name, name) == 0) {
            return &graph->params[p];
        }
    }
    return NULL;
}

int graph_find_node(const struct graph *graph, const char *name)
{
    for (int i = 0; i < graph->n_nodes; i++) {
        if (strcmp(graph->nodes[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

const char *node_kind_name(enum node_kind kind)
{
    static const char *const names[NODE_KIND_COUNT] = {
        [NODE_INPUT] = "input",
        [NODE_CONV] = "conv",
        [NODE_LINEAR] = "linear",
        [NODE_BATCHNORM] = "batchnorm",
        [NODE_ACT] = "act",
        [NODE_ADD] = "add",
        [NODE_CONCAT] = "concat",
        [NODE_SLICE] = "slice",
        [NODE_MAX_POOL] = "max_pool",
        [NODE_AVG_POOL] = "avg_pool",
        [NODE_GLOBAL_POOL] = "global_pool",
        [NODE_SHORTCUT] = "shortcut",
        [NODE_DROPOUT] = "dropout",
        [NODE_LSTM] = "lstm",
    };
    CHECK((int)kind >= 0 && kind < NODE_KIND_COUNT);
    return names[kind];
}

bool graph_is_depthwise(const struct graph *graph, int node)
{
    const struct node *conv = &graph->nodes[node];
    return conv->kind == NODE_CONV && conv->groups > 1 &&
           conv->groups == graph->nodes[conv->inputs[0]].c;
}

struct activation graph_activation(enum activation_kind kind)
{
    return (struct activation){.kind = kind, .b = kind == ACT_CLIP ? 6.0F : 0.0F};
}

struct op graph_node_op(const struct graph *graph, int node, int n)
{
    static const enum op_kind kinds[NODE_KIND_COUNT] = {
        [NODE_INPUT] = OP_NORMALIZE,      [NODE_CONV] = OP_CONV,
        [NODE_LINEAR] = OP_CONV,          [NODE_BATCHNORM] = OP_SCALE_SHIFT,
        [NODE_ACT] = OP_SCALE_SHIFT,      [NODE_ADD] = OP_ADD,
        [NODE_CONCAT] = OP_COPY_CHANNELS, [NODE_SLICE] = OP_COPY_CHANNELS,
        [NODE_MAX_POOL] = OP_POOL_MAX,    [NODE_AVG_POOL] = OP_POOL_AVG,
        [NODE_GLOBAL_POOL] = OP_POOL_AVG, [NODE_SHORTCUT] = OP_PAD,
        [NODE_DROPOUT] = OP_DROPOUT,      [NODE_LSTM] = OP_LSTM,
    };
    CHECK(node >= 0 && node < graph->n_nodes && n > 0);
    const struct node *self = &graph->nodes[node];
    const struct node *input = self->n_inputs > 0 ? &graph->nodes[self->inputs[0]] : self;
    struct op op = {
        .kind = kinds[self->kind],
        .n = n,
        .in_h = input->h,
        .in_w = input->w,
        .in_c = input->c,
        .out_h = self->h,
        .out_w = self->w,
        .out_c = self->c,
        .in_type = self->kind == NODE_INPUT ? DTYPE_U8 : DTYPE_F32,
        .out_type = DTYPE_F32,
        .act = graph_activation(self->act),
        .kernel = {self->kernel_h, self->kernel_w},
        .stride = {self->stride, self->stride},
        .dilation = {1, 1},
        .pad = {self->pad, self->pad, self->pad, self->pad},
        .groups = self->groups,
        .bias = self->bias,
        .sum = self->sum >= 0,
        .factor = 1.0F,
        .rate = self->rate,
    };
    if (self->kind == NODE_LINEAR || self->kind == NODE_GLOBAL_POOL) {
        op.kernel[0] = input->h;
        op.kernel[1] = input->w;
    }
    if (self->kind == NODE_SHORTCUT || self->kind == NODE_CONCAT) {
        op.to = self->pad_before;
        op.count = input->c;
    }
    if (self->kind == NODE_SLICE) {
        op.from = self->from;
        op.count = self->c;
    }
    return op;
}
