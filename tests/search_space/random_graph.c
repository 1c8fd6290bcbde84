// Random networks: starting from the input, each step adds a node that fits some node already
// there. Sums and concatenations, also behind padded shortcuts, come often, because they are what
// makes groups hard.
#include "random_graph.h"

#include <stdio.h>

enum { MOST_CHANNELS = 40, CLASSES = 5 };

struct builder {
    struct graph *graph;
    struct rng *rng;
    struct random_tally *tally;
    int serial; // for names
};

static int below(struct builder *b, int limit)
{
    return (int)rng_below(b->rng, (uint32_t)limit);
}

static const char *name_next(struct builder *b, char *name, size_t bytes)
{
    snprintf(name, bytes, "n%d", b->serial++);
    return name;
}

// A random node, rather a late one: networks should be deep.
static int pick(struct builder *b)
{
    const int n = b->graph->n_nodes;
    const int recent = n < 6 ? n : 6;
    return below(b, 3) > 0 ? n - 1 - below(b, recent) : below(b, n);
}

static enum status add_conv(struct builder *b, int input, int out_c, int groups)
{
    char name[16];
    const struct node *from = &b->graph->nodes[input];
    const bool row = groups == 1 && from->w > 1 && below(b, 8) == 0; // leaves one column
    const int kernel = from->h >= 3 && from->w >= 3 && below(b, 2) == 0 ? 3 : 1;
    const struct conv_attributes attributes = {.out_c = out_c,
                                               .kernel_h = row ? 1 : kernel,
                                               .kernel_w = row ? from->w : kernel,
                                               .stride = row || below(b, 3) > 0 ? 1 : 2,
                                               .pad = row || kernel == 1 ? 0 : 1,
                                               .groups = groups,
                                               .bias = below(b, 2) == 0};
    int node;
    TRY(graph_add_conv(b->graph, name_next(b, name, sizeof name), input, &attributes, &node));
    b->tally->grouped += groups > 1 && !graph_is_depthwise(b->graph, node);
    b->tally->depthwise += graph_is_depthwise(b->graph, node);
    return OK;
}

static enum status add_any_conv(struct builder *b, int input)
{
    static const int widths[] = {2, 4, 5, 6, 8, 12, 16};
    const int in_c = b->graph->nodes[input].c;
    const int choice = below(b, 6);
    if (choice == 0 && in_c > 1) {
        return add_conv(b, input, below(b, 8) > 0 ? in_c : 2 * in_c, GRAPH_DEPTHWISE);
    }
    const int groups = 2 + 2 * below(b, 2);
    if (choice <= 2 && in_c % groups == 0) {
        return add_conv(b, input, groups * (1 + below(b, 4)), groups);
    }
    return add_conv(b, input, widths[below(b, 7)], 1);
}

// Brings `a` to the shape of `other` by a padded shortcut, if it is narrower.
static enum status widen(struct builder *b, int a, int other, int *out)
{
    char name[16];
    const int room = b->graph->nodes[other].c - b->graph->nodes[a].c;
    const int before = below(b, room + 1);
    return graph_add_shortcut(b->graph, name_next(b, name, sizeof name), a, 1, before,
                              room - before, out);
}

// A sum or a concatenation with some node of fitting size; with none, a convolution instead.
static enum status add_pair(struct builder *b, int a, bool sum)
{
    char name[16];
    const struct graph *graph = b->graph;
    const int start = below(b, graph->n_nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        int other = (start + i) % graph->n_nodes, node;
        const struct node *x = &graph->nodes[a], *y = &graph->nodes[other];
        if (x->h != y->h || x->w != y->w || (sum ? other == a : x->c + y->c > MOST_CHANNELS)) {
            continue;
        }
        if (!sum) {
            return graph_add_concat(b->graph, name_next(b, name, sizeof name), a, other, &node);
        }
        if (x->c < y->c) {
            TRY(widen(b, a, other, &a));
        } else if (x->c > y->c) {
            TRY(widen(b, other, a, &other));
        }
        return graph_add_add(b->graph, name_next(b, name, sizeof name), a, other, &node);
    }
    return add_any_conv(b, a);
}

static enum status add_window(struct builder *b, int input)
{
    char name[16];
    int node;
    const struct node *from = &b->graph->nodes[input];
    if (from->h < 3 || from->w < 3) {
        return graph_add_dropout(b->graph, name_next(b, name, sizeof name), input, 0.3F, &node);
    }
    const enum node_kind kind = below(b, 2) == 0 ? NODE_MAX_POOL : NODE_AVG_POOL;
    const int kernel = 2 + below(b, 2);
    return graph_add_pool(b->graph, name_next(b, name, sizeof name), input, kind, kernel,
                          1 + below(b, 2), kernel == 3 ? 1 : 0, &node);
}

