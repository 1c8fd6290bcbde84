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

static double activate(struct activation act, double x)
{
    const double low = (double)act.a, high = (double)act.b, gate = fmin(fmax(x + 3, 0), 6) / 6;
    switch (act.kind) {
    case ACT_RELU:
        return fmax(x, 0);
    case ACT_CLIP:
        return fmin(fmax(x, low), high);
    case ACT_LEAKY:
        return x < 0 ? low * x : x;
    case ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case ACT_HARD_SIGMOID:
        return fmin(fmax(low * x + high, 0), 1);
    case ACT_HARD_SWISH:
        return x * gate;
    case ACT_SILU:
        return x / (1 + exp(-x));
    default:
        return x;
    }
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
        for (int ky = 0; ky < node->kernel[0]; ky++) {
            for (int kx = 0; kx < node->kernel[1]; kx++) {
                const size_t w = (((size_t)c * (size_t)in_c + (size_t)i) * (size_t)node->kernel[0] +
                                  (size_t)ky) *
                                     (size_t)node->kernel[1] +
                                 (size_t)kx;
                const int iy = y * node->stride[0] + ky * node->dilation[0] - node->pad[0];
                const int ix = x * node->stride[1] + kx * node->dilation[1] - node->pad[1];
                sum += (double)weight[w] * at(from, input, iy, ix, first + i);
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

// Windows may hang over the padding at the end (ceil_mode); what lies there is never counted.
static double pool(const struct node *node, const struct node *from, const double *input, int y,
                   int x, int c)
{
    double greatest = -HUGE_VAL, sum = 0.0;
    int counted = 0;
    for (int ky = 0; ky < node->kernel[0]; ky++) {
        for (int kx = 0; kx < node->kernel[1]; kx++) {
            const int iy = y * node->stride[0] + ky * node->dilation[0] - node->pad[0];
            const int ix = x * node->stride[1] + kx * node->dilation[1] - node->pad[1];
            const double value = at(from, input, iy, ix, c);
            sum += value;
            const bool real = iy >= 0 && ix >= 0 && iy < from->h && ix < from->w;
            const bool padded = iy < from->h + node->pad[2] && ix < from->w + node->pad[3];
            counted += node->count_pad ? padded : real;
            greatest = real ? fmax(greatest, value) : greatest;
        }
    }
    return node->kind == NODE_MAX_POOL ? greatest : sum / counted;
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
    return (value - average) / sqrt(variance + (double)node->epsilon) * gamma + beta;
}

// Channel c of the inputs one after the other.
static double joined(const struct evaluation *run, const struct node *node, int y, int x, int c)
{
    int i = 0;
    while (c >= run->graph->nodes[node->inputs[i]].c) {
        c -= run->graph->nodes[node->inputs[i++]].c;
    }
    return at(&run->graph->nodes[node->inputs[i]], run->values[node->inputs[i]], y, x, c);
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
        for (int i = 0; i < node->n_inputs; i++) {
            value += at(&nodes[node->inputs[i]], run->values[node->inputs[i]], y, x, c);
        }
        return value;
    case NODE_CONCAT:
        return joined(run, node, y, x, c);
    case NODE_MULTIPLY: {
        const struct node *gate = &nodes[node->inputs[1]];
        const bool one = gate->h == 1 && gate->w == 1;
        return at(from, input, y, x, c) *
               at(gate, run->values[node->inputs[1]], one ? 0 : y, one ? 0 : x, c);
    }
    case NODE_SHUFFLE:
        return at(from, input, y, x,
                  c % node->groups * (node->c / node->groups) + c / node->groups);
    case NODE_SOFTMAX:
        for (int i = 0; i < node->c; i++) {
            value += exp(at(from, input, y, x, i) - at(from, input, y, x, c));
        }
        return 1 / value;
    case NODE_SLICE:
        return at(from, input, y, x, c + node->from);
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
        return pool(node, from, input, y, x, c);
    case NODE_GLOBAL_POOL:
        return mean(from, input, c);
    case NODE_PAD:
        c -= node->pad_channels[0];
        return c < 0 || c >= from->c ? 0.0
                                     : at(from, input, y * node->stride[0] - node->pad[0],
                                          x * node->stride[1] - node->pad[1], c);
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
