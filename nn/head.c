#include "nn/head.h"

#include "nn/node_type.h"

#include <stdlib.h>
#include <string.h>

// What may stand between the head and the output: channel k is still class k.
static bool keeps_classes(const struct node *node)
{
    switch (node->kind) {
    case NODE_ACT:
    case NODE_DROPOUT:
    case NODE_SOFTMAX:
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
        return true;
    default:
        return false;
    }
}

static enum status find_head(const struct graph *graph, int *out)
{
    int node = graph_output_node(graph);
    while (keeps_classes(&graph->nodes[node])) {
        node = graph->nodes[node].inputs[0];
    }
    const struct node *head = &graph->nodes[node];
    const bool dense = head->kind == NODE_LINEAR || (head->kind == NODE_CONV && head->groups == 1);
    if (!dense) {
        FAIL(ERR_UNSUPPORTED,
             "its classes come from node \"%s\", a %s, where a dense layer (linear, or a "
             "convolution of one group) can get other ones",
             head->name, node_kind_name(head->kind));
    }
    *out = node;
    return OK;
}

static enum status resize_head(const struct graph *graph, int head, int classes, struct graph *out)
{
    const struct channel_piece piece = {.input = PIECE_NEW, .count = classes};
    struct arena arena = {0};
    const struct channel_piece **pieces =
        arena_alloc(&arena, (size_t)graph->n_nodes, sizeof *pieces);
    enum status code = pieces != NULL ? OK : ERR_MEMORY;
    if (code == OK) {
        pieces[head] = &piece;
        code = graph_resize(graph, pieces, out);
    }
    arena_close(&arena);
    return code == OK || code == ERR_MEMORY
               ? code
               : status_context(ERR_UNSUPPORTED, "with a new head \"%s\"", graph->nodes[head].name);
}

// Every value but those of the head, whose place in the block may be another.
static enum status take_values(const struct network *from, int head, const struct graph *graph,
                               float *params)
{
    for (int i = 0; i < graph->n_params; i++) {
        const struct param *param = &graph->params[i], *same = &from->graph.params[i];
        if (param->node == head) {
            continue;
        }
        if (param->count != same->count) {
            FAIL(ERR_UNSUPPORTED, "\"%s\" has weights over the classes of the head \"%s\"",
                 param->name, graph->nodes[head].name);
        }
        memcpy(params + param->offset, from->params + same->offset, param->count * sizeof *params);
    }
    return OK;
}

static enum status make_params(const struct network *from, int head, const struct graph *graph,
                               uint64_t seed, float **out)
{
    float *params = calloc(graph->n_floats, sizeof *params);
    if (params == NULL) {
        FAIL(ERR_MEMORY, "no memory for the %zu weights of a network", graph->n_floats);
    }
    graph_init_params(graph, seed, params);
    const enum status code = take_values(from, head, graph, params);
    if (code != OK) {
        free(params);
        return code;
    }
    *out = params;
    return OK;
}

enum status network_set_classes(struct network *network, int classes, uint64_t seed)
{
    struct graph graph;
    int head;
    CHECK(classes >= 1);
    TRY(find_head(&network->graph, &head));
    TRY(resize_head(&network->graph, head, classes, &graph));
    float *params;
    const enum status code = make_params(network, head, &graph, seed, &params);
    if (code != OK) {
        graph_close(&graph);
        return code;
    }
    graph_close(&network->graph);
    free(network->params);
    network->graph = graph;
    network->params = params;
    network->info.classes = classes;
    return OK;
}