static enum status add_small(struct builder *b, int input)
{
    char name[16];
    int node;
    name_next(b, name, sizeof name);
    const int c = b->graph->nodes[input].c;
    switch (below(b, 5)) {
    case 0:
        return graph_add_act(b->graph, name, input,
                             below(b, 2) == 0 ? ACTIVATION_RELU : ACTIVATION_RELU6, &node);
    case 1:
        return graph_add_dropout(b->graph, name, input, 0.5F, &node);
    case 2:
        return graph_add_shortcut(b->graph, name, input, 1 + below(b, 2), below(b, 4), below(b, 4),
                                  &node);
    case 3: {
        const int from = below(b, c);
        return graph_add_slice(b->graph, name, input, from, 1 + below(b, c - from), &node);
    }
    default:
        return graph_add_batchnorm(b->graph, name, input, &node);
    }
}

static enum status add_head(struct builder *b, int input)
{
    char name[16];
    int node;
    name_next(b, name, sizeof name);
    if (b->graph->nodes[input].w == 1 && below(b, 2) == 0) {
        return graph_add_lstm(b->graph, name, input, 2 + below(b, 6), &node);
    }
    return below(b, 2) == 0 ? graph_add_linear(b->graph, name, input, 4 + below(b, 8), true, &node)
                            : graph_add_global_pool(b->graph, name, input, &node);
}

static enum status build(struct builder *b)
{
    TRY(graph_begin(b->graph, 8, 8, 3));
    TRY(add_conv(b, 0, 4 + below(b, 9), 1));
    const int steps = 8 + below(b, 16);
    for (int i = 0; i < steps; i++) {
        const int choice = below(b, 16), input = pick(b);
        if (choice < 5) {
            TRY(add_any_conv(b, input));
        } else if (choice < 8) {
            TRY(add_pair(b, input, true));
        } else if (choice < 10) {
            TRY(add_pair(b, input, false));
        } else if (choice < 14) {
            TRY(add_small(b, input));
        } else if (choice < 15) {
            TRY(add_window(b, input));
        } else {
            TRY(add_head(b, input));
        }
    }
    char name[16];
    int last = b->graph->n_nodes - 1;
    if (below(b, 2) == 0) {
        TRY(graph_add_global_pool(b->graph, name_next(b, name, sizeof name), last, &last));
    }
    TRY(graph_add_linear(b->graph, name_next(b, name, sizeof name), last, CLASSES, true, &last));
    return graph_finish(b->graph);
}

void random_graph_build(struct rng *rng, struct graph *out, struct random_tally *tally)
{
    struct builder builder = {.graph = out, .rng = rng, .tally = tally};
    CHECK(build(&builder) == OK);
    for (int i = 0; i < out->n_nodes; i++) {
        tally->kinds[out->nodes[i].kind]++;
    }
}

void random_graph_params(const struct graph *graph, struct rng *rng, float *params)
{
    graph_init_params(graph, rng_u32(rng), params);
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        float *values = params + param->offset;
        for (size_t i = 0; param->role != PARAM_WEIGHT && i < param->count; i++) {
            const bool positive = param->role == PARAM_VAR || param->role == PARAM_GAMMA;
            values[i] = positive ? 0.5F + rng_uniform(rng) : 0.3F * rng_normal(rng);
        }
    }
}

struct keep random_keep(const struct groups *groups, struct rng *rng, struct arena *arena)
{
    int **keep = arena_alloc(arena, (size_t)groups->n, sizeof *keep);
    int *kept = arena_alloc(arena, (size_t)groups->n, sizeof *kept);
    CHECK(keep != NULL && kept != NULL);
    for (int g = 0; g < groups->n; g++) {
        const int parts = groups->groups[g].equal_parts;
        const int size = groups->groups[g].channels / parts;
        const int quota = 1 + (int)rng_below(rng, (uint32_t)size);
        keep[g] = arena_alloc(arena, (size_t)quota * (size_t)parts, sizeof *keep[g]);
        CHECK(keep[g] != NULL);
        for (int p = 0; p < parts; p++) {
            int wanted = quota;
            for (int i = 0; i < size; i++) {
                if (rng_below(rng, (uint32_t)(size - i)) < (uint32_t)wanted) {
                    keep[g][kept[g]++] = p * size + i;
                    wanted--;
                }
            }
        }
    }
    return (struct keep){.keep = keep, .kept = kept};
}
