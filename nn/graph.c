// Reading a finished graph: names, outputs, and the op that each node stands for.
#include "nn/node_type.h"

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

int graph_output_node(const struct graph *graph)
{
    CHECK(graph->n_outputs > 0);
    return graph->outputs[0].node;
}

bool graph_is_output(const struct graph *graph, int node)
{
    for (int i = 0; i < graph->n_outputs; i++) {
        if (graph->outputs[i].node == node) {
            return true;
        }
    }
    return false;
}

bool graph_reads_channels(const struct graph *graph, int node)
{
    const int first = graph->nodes[node].params[0];
    return first >= 0 && graph->params[first].columns == COLUMNS_INPUT;
}

bool graph_is_depthwise(const struct graph *graph, int node)
{
    const struct node *conv = &graph->nodes[node];
    return conv->kind == NODE_CONV && conv->groups > 1 &&
           conv->groups == graph->nodes[conv->inputs[0]].c;
}

struct op graph_node_op(const struct graph *graph, int node, int n)
{
    CHECK(node >= 0 && node < graph->n_nodes && n > 0);
    const struct node *self = &graph->nodes[node];
    const struct node *input = self->n_inputs > 0 ? &graph->nodes[self->inputs[0]] : self;
    const struct node_type *type = node_type_of(self->kind);
    struct op op = {
        .kind = type->op,
        .n = n,
        .in_h = input->h,
        .in_w = input->w,
        .in_c = input->c,
        .out_h = self->h,
        .out_w = self->w,
        .out_c = self->c,
        .in_type = DTYPE_F32,
        .out_type = DTYPE_F32,
        .act = self->act,
        .groups = self->groups,
        .bias = self->bias,
        .sum = self->sum >= 0,
        .rate = self->rate,
        .resize = self->resize,
        .coordinates = self->coordinates,
    };
    memcpy(op.kernel, self->kernel, sizeof op.kernel);
    memcpy(op.stride, self->stride, sizeof op.stride);
    memcpy(op.dilation, self->dilation, sizeof op.dilation);
    memcpy(op.pad, self->pad, sizeof op.pad);
    if (type->fill != NULL) {
        type->fill(graph, node, &op);
    }
    return op;
}
