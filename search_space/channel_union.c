// Builds the channel lists of every tensor in topological order and unites what sums add together.
// Working on single channels, not on ranges, makes sums of lists with different offsets need no
// special case.
#include "search_space/channel_union.h"

#include "nn/node_type.h"

#include <string.h>

bool channel_is_produced(const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    struct channel_piece piece = {.input = 0};
    if (n->n_inputs <= 1) { // what joins several lists makes none of its own
        struct channel_piece pieces[3];
        node_type_of(n->kind)->pieces(graph, n, pieces);
        piece = pieces[0];
    }
    return piece.input == PIECE_NEW;
}

int channel_find(const struct channel_union *channels, int channel)
{
    int *parent = channels->parent;
    while (parent[channel] != channel) {
        parent[channel] = parent[parent[channel]]; // path halving
        channel = parent[channel];
    }
    return channel;
}

static void unite(const struct channel_union *channels, int a, int b)
{
    a = channel_find(channels, a);
    b = channel_find(channels, b);
    // The earlier channel represents: its producer comes first in node order.
    if (a < b) {
        channels->parent[b] = a;
    } else {
        channels->parent[a] = b;
    }
}

// Numbers `count` new channels of `node`, appended to `list`. An empty run is left out.
static void add_run(struct channel_union *channels, int node, int count, bool zeros, int *list)
{
    if (count == 0) {
        return;
    }
    channels->runs[channels->n_runs++] = (struct channel_run){
        .node = node, .first = channels->n_channels, .count = count, .zeros = zeros};
    for (int i = 0; i < count; i++) {
        list[i] = channels->n_channels + i;
    }
    channels->n_channels += count;
}

static enum status fill_list(struct channel_union *channels, const struct graph *graph, int node,
                             struct arena *arena, int *list)
{
    const struct node *n = &graph->nodes[node];
    struct channel_piece *pieces;
    ARENA_NEW(arena, pieces, (size_t)NODE_MOST_PIECES(n));
    const int count = node_type_of(n->kind)->pieces(graph, n, pieces);
    for (int p = 0; p < count; p++) {
        const struct channel_piece *piece = &pieces[p];
        if (piece->input < 0) {
            add_run(channels, node, piece->count, piece->input == PIECE_ZEROS, list);
        } else {
            const int *from = channels->outputs[n->inputs[piece->input]] + piece->from;
            memcpy(list, from, (size_t)piece->count * sizeof *list);
        }
        list += piece->count;
    }
    return OK;
}

// Channel k of all inputs is one where a node joins them.
static void unite_inputs(const struct channel_union *channels, const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    for (int i = 1; i < n->n_inputs && node_type_of(n->kind)->joins; i++) {
        for (int k = 0; k < n->c; k++) {
            unite(channels, channels->outputs[n->inputs[0]][k], channels->outputs[n->inputs[i]][k]);
        }
    }
}

enum status channel_union_build(const struct graph *graph, struct arena *arena,
                                struct channel_union *out)
{
    struct channel_union channels = {0};
    ARENA_NEW(arena, channels.runs, 2 * (size_t)graph->n_nodes);
    ARENA_NEW(arena, channels.outputs, (size_t)graph->n_nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        CHECK(node->sum < 0); // a folded graph has no groups
        int *list;
        ARENA_NEW(arena, list, (size_t)node->c);
        TRY(fill_list(&channels, graph, i, arena, list));
        channels.outputs[i] = list;
    }
    ARENA_NEW(arena, channels.parent, (size_t)channels.n_channels);
    for (int i = 0; i < channels.n_channels; i++) {
        channels.parent[i] = i;
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        unite_inputs(&channels, graph, i);
    }
    *out = channels;
    return OK;
}
