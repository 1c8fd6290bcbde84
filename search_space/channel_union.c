// Builds the channel lists of every tensor in topological order and unites what sums add together.
// Working on single channels, not on ranges, makes sums of lists with different offsets need no
// special case.
#include "search_space/channel_union.h"

bool channel_is_depthwise(const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    return graph_is_depthwise(graph, node) && n->groups == n->c;
}

bool channel_is_produced(const struct graph *graph, int node)
{
    switch (graph->nodes[node].kind) {
    case NODE_INPUT:
    case NODE_LINEAR:
    case NODE_LSTM:
        return true;
    case NODE_CONV:
        return !channel_is_depthwise(graph, node);
    default:
        return false;
    }
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
static void add_run(struct channel_union *channels, int node, int count, int *list)
{
    if (count == 0) {
        return;
    }
    channels->runs[channels->n_runs++] =
        (struct channel_run){.node = node, .first = channels->n_channels, .count = count};
    for (int i = 0; i < count; i++) {
        list[i] = channels->n_channels + i;
    }
    channels->n_channels += count;
}

// The list of a tensor that has the channels of `node` from number `from` on, `count` of them.
static void copy_part(const struct channel_union *channels, int node, int from, int count,
                      int *list)
{
    for (int i = 0; i < count; i++) {
        list[i] = channels->outputs[node][from + i];
    }
}

static void copy_list(const struct channel_union *channels, const struct graph *graph, int node,
                      int *list)
{
    copy_part(channels, node, 0, graph->nodes[node].c, list);
}

static void fill_list(struct channel_union *channels, const struct graph *graph, int node,
                      int *list)
{
    const struct node *n = &graph->nodes[node];
    if (channel_is_produced(graph, node)) {
        add_run(channels, node, n->c, list);
        return;
    }
    const int from = n->inputs[0], from_c = graph->nodes[from].c;
    switch (n->kind) {
    case NODE_SHORTCUT:
        add_run(channels, node, n->pad_before, list);
        copy_list(channels, graph, from, list + n->pad_before);
        add_run(channels, node, n->pad_after, list + n->pad_before + from_c);
        break;
    case NODE_CONCAT:
        copy_list(channels, graph, from, list);
        copy_list(channels, graph, n->inputs[1], list + from_c);
        break;
    case NODE_SLICE:
        copy_part(channels, from, n->from, n->c, list);
        break;
    case NODE_BATCHNORM:
    case NODE_ACT:
    case NODE_ADD: // united once all channels are numbered; either list stands for both
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
    case NODE_DROPOUT:
    case NODE_CONV: // depthwise
        copy_list(channels, graph, from, list);
        break;
    default:
        CHECK(!"a node kind that groups do not know");
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
        CHECK(node->kind != NODE_CONV || node->sum < 0); // a folded graph has no groups
        int *list;
        ARENA_NEW(arena, list, (size_t)node->c);
        fill_list(&channels, graph, i, list);
        channels.outputs[i] = list;
    }
    ARENA_NEW(arena, channels.parent, (size_t)channels.n_channels);
    for (int i = 0; i < channels.n_channels; i++) {
        channels.parent[i] = i;
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        for (int k = 0; node->kind == NODE_ADD && k < node->c; k++) {
            unite(&channels, channels.outputs[node->inputs[0]][k],
                  channels.outputs[node->inputs[1]][k]);
        }
    }
    *out = channels;
    return OK;
}
