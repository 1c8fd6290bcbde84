// A network that another tool has cut: as many channels of each layer as its tensors have.
#include "nn/network_tensors.h"
#include "nn/node_type.h"

struct resizing {
    const struct network_tensors *tensors;
    const struct graph *graph;
    int *channels; // [n_nodes] of each node's output; 0 not known yet
    struct arena arena;
};

// What the first parameter's tensor says; 0 where the node has none.
static int tensor_channels(const struct resizing *r, int node)
{
    const int first = r->graph->nodes[node].params[0];
    if (first < 0) {
        return 0;
    }
    const struct param *param = &r->graph->params[first];
    const struct safetensor *tensor = network_tensors_find(r->tensors, param->name);
    if (tensor == NULL || tensor->n_dims != param->n_dims || tensor->dims[0] < param->repeats ||
        tensor->dims[0] > NODE_MOST_EXTENT) {
        return 0;
    }
    return (int)tensor->dims[0] / param->repeats;
}

// The channels of what a PAD is added to.
static int sibling_channels(const struct resizing *r, int node)
{
    for (int i = node + 1; i < r->graph->n_nodes; i++) {
        const struct node *reader = &r->graph->nodes[i];
        for (int k = 0; k < reader->n_inputs && node_type_of(reader->kind)->joins; k++) {
            if (reader->inputs[k] == node) {
                return r->channels[reader->inputs[k == 0 ? 1 : 0]];
            }
        }
    }
    return 0;
}

static int sum_of_inputs(const struct resizing *r, const struct node *node, int n_pieces)
{
    int sum = 0;
    for (int k = 0; k < n_pieces; k++) {
        sum += r->channels[node->inputs[k]];
    }
    return sum;
}

// Fills channels, in two passes: what a PAD is added to may come after it.
static enum status count_channels(struct resizing *r)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 1; i < r->graph->n_nodes; i++) {
            const struct node *node = &r->graph->nodes[i];
            struct channel_piece *pieces;
            ARENA_NEW(&r->arena, pieces, (size_t)NODE_MOST_PIECES(node));
            const int n = node_type_of(node->kind)->pieces(r->graph, node, pieces);
            const int said = tensor_channels(r, i);
            if (said > 0) {
                r->channels[i] = said;
            } else if (node_type_of(node->kind)->cuts) {
                r->channels[i] = node->c;
            } else if (node->kind == NODE_PAD) {
                const int sibling = sibling_channels(r, i);
                r->channels[i] = sibling > 0 ? sibling : r->channels[node->inputs[0]];
            } else {
                r->channels[i] = sum_of_inputs(r, node, n);
            }
        }
    }
    return OK;
}

// Zero channels before and after, as unevenly as they were.
static void share_zeros(struct channel_piece *pieces, int zeros)
{
    const int before = pieces[0].count, after = pieces[2].count;
    const int shared = zeros > 0 ? zeros : 0;
    pieces[0].count = before + after > 0 ? (int)((int64_t)shared * before / (before + after)) : 0;
    pieces[2].count = shared - pieces[0].count;
}

static enum status choose_pieces(struct resizing *r, const struct channel_piece **all)
{
    for (int i = 1; i < r->graph->n_nodes; i++) {
        const struct node *node = &r->graph->nodes[i];
        struct channel_piece *pieces;
        ARENA_NEW(&r->arena, pieces, (size_t)NODE_MOST_PIECES(node));
        const struct node_type *type = node_type_of(node->kind);
        if (type->resize == NULL || type->cuts) { // a cut graph of the zoo has nothing that slices
            continue;
        }
        type->pieces(r->graph, node, pieces);
        if (node->kind == NODE_PAD) {
            share_zeros(pieces, r->channels[i] - r->channels[node->inputs[0]]);
        } else {
            pieces[0].count = r->channels[i];
        }
        all[i] = pieces;
    }
    return OK;
}

static enum status resize(struct resizing *r, bool *cut, struct graph *out)
{
    const struct graph *graph = r->graph;
    const struct channel_piece **pieces;
    ARENA_NEW(&r->arena, r->channels, (size_t)graph->n_nodes);
    ARENA_NEW(&r->arena, pieces, (size_t)graph->n_nodes);
    r->channels[0] = graph->nodes[0].c;
    TRY(count_channels(r));
    bool same = true;
    for (int i = 0; i < graph->n_nodes; i++) {
        same = same && r->channels[i] == graph->nodes[i].c;
    }
    const int output = graph_output_node(graph);
    if (same || r->channels[output] != graph->nodes[output].c) {
        return OK; // nothing cut, or other classes
    }
    TRY(choose_pieces(r, pieces));
    // Shapes that no cut explains are for network_tensors_match to name.
    *cut = graph_resize(graph, pieces, out) == OK;
    return OK;
}

enum status network_tensors_resize(const struct network_tensors *tensors, const struct graph *graph,
                                   bool *cut, struct graph *out)
{
    struct resizing r = {.tensors = tensors, .graph = graph};
    *cut = false;
    const enum status status = resize(&r, cut, out);
    arena_close(&r.arena);
    return status;
}
