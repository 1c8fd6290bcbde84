// Plain loops over doubles; independent of compute/.
#include "graph_evaluate.h"

#include "core/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct evaluation {
    const struct graph *graph;
    const float *params;
    double **values; // [n_nodes], [h][w][c]
};

static const float *slice(const struct evaluation *run, const struct node *node, int slot)
{
    return run->params + run->graph->params[node->params[slot]].offset;
}

static double activate(enum activation_kind act, double x)
{
    if (act == ACT_RELU) {
        return x > 0.0 ? x : 0.0;
    }
    if (act == ACT_CLIP) {
        return x < 0.0 ? 0.0 : x > 6.0 ? 6.0 : x;
    }
    return x;
}

static size_t size_of(const struct node *node)
{
    return (size_t)node->h * (size_t)node->w * (size_t)node->c;
}

static double at(const struct node *node, const double *values, int y, int x, int c)
{
    if (y < 0 || x < 0 || y >= node->h || x >= node->w) {
        return 0.0;
    }
    return values[((size_t)y * (size_t)node->w + (size_t)x) * (size_t)node->c + (size_t)c];
}

// One output of a convolution.
static double convolve(const struct node *node, const struct node *from, const double *input,
                       const float *weight, int y, int x, int c)
{
    const int in_c = from->c / node->groups;
    const int first = c / (node->c / node->groups) * in_c;
    double sum = 0.0;
    for (int i = 0; i < in_c; i++) {
        for (int ky = 0; ky < node->kernel_h; ky++) {
            for (int kx = 0; kx < node->kernel_w; kx++) {
                const size_t w =
                    (((size_t)c * (size_t)in_c + (size_t)i) * (size_t)node->kernel_h + (size_t)ky) *
                        (size_t)node->kernel_w +
                    (size_t)kx;
                sum += (double)weight[w] * at(from, input, y * node->stride + ky - node->pad,
                                              x * node->stride + kx - node->pad, first + i);
            }
        }
    }
    return sum;
}

// One output of a linear layer; weights are in the order [out][c][h][w].
static double multiply(const struct node *from, const double *input, const float *weight, int c)
{
    double sum = 0.0;
    size_t w = (size_t)c * size_of(from);
    for (int i = 0; i < from->c; i++) {
        for (int y = 0; y < from->h; y++) {
            for (int x = 0; x < from->w; x++) {
                sum += (double)weight[w++] * at(from, input, y, x, i);
            }
        }
    }
    return sum;
}

static double pool(const struct node *node, const struct node *from, const double *input, int y,
                   int x, int c)
{
    double greatest = -HUGE_VAL, sum = 0.0;
    for (int ky = 0; ky < node->kernel_h; ky++) {
        for (int kx = 0; kx < node->kernel_w; kx++) {
            const int iy = y * node->stride + ky - node->pad;
            const int ix = x * node->stride + kx - node->pad;
            const double value = at(from, input, iy, ix, c);
            sum += value;
            if (iy >= 0 && ix >= 0 && iy < from->h && ix < from->w) {
                greatest = fmax(greatest, value);
            }
        }
    }
    return node->kind == NODE_MAX_POOL ? greatest : sum / (node->kernel_h * node->kernel_w);
}

static double mean(const struct node *from, const double *input, int c)
{
    double sum = 0.0;
    for (int y = 0; y < from->h; y++) {
        for (int x = 0; x < from->w; x++) {
            sum += at(from, input, y, x, c);
        }
    }
    return sum / (from->h * from->w);
}

static double normalize(const struct evaluation *run, const struct node *node, double value, int c)
{
    const double gamma = (double)slice(run, node, 0)[c], beta = (double)slice(run, node, 1)[c];
    const double average = (double)slice(run, node, 2)[c];
    const double variance = (double)slice(run, node, 3)[c];
    return (value - average) / sqrt(variance + 1e-5) * gamma + beta;
}

