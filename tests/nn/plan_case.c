// Networks, weights and images for the tests of plans.
#include "plan_case.h"

#include "core/rng.h"
#include "test_device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int conv(struct graph *g, const char *name, int input, struct conv_attributes attributes)
{
    int out;
    assert_ok(graph_add_conv(g, name, input, &attributes, &out));
    return out;
}

static int bn_act(struct graph *g, const char *name, int input, struct activation act)
{
    char text[64];
    int out;
    snprintf(text, sizeof text, "%s.bn", name);
    assert_ok(graph_add_batchnorm(g, text, input, &out));
    if (act.kind != ACT_NONE) {
        snprintf(text, sizeof text, "%s.act", name);
        assert_ok(graph_add_act(g, text, out, act, &out));
    }
    return out;
}

// Two convolutions around a padded shortcut, as in ResNet's option A.
static int residual_block(struct graph *g, int input)
{
    int shortcut, sum;
    const int channels = g->nodes[input].c;
    int x = conv(
        g, "block.conv1", input,
        (struct conv_attributes){.out_c = 7, .kernel_h = 3, .kernel_w = 3, .stride = 2, .pad = 1});
    x = bn_act(g, "block.1", x, ACTIVATION_RELU);
    x = conv(g, "block.conv2", x,
             (struct conv_attributes){
                 .out_c = channels + 4, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1});
    x = bn_act(g, "block.2", x, ACTIVATION_NONE);
    assert_ok(graph_add_shortcut(g, "block.shortcut", input, 2, 1, 3, &shortcut));
    assert_ok(graph_add_add(g, "block.add", x, shortcut, &sum));
    assert_ok(graph_add_act(g, "block.relu", sum, ACTIVATION_RELU, &sum));
    return sum;
}

void plan_case_mixed(struct graph *out, bool dropout)
{
    memset(out, 0, sizeof *out);
    assert_ok(graph_begin(out, 9, 7, 3));
    int x = conv(
        out, "stem", 0,
        (struct conv_attributes){.out_c = 8, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1});
    x = bn_act(out, "stem", x, ACTIVATION_RELU6);
    const int stem = x;
    x = conv(out, "depthwise", x,
             (struct conv_attributes){.kernel_h = 3,
                                      .kernel_w = 3,
                                      .stride = 1,
                                      .pad = 1,
                                      .out_c = 8,
                                      .groups = GRAPH_DEPTHWISE});
    x = bn_act(out, "depthwise", x, ACTIVATION_RELU);
    x = conv(out, "grouped", x,
             (struct conv_attributes){.out_c = 8,
                                      .kernel_h = 1,
                                      .kernel_w = 3,
                                      .stride = 1,
                                      .pad = 0,
                                      .groups = 2,
                                      .bias = true});
    int pooled, both, part;
    assert_ok(graph_add_act(out, "grouped.act", x, ACTIVATION_RELU, &x));
    assert_ok(graph_add_pool(out, "max", stem, NODE_MAX_POOL, 3, 1, 1, &pooled));
    assert_ok(graph_add_slice(out, "part", pooled, 2, 5, &part));
    x = conv(out, "widen", part,
             (struct conv_attributes){.out_c = 6, .kernel_h = 1, .kernel_w = 3, .stride = 1});
    x = bn_act(out, "widen", x, ACTIVATION_NONE);
    const int grouped = graph_find_node(out, "grouped.act");
    assert_ok(graph_add_concat(out, "concat", grouped, x, &both));
    x = bn_act(out, "concat", both,
               ACTIVATION_RELU); // BatchNorm behind a concatenation, as in DenseNet
    x = residual_block(out, x);
    assert_ok(graph_add_pool(out, "average", x, NODE_AVG_POOL, 2, 1, 0, &x));
    if (dropout) {
        assert_ok(graph_add_dropout(out, "dropout", x, 0.3F, &x));
    }
    assert_ok(graph_add_linear(out, "hidden", x, 11, true, &x));
    assert_ok(graph_add_act(out, "hidden.act", x, ACTIVATION_RELU, &x));
    assert_ok(graph_add_linear(out, "classes", x, 5, true, &x));
    assert_ok(graph_finish(out));
}

