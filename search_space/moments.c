#include "search_space/moments.h"

static void guess_node(const struct graph *graph, const float *params, int node,
                       const struct moments *all, struct moments *out)
{
    const struct node *n = &graph->nodes[node];
    const struct node_type *type = node_type_of(n->kind);
    for (int c = 0; c < n->c; c++) {
        out->mean[c] = 0;
        out->variance[c] = 1;
    }
    if (type->moments != NULL) {
        type->moments(graph, params, node, all, out);
    }
}

enum status moments_guess(const struct graph *graph, const float *params, struct arena *arena,
                          struct moments **out)
{
    struct moments *all;
    ARENA_NEW(arena, all, (size_t)graph->n_nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        ARENA_NEW(arena, all[i].mean, (size_t)graph->nodes[i].c);
        ARENA_NEW(arena, all[i].variance, (size_t)graph->nodes[i].c);
        guess_node(graph, params, i, all, &all[i]);
    }
    *out = all;
    return OK;
}