// One output value, before activation and sum.
static double compute(const struct evaluation *run, const struct node *node, int y, int x, int c)
{
    const struct node *nodes = run->graph->nodes;
    const struct node *from = &nodes[node->inputs[0]];
    const double *input = run->values[node->inputs[0]];
    double value = 0.0;
    switch (node->kind) {
    case NODE_CONV:
        value = convolve(node, from, input, slice(run, node, 0), y, x, c);
        return value + (node->bias ? (double)slice(run, node, 1)[c] : 0.0);
    case NODE_LINEAR:
        value = multiply(from, input, slice(run, node, 0), c);
        return value + (node->bias ? (double)slice(run, node, 1)[c] : 0.0);
    case NODE_BATCHNORM:
        return normalize(run, node, at(from, input, y, x, c), c);
    case NODE_ACT:
    case NODE_DROPOUT:
        return at(from, input, y, x, c);
    case NODE_ADD:
        return at(from, input, y, x, c) +
               at(&nodes[node->inputs[1]], run->values[node->inputs[1]], y, x, c);
    case NODE_CONCAT:
        return c < from->c
                   ? at(from, input, y, x, c)
                   : at(&nodes[node->inputs[1]], run->values[node->inputs[1]], y, x, c - from->c);
    case NODE_SLICE:
        return at(from, input, y, x, c + node->from);
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
        return pool(node, from, input, y, x, c);
    case NODE_GLOBAL_POOL:
        return mean(from, input, c);
    case NODE_SHORTCUT:
        return c < node->pad_before || c >= node->pad_before + from->c
                   ? 0.0
                   : at(from, input, y * node->stride, x * node->stride, c - node->pad_before);
    default:
        CHECK(!"a kind of node that the evaluator knows");
        return 0.0;
    }
}

static void evaluate_node(struct evaluation *run, int i)
{
    const struct node *node = &run->graph->nodes[i];
    double *out = node->sum >= 0 ? run->values[node->sum] : calloc(size_of(node), sizeof *out);
    CHECK(out != NULL);
    size_t place = 0;
    for (int y = 0; y < node->h; y++) {
        for (int x = 0; x < node->w; x++) {
            for (int c = 0; c < node->c; c++, place++) {
                const double before = node->sum >= 0 ? out[place] : 0.0;
                out[place] = activate(node->act, compute(run, node, y, x, c) + before);
            }
        }
    }
    run->values[i] = out;
}

double *graph_evaluate(const struct graph *graph, const float *params, const double *input)
{
    struct evaluation run = {graph, params, calloc((size_t)graph->n_nodes, sizeof *run.values)};
    CHECK(run.values != NULL);
    run.values[0] = malloc(size_of(&graph->nodes[0]) * sizeof *input);
    CHECK(run.values[0] != NULL);
    memcpy(run.values[0], input, size_of(&graph->nodes[0]) * sizeof *input);
    for (int i = 1; i < graph->n_nodes; i++) {
        evaluate_node(&run, i);
    }
    const int last = graph->n_nodes - 1;
    double *output = malloc(size_of(&graph->nodes[last]) * sizeof *output);
    CHECK(output != NULL);
    memcpy(output, run.values[last], size_of(&graph->nodes[last]) * sizeof *output);
    for (int i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].sum < 0) { // the others share their memory with an earlier one
            free(run.values[i]);
        }
    }
    free(run.values);
    return output;
}

void graph_random_params(const struct graph *graph, uint64_t seed, float *params)
{
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        struct rng rng = rng_make(seed, RNG_TEST, (uint64_t)p, 0);
        const float in = (float)param->count / (float)param->dims[0];
        for (size_t i = 0; i < param->count; i++) {
            const float normal = rng_normal(&rng), uniform = rng_uniform(&rng);
            params[param->offset + i] = param->role == PARAM_WEIGHT  ? normal / sqrtf(in)
                                        : param->role == PARAM_GAMMA ? 0.5F + uniform
                                        : param->role == PARAM_VAR   ? 0.3F + 1.7F * uniform
                                                                     : uniform - 0.5F;
        }
    }
}