void plan_case_sequence(struct graph *out)
{
    memset(out, 0, sizeof *out);
    int x;
    assert_ok(graph_begin(out, 6, 1, 4));
    assert_ok(graph_add_lstm(out, "lstm", 0, 5, &x));
    assert_ok(graph_add_linear(out, "classes", x, 3, true, &x));
    assert_ok(graph_finish(out));
}

float *plan_case_params(const struct graph *graph, uint64_t seed)
{
    float *params = malloc((graph->n_floats + 1) * sizeof *params);
    assert_non_null(params);
    graph_init_params(graph, seed, params);
    struct rng rng = rng_make(seed, RNG_TEST, 1, 0);
    for (int i = 0; i < graph->n_params; i++) {
        const struct param *p = &graph->params[i];
        for (size_t j = 0; j < p->count; j++) {
            float *value = &params[p->offset + j];
            if (p->role == PARAM_GAMMA || p->role == PARAM_VAR) {
                *value = 0.6F + rng_uniform(&rng);
            } else if (p->role == PARAM_BETA || p->role == PARAM_MEAN || p->role == PARAM_BIAS) {
                *value = 0.2F * rng_normal(&rng);
            }
        }
    }
    return params;
}

static size_t values_of(const struct graph *graph, int n)
{
    const struct node *input = &graph->nodes[0];
    return (size_t)n * (size_t)input->h * (size_t)input->w * (size_t)input->c;
}

uint8_t *plan_case_images(const struct graph *graph, int n, uint64_t seed)
{
    const size_t count = values_of(graph, n);
    uint8_t *images = malloc(count);
    assert_non_null(images);
    struct rng rng = rng_make(seed, RNG_TEST, 2, 0);
    for (size_t i = 0; i < count; i++) {
        images[i] = (uint8_t)rng_below(&rng, 256);
    }
    return images;
}

float *plan_case_vectors(const struct graph *graph, int n, uint64_t seed)
{
    const size_t count = values_of(graph, n);
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    struct rng rng = rng_make(seed, RNG_TEST, 3, 0);
    for (size_t i = 0; i < count; i++) {
        values[i] = rng_normal(&rng);
    }
    return values;
}

int32_t *plan_case_labels(const struct graph *graph, int n, uint64_t seed)
{
    int32_t *labels = malloc((size_t)n * sizeof *labels);
    assert_non_null(labels);
    struct rng rng = rng_make(seed, RNG_TEST, 4, 0);
    for (int i = 0; i < n; i++) {
        labels[i] = (int32_t)rng_below(&rng, (uint32_t)graph->nodes[graph->n_nodes - 1].c);
    }
    return labels;
}

struct plan_input plan_case_input(bool f32)
{
    static const float mean[3] = {0.4F, 0.5F, 0.45F}, std[3] = {0.2F, 0.25F, 0.3F};
    return f32 ? (struct plan_input){.f32 = true} : (struct plan_input){.mean = mean, .std = std};
}

struct backend *plan_case_backend(const char *name, int threads, bool check)
{
    const struct backend_options options = {.threads = threads, .check = check};
    struct backend *backend = NULL;
    backend_offer(&cuda_host_backend_ops);
    const bool device = strcmp(name, cuda_host_backend_ops.name) == 0;
    assert_ok(backend_open(device ? test_device() : name, &options, &backend));
    return backend;
}

double plan_case_difference(const float *a, const float *b, size_t n)
{
    double worst = 0.0, scale = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        worst = d > worst || isnan(d) ? d : worst;
        if (isnan(d)) {
            return d;
        }
        scale = fmax(scale, fabs((double)b[i]));
    }
    return scale > 0.0 ? worst / scale : worst;
}
