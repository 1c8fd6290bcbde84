#include "nn/unfold.h"

#include "nn/network_input.h"
#include "nn/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A probe holds every value of each image of its batch.
enum { PROBE_BATCH = 4 };
enum { SLOT_GAMMA, SLOT_BETA, SLOT_MEAN, SLOT_VARIANCE };

// A convolution of one pixel gates channels or stands for a linear layer: neither had a BatchNorm.
static bool may_have_had_one(const struct graph *graph, int node)
{
    const struct node *conv = &graph->nodes[node];
    return conv->kind == NODE_CONV && conv->bias && conv->h * conv->w > 1 &&
           !graph_is_output(graph, node);
}

bool unfold_applies(const struct graph *graph)
{
    bool applies = false;
    for (int i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].kind == NODE_BATCHNORM) {
            return false;
        }
        applies = applies || may_have_had_one(graph, i);
    }
    return applies;
}

static float *values_of(const struct network *network, int node, int slot)
{
    const struct graph *graph = &network->graph;
    return network->params + graph->params[graph->nodes[node].params[slot]].offset;
}

// ---- structure

static enum status add_batchnorm(struct graph *out, const char *conv, int input, int *added)
{
    const char *name = arena_format(&out->arena, "%s.batchnorm", conv);
    return name != NULL ? graph_add_batchnorm(out, name, input, added) : ERR_MEMORY;
}

// A node may read another one more than once, so there may be more inputs than nodes.
static size_t most_inputs(const struct graph *graph)
{
    int most = 1;
    for (int i = 0; i < graph->n_nodes; i++) {
        most = graph->nodes[i].n_inputs > most ? graph->nodes[i].n_inputs : most;
    }
    return (size_t)most;
}

// value [n_nodes]: the node of `out` that computes what each of `from` did. inputs [most_inputs]:
// scratch.
static enum status add_nodes(const struct graph *from, struct graph *out, int *value, int *inputs)
{
    value[0] = 0;
    for (int i = 1; i < from->n_nodes; i++) {
        struct node node = from->nodes[i];
        const bool gets_one = may_have_had_one(from, i);
        node.bias = node.bias && !gets_one;
        for (int k = 0; k < node.n_inputs; k++) {
            inputs[k] = value[node.inputs[k]];
        }
        TRY(graph_add(out, node.name, &node, inputs, node.n_inputs, &value[i]));
        if (gets_one) {
            TRY(add_batchnorm(out, node.name, value[i], &value[i]));
        }
    }
    for (int i = 0; i < from->n_outputs; i++) {
        TRY(graph_add_output(out, from->outputs[i].name, value[from->outputs[i].node]));
    }
    return graph_finish(out);
}

static enum status unfold_graph(const struct graph *from, struct graph *out)
{
    const struct node *input = &from->nodes[0];
    struct arena arena = {0};
    int *value = arena_alloc(&arena, (size_t)from->n_nodes, sizeof *value);
    int *inputs = arena_alloc(&arena, most_inputs(from), sizeof *inputs);
    struct graph unfolded = {0};
    enum status code = value != NULL && inputs != NULL ? OK : ERR_MEMORY;
    TRY_GOTO(code, code, done);
    TRY_GOTO(code, graph_begin(&unfolded, input->h, input->w, input->c), done);
    code = add_nodes(from, &unfolded, value, inputs);
done:
    arena_close(&arena);
    if (code != OK) {
        graph_close(&unfolded);
        return code;
    }
    *out = unfolded;
    return OK;
}

// What the two graphs share goes over by its name; biases become beta.
static void take_values(const struct network *from, struct network *out)
{
    for (int i = 0; i < out->graph.n_params; i++) {
        const struct param *param = &out->graph.params[i];
        const struct param *same = graph_find_param(&from->graph, param->name);
        if (same != NULL) {
            memcpy(out->params + param->offset, from->params + same->offset,
                   param->count * sizeof *out->params);
        }
    }
    for (int i = 0; i < out->graph.n_nodes; i++) {
        const struct node *node = &out->graph.nodes[i];
        if (node->kind == NODE_BATCHNORM) {
            const char *conv = out->graph.nodes[node->inputs[0]].name;
            const float *bias = values_of(from, graph_find_node(&from->graph, conv), 1);
            memcpy(values_of(out, i, SLOT_BETA), bias, (size_t)node->c * sizeof *bias);
            for (int c = 0; c < node->c; c++) {
                values_of(out, i, SLOT_GAMMA)[c] = 1;
                values_of(out, i, SLOT_MEAN)[c] = 0;
                values_of(out, i, SLOT_VARIANCE)[c] = 1 - node->epsilon;
            }
        }
    }
}

