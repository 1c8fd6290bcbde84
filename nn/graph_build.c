// Building a graph node by node. Every add checks attributes and shapes, works out the output's and
// copies the name; nothing is laid out before graph_finish.
#include "nn/node_type.h"

#include <limits.h>
#include <math.h>
#include <string.h>

static enum status check_shape(const struct node *node)
{
    const int extents[3] = {node->h, node->w, node->c};
    static const char *const names[3] = {"the output's height", "the output's width",
                                         "the number of output channels"};
    for (int i = 0; i < 3; i++) {
        if (extents[i] < 1 || extents[i] > NODE_MOST_EXTENT) {
            FAIL(ERR_INPUT, "node %s: %s is %d, expected 1 to %d", node->name, names[i], extents[i],
                 NODE_MOST_EXTENT);
        }
    }
    const int64_t pixels = (int64_t)node->h * node->w;
    if (pixels > INT_MAX || pixels * node->c > INT_MAX) {
        FAIL(ERR_INPUT, "node %s: an output of %dx%dx%d values per image is too large (most: %d)",
             node->name, node->h, node->w, node->c, INT_MAX);
    }
    return OK;
}

static enum status check_ints(const struct node *node, const struct node_attribute *attribute)
{
    const int *values = (const int *)(const void *)((const char *)node + attribute->offset);
    const int n = attribute->count > 0 ? attribute->count : 1;
    for (int i = 0; i < n; i++) {
        if (values[i] < attribute->least || values[i] > NODE_MOST_EXTENT) {
            FAIL(ERR_INPUT, "node %s: %s is %d, expected %d to %d", node->name, attribute->key,
                 values[i], attribute->least, NODE_MOST_EXTENT);
        }
    }
    return OK;
}

static enum status check_act(const struct node *node)
{
    const struct activation act = node->act;
    if ((int)act.kind < 0 || act.kind >= ACT_KIND_COUNT || !isfinite(act.a) || !isfinite(act.b)) {
        FAIL(ERR_INPUT, "node %s: an activation that is none, or numbers that are not finite",
             node->name);
    }
    if (act.kind == ACT_CLIP && !(act.a < act.b)) {
        FAIL(ERR_INPUT, "node %s: clip from %g to %g leaves nothing", node->name, (double)act.a,
             (double)act.b);
    }
    return OK;
}

static enum status check_attribute(const struct node *node, const struct node_attribute *attribute)
{
    const char *at = (const char *)node + attribute->offset;
    if (attribute->kind == ATTRIBUTE_INT) {
        return check_ints(node, attribute);
    }
    if (attribute->kind == ATTRIBUTE_ACT) {
        return check_act(node);
    }
    if (attribute->kind == ATTRIBUTE_FLOAT) {
        const float value = *(const float *)(const void *)at;
        if (!((double)value >= attribute->low && (double)value <= attribute->high)) {
            FAIL(ERR_INPUT, "node %s: %s is %g, expected %g to %g", node->name, attribute->key,
                 (double)value, attribute->low, attribute->high);
        }
    }
    return OK;
}

static enum status check_attributes(const struct node *node)
{
    const struct node_type *type = node_type_of(node->kind);
    const struct node_attribute *attribute = type->attributes;
    for (; attribute != NULL && attribute->key != NULL; attribute++) {
        TRY(check_attribute(node, attribute));
    }
    return OK;
}

static enum status make_room(struct graph *graph)
{
    if (graph->n_nodes < graph->capacity_nodes) {
        return OK;
    }
    const int capacity = graph->capacity_nodes > 0 ? 2 * graph->capacity_nodes : 64;
    struct node *nodes;
    ARENA_NEW(&graph->arena, nodes, (size_t)capacity);
    if (graph->n_nodes > 0) {
        memcpy(nodes, graph->nodes, (size_t)graph->n_nodes * sizeof *nodes);
    }
    graph->nodes = nodes;
    graph->capacity_nodes = capacity;
    return OK;
}

