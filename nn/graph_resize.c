// A graph with other channel counts.
#include "nn/graph.h"

// What node `i` of `graph` becomes, its inputs being those of `out` already.
static struct node resized_node(const struct graph *graph, int i, const int *out_c,
                                const int (*pads)[2], const struct graph *out)
{
    struct node node = graph->nodes[i];
    const int wanted = out_c != NULL ? out_c[i] : -1;
    if (graph_is_depthwise(graph, i)) {
        const int per_channel = node.c / node.groups;
        node.groups = out->nodes[node.inputs[0]].c;
        node.c = per_channel * node.groups;
    } else if (node.kind == NODE_CONV || node.kind == NODE_LINEAR || node.kind == NODE_LSTM) {
        node.c = wanted != -1 ? wanted : node.c;
    } else if (node.kind == NODE_SHORTCUT && pads != NULL) {
        node.pad_before = pads[i][0] != -1 ? pads[i][0] : node.pad_before;
        node.pad_after = pads[i][1] != -1 ? pads[i][1] : node.pad_after;
    } else if (node.kind == NODE_SLICE && pads != NULL) {
        node.from = pads[i][0] != -1 ? pads[i][0] : node.from;
        node.c = pads[i][1] != -1 ? pads[i][1] : node.c;
    }
    return node;
}

static enum status resize_nodes(const struct graph *graph, const int *out_c, const int (*pads)[2],
                                struct graph *out)
{
    for (int i = 1; i < graph->n_nodes; i++) {
        const struct node node = resized_node(graph, i, out_c, pads, out);
        int added;
        TRY(graph_add_copy(out, &node, node.inputs, &added));
        CHECK(added == i);
    }
    return graph_finish(out);
}

enum status graph_resize(const struct graph *graph, const int *out_c, const int (*pads)[2],
                         struct graph *out)
{
    const struct node *input = &graph->nodes[0];
    struct graph resized;
    TRY(graph_begin(&resized, input->h, input->w, input->c));
    const enum status status = resize_nodes(graph, out_c, pads, &resized);
    if (status != OK) {
        graph_close(&resized);
        return status;
    }
    *out = resized;
    return OK;
}
