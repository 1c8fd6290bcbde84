// The parameters of a graph: which ones each kind of node has, where they lie in the flat block,
// and their initial values.
#include "core/rng.h"
#include "nn/node_type.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// More weights than any machine holds; keeps byte counts far from overflow.
#define MOST_FLOATS ((size_t)1 << 40)

static bool is_trainable(enum param_role role)
{
    return role != PARAM_MEAN && role != PARAM_VAR;
}

// Appends one parameter to the block.
static enum status add_param(struct graph *graph, int node, int slot,
                             const struct param_shape *shape)
{
    struct node *owner = &graph->nodes[node];
    size_t count = 1;
    for (int d = 0; d < shape->n_dims; d++) {
        const size_t dim = (size_t)shape->dims[d];
        if (dim > MOST_FLOATS / count) {
            FAIL(ERR_INPUT, "node %s: its %s is larger than 2^40 values", owner->name,
                 shape->suffix);
        }
        count *= dim;
    }
    if (count > MOST_FLOATS - graph->n_floats) {
        FAIL(ERR_INPUT, "node %s: its %s brings the network above 2^40 values", owner->name,
             shape->suffix);
    }
    struct param *param = &graph->params[graph->n_params];
    *param = (struct param){.role = shape->role,
                            .node = node,
                            .n_dims = shape->n_dims,
                            .offset = graph->n_floats,
                            .count = count,
                            .columns = shape->columns,
                            .repeats = shape->repeats > 0 ? shape->repeats : 1};
    memcpy(param->dims, shape->dims, sizeof param->dims);
    param->name = arena_format(&graph->arena, "%s.%s", owner->name, shape->suffix);
    if (param->name == NULL) {
        return ERR_MEMORY;
    }
    owner->params[slot] = graph->n_params++;
    graph->n_floats += count;
    return OK;
}

// Appends the trainable parameters of all nodes, or the running statistics.
static enum status add_params(struct graph *graph, bool trainable)
{
    for (int i = 0; i < graph->n_nodes; i++) {
        struct param_shape shapes[NODE_MAX_PARAMS];
        const struct node_type *type = node_type_of(graph->nodes[i].kind);
        const int n = type->params != NULL ? type->params(graph, &graph->nodes[i], shapes) : 0;
        for (int p = 0; p < n; p++) {
            if (is_trainable(shapes[p].role) == trainable) {
                TRY(add_param(graph, i, p, &shapes[p]));
            }
        }
    }
    return OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status check_unique_names(struct graph *graph)
{
    const size_t n = (size_t)graph->n_nodes;
    const char **names;
    ARENA_NEW(&graph->arena, names, n);
    for (size_t i = 0; i < n; i++) {
        names[i] = graph->nodes[i].name;
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            FAIL(ERR_INPUT, "two nodes are named %s: names must be unique", names[i]);
        }
    }
    return OK;
}

enum status graph_finish(struct graph *graph)
{
    CHECK(graph->n_nodes > 0 && graph->params == NULL);
    if (graph->n_outputs == 0) {
        TRY(graph_add_output(graph, "output", graph->n_nodes - 1));
    }
    TRY(check_unique_names(graph));
    graph->capacity_params = NODE_MAX_PARAMS * graph->n_nodes;
    ARENA_NEW(&graph->arena, graph->params, (size_t)graph->capacity_params);
    TRY(add_params(graph, true));
    graph->n_trainable = graph->n_floats;
    return add_params(graph, false);
}

static void fill(float *values, size_t n, float value)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = value;
    }
}

void graph_init_params(const struct graph *graph, uint64_t seed, float *params)
{
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        const struct node_type *type = node_type_of(graph->nodes[param->node].kind);
        float *values = params + param->offset;
        struct rng rng = rng_make(seed, RNG_INIT, (uint64_t)p, 0);
        if (type->init != NULL) {
            type->init(graph, param, &rng, values);
        } else {
            const bool one = param->role == PARAM_GAMMA || param->role == PARAM_VAR;
            fill(values, param->count, one ? 1.0F : 0.0F);
        }
    }
}