static enum status append(struct graph *graph, const struct node *node, int *out)
{
    TRY(check_shape(node));
    TRY(make_room(graph));
    graph->nodes[graph->n_nodes] = *node;
    *out = graph->n_nodes++;
    return OK;
}

enum status graph_begin(struct graph *graph, int h, int w, int c)
{
    struct graph empty = {0};
    struct node node = node_default(NODE_INPUT);
    node.name = "input";
    node.h = h;
    node.w = w;
    node.c = c;
    int input;
    const enum status status = append(&empty, &node, &input);
    if (status != OK) {
        graph_close(&empty);
        return status;
    }
    *graph = empty;
    return OK;
}

// Takes over the inputs, and from the first of them what is not an attribute of this kind.
static enum status read_inputs(struct graph *graph, struct node *node, const int *inputs, int n)
{
    const struct node_type *type = node_type_of(node->kind);
    if (n < type->least_inputs || n > type->most_inputs) {
        FAIL(ERR_INPUT, "node %s: %d inputs, but %s takes %d to %d", node->name, n, type->name,
             type->least_inputs, type->most_inputs);
    }
    int *copy;
    ARENA_NEW(&graph->arena, copy, (size_t)n);
    for (int i = 0; i < n; i++) {
        CHECK(inputs[i] >= 0 && inputs[i] < graph->n_nodes);
        copy[i] = inputs[i];
    }
    node->inputs = copy;
    node->n_inputs = n;
    node->h = graph->nodes[inputs[0]].h;
    node->w = graph->nodes[inputs[0]].w;
    return OK;
}

static bool says_channels(const struct node_type *type)
{
    const struct node_attribute *attribute = type->attributes;
    for (; attribute != NULL && attribute->key != NULL; attribute++) {
        if (attribute->offset == offsetof(struct node, c)) {
            return true;
        }
    }
    return false;
}

enum status graph_add(struct graph *graph, const char *name, const struct node *like,
                      const int *inputs, int n_inputs, int *out)
{
    CHECK(graph->params == NULL && graph->n_nodes > 0 && like->kind != NODE_INPUT);
    const struct node_type *type = node_type_of(like->kind);
    if (name == NULL || name[0] == '\0') {
        FAIL(ERR_INPUT, "node %d (%s) has no name", graph->n_nodes, type->name);
    }
    struct node node = *like;
    node.name = arena_copy_text(&graph->arena, name);
    if (node.name == NULL) {
        return ERR_MEMORY;
    }
    for (int i = 0; i < NODE_MAX_PARAMS; i++) {
        node.params[i] = -1;
    }
    TRY(read_inputs(graph, &node, inputs, n_inputs));
    if (!says_channels(type)) {
        node.c = graph->nodes[inputs[0]].c;
    }
    TRY(check_attributes(&node));
    TRY(type->shape(graph, &node));
    return append(graph, &node, out);
}

enum status graph_add_output(struct graph *graph, const char *name, int node)
{
    CHECK(graph->params == NULL && node >= 0 && node < graph->n_nodes);
    for (int i = 0; i < graph->n_outputs; i++) {
        if (strcmp(graph->outputs[i].name, name) == 0) {
            FAIL(ERR_INPUT, "two outputs are named %s: names must be unique", name);
        }
    }
    if (graph->n_outputs == graph->capacity_outputs) {
        const int capacity = 2 * graph->capacity_outputs + 2;
        struct graph_output *outputs;
        ARENA_NEW(&graph->arena, outputs, (size_t)capacity);
        for (int i = 0; i < graph->n_outputs; i++) {
            outputs[i] = graph->outputs[i];
        }
        graph->outputs = outputs;
        graph->capacity_outputs = capacity;
    }
    const char *copy = arena_copy_text(&graph->arena, name);
    if (copy == NULL) {
        return ERR_MEMORY;
    }
    graph->outputs[graph->n_outputs++] = (struct graph_output){copy, node};
    return OK;
}