enum status unfold_batchnorm(struct network *network)
{
    CHECK(unfold_applies(&network->graph));
    struct network out = *network; // all that is no graph and no weights stays
    TRY(unfold_graph(&network->graph, &out.graph));
    out.params = calloc(out.graph.n_floats, sizeof *out.params);
    if (out.params == NULL) {
        graph_close(&out.graph);
        FAIL(ERR_MEMORY, "no memory for the %zu weights of a network", out.graph.n_floats);
    }
    take_values(network, &out);
    graph_close(&network->graph);
    free(network->params);
    *network = out;
    return OK;
}

// ---- what they normalise by

// Sums over images and pixels of the values that a BatchNorm reads, and of their squares.
struct moments {
    double *sum, *square; // [c] arena
};

static enum status open_moments(const struct graph *graph, struct arena *arena,
                                struct moments **out)
{
    struct moments *moments;
    ARENA_NEW(arena, moments, (size_t)graph->n_nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].kind == NODE_BATCHNORM) {
            ARENA_NEW(arena, moments[i].sum, (size_t)graph->nodes[i].c);
            ARENA_NEW(arena, moments[i].square, (size_t)graph->nodes[i].c);
        }
    }
    *out = moments;
    return OK;
}

static void add_images(struct probe *probe, const struct graph *graph, int n,
                       struct moments *moments)
{
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        if (node->kind != NODE_BATCHNORM) {
            continue;
        }
        const float *values = probe_output(probe, node->inputs[0]);
        const size_t pixels = (size_t)n * (size_t)node->h * (size_t)node->w;
        for (size_t p = 0; p < pixels; p++) {
            for (int c = 0; c < node->c; c++) {
                const double value = (double)values[p * (size_t)node->c + (size_t)c];
                moments[i].sum[c] += value;
                moments[i].square[c] += value * value;
            }
        }
    }
}

static enum status gather(struct probe *probe, const struct network *network, const char *images,
                          int n, struct moments *moments)
{
    const size_t bytes = network_image_bytes(&network->info);
    TRY(probe_load(probe, network->params));
    for (int first = 0; first < n; first += PROBE_BATCH) {
        const int some = n - first < PROBE_BATCH ? n - first : PROBE_BATCH;
        TRY(probe_run(probe, images + (size_t)first * bytes, some));
        add_images(probe, &network->graph, some, moments);
    }
    return OK;
}

// (x - mean) * gamma / sqrt(variance + epsilon) + beta is x + bias for any mean and variance, with
// gamma = sqrt(variance + epsilon) and beta = bias + mean.
static void settle(struct network *network, int images, const struct moments *moments)
{
    for (int i = 0; i < network->graph.n_nodes; i++) {
        const struct node *node = &network->graph.nodes[i];
        if (node->kind != NODE_BATCHNORM) {
            continue;
        }
        const double count = (double)images * node->h * node->w;
        for (int c = 0; c < node->c; c++) {
            const double mean = moments[i].sum[c] / count;
            const double variance = fmax(moments[i].square[c] / count - mean * mean, 0);
            values_of(network, i, SLOT_MEAN)[c] = (float)mean;
            values_of(network, i, SLOT_VARIANCE)[c] = (float)variance;
            values_of(network, i, SLOT_GAMMA)[c] = (float)sqrt(variance + (double)node->epsilon);
            values_of(network, i, SLOT_BETA)[c] += (float)mean;
        }
    }
}

enum status unfold_measure(struct backend *backend, const void *images, int n,
                           struct network *network)
{
    const struct plan_input input = network_plan_input(&network->info);
    struct arena arena = {0};
    struct probe *probe = NULL;
    struct moments *moments;
    enum status code;
    CHECK(n >= 1);
    TRY_GOTO(code, open_moments(&network->graph, &arena, &moments), done);
    TRY_GOTO(code, probe_open(backend, &network->graph, PROBE_BATCH, &input, &probe), done);
    TRY_GOTO(code, gather(probe, network, images, n, moments), done);
    settle(network, n, moments);
done:
    probe_close(probe);
    arena_close(&arena);
    return code;
}
