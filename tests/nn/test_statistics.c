// Statistics plans: running values equal those computed from the probe's activations, on every
// backend; ranges cover them.
#include "nn/probe.h"
#include "plan_case.h"
#include "test_device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 12 };

// A stem whose statistics depend on nothing earlier, and a second BatchNorm that depends on the
// first.
static void small_graph(struct graph *g)
{
    memset(g, 0, sizeof *g);
    int x;
    const struct conv_attributes a = {
        .out_c = 6, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
    assert_ok(graph_begin(g, 8, 6, 3));
    assert_ok(graph_add_conv(g, "conv1", 0, &a, &x));
    assert_ok(graph_add_batchnorm(g, "bn1", x, &x));
    assert_ok(graph_add_act(g, "relu1", x, ACTIVATION_RELU, &x));
    assert_ok(graph_add_conv(g, "conv2", x, &a, &x));
    assert_ok(graph_add_batchnorm(g, "bn2", x, &x));
    assert_ok(graph_add_global_pool(g, "pool", x, &x));
    assert_ok(graph_finish(g));
}

static void run_statistics(const char *name, bool check, const struct graph *g,
                           const uint8_t *images, int batch, float *params, float *ranges)
{
    struct backend *backend = plan_case_backend(name, 2, check);
    const struct statistics_options options = {
        .batch = batch, .ranges = true, .input = plan_case_input(false)};
    struct statistics_plan *plan = NULL;
    assert_ok(statistics_open(backend, g, &options, &plan));
    assert_ok(statistics_begin(plan, params));
    for (int first = 0; first < N; first += batch) {
        statistics_run(plan, images + (size_t)first * 8 * 6 * 3);
    }
    statistics_finish(plan, params);
    statistics_ranges(plan, ranges);
    statistics_close(plan);
    backend_close(backend);
}

// Mean and unbiased variance of channel c of a node's value, from the probe.
static void moments(struct probe *probe, const struct graph *g, int node, int c, double *mean,
                    double *var)
{
    const struct node *n = &g->nodes[node];
    const float *x = probe_output(probe, node);
    const int count = N * n->h * n->w;
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < count; i++) {
        sum += (double)x[i * n->c + c];
    }
    *mean = sum / count;
    for (int i = 0; i < count; i++) {
        const double d = (double)x[i * n->c + c] - *mean;
        squares += d * d;
    }
    *var = squares / (count - 1);
}

static void check_bn(struct probe *probe, const struct graph *g, const float *params,
                     const char *bn, const char *conv, double tolerance)
{
    const struct node *n = &g->nodes[graph_find_node(g, bn)];
    const float *mean = params + g->params[n->params[2]].offset;
    const float *var = params + g->params[n->params[3]].offset;
    for (int c = 0; c < n->c; c++) {
        double m, v;
        moments(probe, g, graph_find_node(g, conv), c, &m, &v);
        assert_true(fabs((double)mean[c] - m) < tolerance * sqrt(v));
        assert_true(fabs((double)var[c] - v) < tolerance * v);
    }
}

// With one batch, normalising by batch statistics equals normalising by the (biased) running ones,
// so a probe with the finished parameters sees the same activations up to n / (n - 1).
static void check_backend(const char *name, bool check)
{
    struct graph g;
    small_graph(&g);
    float *params = plan_case_params(&g, 3);
    uint8_t *images = plan_case_images(&g, N, 4);
    float ranges[16];
    run_statistics(name, check, &g, images, N, params, ranges);
    struct backend *ref = plan_case_backend("ref", 1, false);
    const struct plan_input input = plan_case_input(false);
    struct probe *probe = NULL;
    assert_ok(probe_open(ref, &g, N, &input, &probe));
    assert_ok(probe_load(probe, params));
    assert_ok(probe_run(probe, images, N));
    check_bn(probe, &g, params, "bn1", "conv1", 1e-4);
    const int relu = graph_find_node(&g, "relu1");
    const float *values = probe_output(probe, relu);
    float greatest = 0.0F;
    for (int i = 0; i < N * 8 * 6 * 6; i++) {
        greatest = fmaxf(greatest, values[i]);
    }
    assert_true(ranges[relu] > 0.5F * greatest && ranges[relu] < 1.01F * greatest);
    check_bn(probe, &g, params, "bn2", "conv2", 1e-2);
    probe_close(probe);
    backend_close(ref);
    graph_close(&g);
    free(params);
    free(images);
}

static void test_ref(void **state)
{
    (void)state;
    check_backend("ref", false);
}

