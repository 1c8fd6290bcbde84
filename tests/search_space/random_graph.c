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

// Zeros around a map, at most `most` on a side, each side its own.
static void random_pads(struct builder *b, int most, int pad[4])
{
    const bool even = below(b, 2) == 0;
    pad[0] = below(b, most + 1);
    for (int side = 1; side < 4; side++) {
        pad[side] = even ? pad[0] : below(b, most + 1);
    }
}

static enum status add_conv(struct builder *b, int input, int out_c, int groups)
{
    char name[16];
    const struct node *from = &b->graph->nodes[input];
    const bool row = groups == 1 && from->w > 1 && below(b, 8) == 0; // leaves one column
    const bool wide = !row && from->h >= 3 && from->w >= 3 && below(b, 2) == 0;
    struct node node = node_default(NODE_CONV);
    node.c = out_c;
    node.groups = groups == GRAPH_DEPTHWISE ? from->c : groups;
    node.bias = below(b, 2) == 0;
    node.kernel[0] = wide ? 3 : 1;
    node.kernel[1] = row ? from->w : node.kernel[0];
    for (int axis = 0; axis < 2 && !row; axis++) {
        node.stride[axis] = below(b, 3) > 0 ? 1 : 2;
    }
    if (wide) {
        const bool dilated = from->h >= 5 && from->w >= 5 && below(b, 4) == 0;
        node.dilation[0] = node.dilation[1] = dilated ? 2 : 1;
        random_pads(b, 2, node.pad);
    }
    int added;
    TRY(graph_add(b->graph, name_next(b, name, sizeof name), &node, &input, 1, &added));
    b->tally->grouped += groups > 1 && !graph_is_depthwise(b->graph, added);
    b->tally->depthwise += graph_is_depthwise(b->graph, added);
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
        const struct node add = node_default(NODE_ADD);
        const int inputs[3] = {a, other, a};
        return graph_add(b->graph, name_next(b, name, sizeof name), &add, inputs, 2 + below(b, 2),
                         &node);
    }
    return add_any_conv(b, a);
}

static enum status add_window(struct builder *b, int input)
{
    char name[16];
    int added;
    const struct node *from = &b->graph->nodes[input];
    if (from->h < 3 || from->w < 3) {
        return graph_add_dropout(b->graph, name_next(b, name, sizeof name), input, 0.3F, &added);
    }
    struct node node = node_default(below(b, 2) == 0 ? NODE_MAX_POOL : NODE_AVG_POOL);
    for (int axis = 0; axis < 2; axis++) {
        node.kernel[axis] = 2 + below(b, 2);
        node.stride[axis] = 1 + below(b, 2);
    }
    random_pads(b, 1, node.pad);
    node.ceil_mode = below(b, 2) == 0;
    node.count_pad = below(b, 2) == 0;
    return graph_add(b->graph, name_next(b, name, sizeof name), &node, &input, 1, &added);
}

static struct activation random_act(struct builder *b)
{
    const struct activation acts[] = {
        ACTIVATION_RELU,
        ACTIVATION_RELU6,
        {.kind = ACT_CLIP, .a = -0.5F, .b = 2.0F},
        {.kind = ACT_LEAKY, .a = 0.1F},
        {.kind = ACT_SIGMOID},
        {.kind = ACT_HARD_SIGMOID, .a = 1.0F / 6.0F, .b = 0.5F},
        {.kind = ACT_HARD_SWISH},
        {.kind = ACT_SILU},
    };
    return acts[below(b, sizeof acts / sizeof acts[0])];
}

// Squeeze-and-excitation: a gate per channel from the mean over the map.
static enum status add_gate(struct builder *b, int input)
{
    char name[16];
    const struct conv_attributes square = {
        .out_c = b->graph->nodes[input].c, .kernel_h = 1, .kernel_w = 1, .stride = 1, .bias = true};
    int gate;
    TRY(graph_add_global_pool(b->graph, name_next(b, name, sizeof name), input, &gate));
    TRY(graph_add_conv(b->graph, name_next(b, name, sizeof name), gate, &square, &gate));
    TRY(graph_add_act(b->graph, name_next(b, name, sizeof name), gate,
                      (struct activation){.kind = ACT_SIGMOID}, &gate));
    const struct node product = node_default(NODE_MULTIPLY);
    return graph_add(b->graph, name_next(b, name, sizeof name), &product, (int[2]){input, gate}, 2,
                     &gate);
}

static enum status add_resize(struct builder *b, int input)
{
    char name[16];
    int added;
    struct node node = node_default(NODE_RESIZE);
    const struct node *from = &b->graph->nodes[input];
    node.size[0] = 1 + below(b, from->h < 6 ? 2 * from->h : from->h);
    node.size[1] = 1 + below(b, from->w < 6 ? 2 * from->w : from->w);
    node.resize = (enum resize_mode)below(b, 4);
    node.coordinates = (enum resize_coordinates)below(b, 4);
    return graph_add(b->graph, name_next(b, name, sizeof name), &node, &input, 1, &added);
}

static enum status add_pad(struct builder *b, int input)
{
    char name[16];
    int added;
    struct node node = node_default(NODE_PAD);
    const struct node *from = &b->graph->nodes[input];
    for (int axis = 0; axis < 2; axis++) {
        node.stride[axis] = 1 + below(b, 2);
        node.pad_channels[axis] = below(b, 4);
    }
    random_pads(b, 1, node.pad);
    if (from->h > 2 && from->w > 2 && below(b, 2) == 0) {
        node.pad[0] = -1; // cut off
    }
    return graph_add(b->graph, name_next(b, name, sizeof name), &node, &input, 1, &added);
}

// SHUFFLE and SOFTMAX hold their channels fast, so they are rare.
static enum status add_rare(struct builder *b, int input)
{
    char name[16];
    int added;
    struct node node = node_default(below(b, 2) == 0 ? NODE_SHUFFLE : NODE_SOFTMAX);
    const int c = b->graph->nodes[input].c;
    node.groups = node.kind == NODE_SOFTMAX ? 1 : c % 3 == 0 ? 3 : c % 2 == 0 ? 2 : 1;
    return graph_add(b->graph, name_next(b, name, sizeof name), &node, &input, 1, &added);
}

static enum status add_small(struct builder *b, int input)
{
    char name[16];
    int node;
    const int c = b->graph->nodes[input].c, choice = below(b, 22);
    if (choice < 5) {
        return graph_add_act(b->graph, name_next(b, name, sizeof name), input, random_act(b),
                             &node);
    }
    if (choice < 7) {
        return graph_add_dropout(b->graph, name_next(b, name, sizeof name), input, 0.5F, &node);
    }
    if (choice < 10) {
        return add_pad(b, input);
    }
    if (choice < 13) {
        const int from = below(b, c);
        return graph_add_slice(b->graph, name_next(b, name, sizeof name), input, from,
                               1 + below(b, c - from), &node);
    }
    if (choice < 15) {
        return add_gate(b, input);
    }
    if (choice < 18) {
        return below(b, 3) == 0 ? add_resize(b, input) : add_rare(b, input);
    }
    struct node norm = node_default(NODE_BATCHNORM);
    norm.epsilon = below(b, 2) == 0 ? NODE_EPSILON : 1e-3F;
    return graph_add(b->graph, name_next(b, name, sizeof name), &norm, &input, 1, &node);
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
    if (below(b, 4) == 0) {
        TRY(graph_add_output(b->graph, "classes", last));
        TRY(graph_add_output(b->graph, "middle", pick(b)));
    }
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
