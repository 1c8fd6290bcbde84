// The parameters of a graph: which ones each kind of node has, where they lie in the flat block,
// and their initial values.
#include "core/rng.h"
#include "nn/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// More weights than any machine holds; keeps byte counts far from overflow.
#define MOST_FLOATS ((size_t)1 << 40)

struct param_shape {
    const char *suffix; // of the name, behind the node's
    enum param_role role;
    int n_dims, dims[4];
};

// The parameters of a node in the order of its kind's list; returns their number.
static int node_param_shapes(const struct graph *graph, const struct node *node,
                             struct param_shape *shapes)
{
    if (node->n_inputs == 0) {
        return 0;
    }
    const struct node *input = &graph->nodes[node->inputs[0]];
    const int c = node->c;
    int n = 0;
    if (node->kind == NODE_CONV) {
        shapes[n++] =
            (struct param_shape){"weight",
                                 PARAM_WEIGHT,
                                 4,
                                 {c, input->c / node->groups, node->kernel_h, node->kernel_w}};
    } else if (node->kind == NODE_LINEAR) {
        const int in = input->c * input->h * input->w;
        shapes[n++] = (struct param_shape){"weight", PARAM_WEIGHT, 2, {c, in, 1, 1}};
    } else if (node->kind == NODE_BATCHNORM) {
        shapes[n++] = (struct param_shape){"weight", PARAM_GAMMA, 1, {c, 1, 1, 1}};
        shapes[n++] = (struct param_shape){"bias", PARAM_BETA, 1, {c, 1, 1, 1}};
        shapes[n++] = (struct param_shape){"running_mean", PARAM_MEAN, 1, {c, 1, 1, 1}};
        shapes[n++] = (struct param_shape){"running_var", PARAM_VAR, 1, {c, 1, 1, 1}};
    } else if (node->kind == NODE_LSTM) {
        shapes[n++] = (struct param_shape){"weight_ih", PARAM_WEIGHT, 2, {4 * c, input->c, 1, 1}};
        shapes[n++] = (struct param_shape){"weight_hh", PARAM_WEIGHT, 2, {4 * c, c, 1, 1}};
        shapes[n++] = (struct param_shape){"bias", PARAM_BIAS, 1, {4 * c, 1, 1, 1}};
    }
    if ((node->kind == NODE_CONV || node->kind == NODE_LINEAR) && node->bias) {
        shapes[n++] = (struct param_shape){"bias", PARAM_BIAS, 1, {c, 1, 1, 1}};
    }
    return n;
}

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
                            .count = count};
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
        const int n = node_param_shapes(graph, &graph->nodes[i], shapes);
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

static void fill_uniform(float *values, size_t n, float bound, struct rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = bound * (2.0F * rng_uniform(rng) - 1.0F);
    }
}

// He et al. 2015, eq. 14: the variance of gradients stays when each weight has 2 / (outputs that
// one input value feeds).
static void fill_he_normal(float *values, const struct param *param, int groups, struct rng *rng)
{
    const float fan_out =
        (float)param->dims[0] / (float)groups * (float)param->dims[2] * (float)param->dims[3];
    const float deviation = sqrtf(2.0F / fan_out);
    for (size_t i = 0; i < param->count; i++) {
        values[i] = deviation * rng_normal(rng);
    }
}

void graph_init_params(const struct graph *graph, uint64_t seed, float *params)
{
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        const struct node *node = &graph->nodes[param->node];
        float *values = params + param->offset;
        struct rng rng = rng_make(seed, RNG_INIT, (uint64_t)p, 0);
        if (param->role == PARAM_GAMMA || param->role == PARAM_VAR) {
            fill(values, param->count, 1.0F);
        } else if (node->kind == NODE_LINEAR) {
            const struct param *weight = &graph->params[node->params[0]];
            fill_uniform(values, param->count, 1.0F / sqrtf((float)weight->dims[1]), &rng);
        } else if (node->kind == NODE_LSTM) {
            fill_uniform(values, param->count, 1.0F / sqrtf((float)node->c), &rng);
        } else if (param->role == PARAM_WEIGHT) {
            fill_he_normal(values, param, node->groups, &rng);
        } else {
            fill(values, param->count, 0.0F);
        }
    }
}