static void test_check_mode(void **state)
{
    (void)state;
    check_backend("ref", true);
}

static void test_cpu(void **state)
{
    (void)state;
    check_backend("cpu", false);
}

static void test_emulated(void **state)
{
    (void)state;
    check_backend("cuda_host", false);
}

// The first BatchNorm's values do not depend on how the images were cut into batches.
static void test_batches_add_up(void **state)
{
    (void)state;
    struct graph g;
    small_graph(&g);
    float *whole = plan_case_params(&g, 3), *parts = plan_case_params(&g, 3);
    uint8_t *images = plan_case_images(&g, N, 4);
    float ranges[16];
    run_statistics("cpu", false, &g, images, N, whole, ranges);
    run_statistics("cpu", false, &g, images, N / 3, parts, ranges);
    const struct param *var = graph_find_param(&g, "bn1.running_var");
    assert_non_null(var);
    assert_true(plan_case_difference(parts + var->offset, whole + var->offset, var->count) < 1e-6);
    // Only running values change.
    float *fresh = plan_case_params(&g, 3);
    assert_memory_equal(fresh, whole, g.n_trainable * sizeof *fresh);
    graph_close(&g);
    free(whole);
    free(parts);
    free(fresh);
    free(images);
}

// A convolution, an activation and a convolution: nothing depends on the batch.
static void plain_graph(struct graph *g)
{
    memset(g, 0, sizeof *g);
    int x;
    const struct conv_attributes a = {
        .out_c = 6, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
    assert_ok(graph_begin(g, 8, 6, 3));
    assert_ok(graph_add_conv(g, "conv1", 0, &a, &x));
    assert_ok(graph_add_act(g, "relu1", x, ACTIVATION_RELU, &x));
    assert_ok(graph_add_conv(g, "conv2", x, &a, &x));
    assert_ok(graph_add_global_pool(g, "pool", x, &x));
    assert_ok(graph_finish(g));
}

// The mean over the images of each one's greatest magnitude, from the probe.
static float mean_of_greatest(struct probe *probe, const struct graph *g, int node)
{
    const struct node *n = &g->nodes[node];
    const int count = n->h * n->w * n->c;
    const float *x = probe_output(probe, node);
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        float greatest = 0.0F;
        for (int k = 0; k < count; k++) {
            greatest = fmaxf(greatest, fabsf(x[i * count + k]));
        }
        sum += (double)greatest;
    }
    return (float)(sum / N);
}

// Ranges are per image: no backend, batch, chunk or number of threads changes what they mean, and
// none but the backend changes a bit of them.
static void test_ranges_are_per_image(void **state)
{
    (void)state;
    static const struct {
        const char *backend;
        bool check;
        int batch;
    } cases[] = {{"cpu", false, N}, {"cpu", false, 4}, {"cpu", false, 3},
                 {"cpu", false, 2}, {"ref", false, N}, {"ref", true, 6}};
    struct graph g;
    plain_graph(&g);
    float *params = plan_case_params(&g, 3);
    uint8_t *images = plan_case_images(&g, N, 4);
    struct backend *ref = plan_case_backend("ref", 1, false);
    const struct plan_input input = plan_case_input(false);
    struct probe *probe = NULL;
    assert_ok(probe_open(ref, &g, N, &input, &probe));
    assert_ok(probe_load(probe, params));
    assert_ok(probe_run(probe, images, N));
    float first[16] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float ranges[16] = {0};
        run_statistics(cases[i].backend, cases[i].check, &g, images, cases[i].batch, params,
                       ranges);
        int gathered = 0;
        for (int node = 0; node < g.n_nodes; node++) {
            const float expected = mean_of_greatest(probe, &g, node);
            gathered += ranges[node] > 0.0F;
            assert_true(ranges[node] == 0.0F || fabsf(ranges[node] - expected) < 1e-5F * expected);
        }
        assert_true(gathered >= 3);
        if (i == 0) {
            memcpy(first, ranges, sizeof first);
        } else if (strcmp(cases[i].backend, "cpu") == 0) {
            assert_memory_equal(ranges, first, sizeof first);
        }
    }
    probe_close(probe);
    backend_close(ref);
    graph_close(&g);
    free(params);
    free(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ref),
                                       cmocka_unit_test(test_check_mode),
                                       cmocka_unit_test(test_cpu),
                                       cmocka_unit_test(test_emulated),
                                       cmocka_unit_test(test_batches_add_up),
                                       cmocka_unit_test(test_ranges_are_per_image)};
    const int missing = test_device_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
