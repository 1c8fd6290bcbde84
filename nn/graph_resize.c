// A graph with other channel counts.
#include "nn/node_type.h"

// What node `i` of `graph` becomes, its inputs being those of `out` already.
static struct node resized_node(const struct graph *graph, int i,
                                const struct channel_piece *pieces, const struct graph *out)
{
    struct node node = graph->nodes[i];
    const struct node_type *type = node_type_of(node.kind);
    if (pieces != NULL && type->resize != NULL) {
        type->resize(&node, pieces);
    } else if (graph_is_depthwise(graph, i)) { // one filter per channel of its input, however many
        const int per_channel = node.c / node.groups;
        node.groups = out->nodes[node.inputs[0]].c;
        node.c = per_channel * node.groups;
    }
    return node;
}

static enum status resize_nodes(const struct graph *graph,
                                const struct channel_piece *const *pieces, struct graph *out)
{
    for (int i = 1; i < graph->n_nodes; i++) {
        const struct node node = resized_node(graph, i, pieces != NULL ? pieces[i] : NULL, out);
        int added;
        TRY(graph_add(out, node.name, &node, node.inputs, node.n_inputs, &added));
        CHECK(added == i);
    }
    for (int i = 0; i < graph->n_outputs; i++) {
        TRY(graph_add_output(out, graph->outputs[i].name, graph->outputs[i].node));
    }
    return graph_finish(out);
}

enum status graph_resize(const struct graph *graph, const struct channel_piece *const *pieces,
                         struct graph *out)
{
    const struct node *input = &graph->nodes[0];
    struct graph resized;
    TRY(graph_begin(&resized, input->h, input->w, input->c));
    const enum status status = resize_nodes(graph, pieces, &resized);
    if (status != OK) {
        graph_close(&resized);
        return status;
    }
    *out = resized;
    return OK;
}
