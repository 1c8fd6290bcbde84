// BatchNorm put back where an exporter has folded it away: which convolutions get one, that the
// network computes what it did, and that on batches it still does.
#include "nn/calibrate_params.h"
#include "nn/network_input.h"
#include "nn/unfold.h"
#include "plan_case.h"
#include "test_unit.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 9, CHANNELS = 8, IMAGES = 24, LABELS = 5 };

static int add_conv(struct graph *graph, const char *name, int input, int kernel, int groups,
                    int out_c)
{
    const struct conv_attributes attributes = {.out_c = out_c,
                                               .kernel_h = kernel,
                                               .kernel_w = kernel,
                                               .stride = 1,
                                               .pad = kernel / 2,
                                               .groups = groups,
                                               .bias = true};
    int node;
    assert_ok(graph_add_conv(graph, name, input, &attributes, &node));
    return node;
}

// As exporters leave it: a residual block around a depthwise convolution, one that gates a pooled
// pixel, and a map that the network puts out.
static void build(struct network *out)
{
    struct network network = {.info = {.h = SIDE, .w = SIDE, .c = 3, .classes = LABELS}};
    struct graph *graph = &network.graph;
    int stem, act, block, sum, pool, gate, scores;
    assert_ok(graph_begin(graph, SIDE, SIDE, 3));
    stem = add_conv(graph, "stem", 0, 3, 1, CHANNELS);
    assert_ok(graph_add_act(graph, "act", stem, ACTIVATION_RELU, &act));
    block = add_conv(graph, "depthwise", act, 3, GRAPH_DEPTHWISE, CHANNELS);
    block = add_conv(graph, "project", block, 1, 1, CHANNELS);
    assert_ok(graph_add_add(graph, "sum", act, block, &sum));
    assert_ok(graph_add_global_pool(graph, "pool", sum, &pool));
    gate = add_conv(graph, "gate", pool, 1, 1, CHANNELS);
    assert_ok(graph_add_linear(graph, "scores", gate, LABELS, true, &scores));
    assert_ok(graph_add_output(graph, "scores", scores));
    assert_ok(graph_add_output(graph, "map", add_conv(graph, "map", sum, 3, 1, 2)));
    assert_ok(graph_finish(graph));
    for (int c = 0; c < 3; c++) {
        network.info.mean[c] = 0.5F;
        network.info.std[c] = 0.25F;
    }
    network.params = plan_case_params(graph, 3);
    *out = network;
}

// Both outputs of all images: [IMAGES][LABELS], then [IMAGES][SIDE][SIDE][2].
enum { OUTPUTS = IMAGES * (LABELS + SIDE * SIDE * 2) };
static void compute(struct backend *backend, const struct network *network, const void *images,
                    float *out)
{
    const struct infer_options options = {.batch = IMAGES,
                                          .input = network_plan_input(&network->info)};
    struct infer_plan *plan;
    assert_ok(infer_open(backend, &network->graph, &options, &plan));
    assert_ok(infer_load(plan, network->params, NULL));
    assert_ok(infer_run(plan, images, IMAGES, out));
    assert_ok(infer_output(plan, 1, IMAGES, out + (size_t)IMAGES * LABELS));
    infer_close(plan);
}

static void check_structure(const struct graph *graph)
{
    static const char *const with[] = {"stem", "depthwise", "project"};
    static const char *const without[] = {"gate", "map"};
    int norms = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        norms += graph->nodes[i].kind == NODE_BATCHNORM;
    }
    assert_int_equal(norms, 3);
    for (size_t i = 0; i < 3; i++) {
        const int conv = graph_find_node(graph, with[i]);
        assert_int_equal(graph->nodes[conv + 1].kind, NODE_BATCHNORM);
        assert_int_equal(graph->nodes[conv + 1].inputs[0], conv);
        assert_false(graph->nodes[conv].bias);
        assert_int_equal(strncmp(graph->nodes[conv + 1].name, with[i], strlen(with[i])), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_true(graph->nodes[graph_find_node(graph, without[i])].bias);
    }
    assert_false(unfold_applies(graph));
}

static void check_same(struct backend *backend, const struct network *network, const void *images,
                       const float *expected, double bound)
{
    static float outputs[OUTPUTS];
    compute(backend, network, images, outputs);
    assert_true(plan_case_difference(outputs, expected, (size_t)IMAGES * LABELS) < bound);
    assert_true(plan_case_difference(outputs + (size_t)IMAGES * LABELS,
                                     expected + (size_t)IMAGES * LABELS,
                                     OUTPUTS - (size_t)IMAGES * LABELS) < bound);
}

static void test_same_network(void **state)
{
    (void)state;
    static float expected[OUTPUTS];
    static const char *const backends[] = {"ref", "cpu"};
    for (size_t i = 0; i < 2; i++) {
        struct backend *backend = plan_case_backend(backends[i], 2, i == 0);
        struct network network;
        build(&network);
        uint8_t *images = plan_case_images(&network.graph, IMAGES, 4);
        compute(backend, &network, images, expected);
        assert_true(unfold_applies(&network.graph));
        assert_ok(unfold_batchnorm(&network));
        check_structure(&network.graph);
        check_same(backend, &network, images, expected, 1e-5);
        assert_ok(unfold_measure(backend, images, IMAGES, &network));
        check_same(backend, &network, images, expected, 1e-5);
        // The statistics of the same images, each BatchNorm normalising by its batch's own.
        const struct calibration calibration = {.input = network_plan_input(&network.info),
                                                .images = images,
                                                .n = IMAGES,
                                                .batchnorm = true};
        assert_ok(calibrate_params(backend, &network.graph, network.params, &calibration));
        check_same(backend, &network, images, expected, 1e-3);
        free(images);
        network_close(&network);
        backend_close(backend);
    }
}

// More inputs than there are nodes.
static void test_read_many_times(void **state)
{
    (void)state;
    enum { TIMES = 100 };
    struct network network = {.info = {.h = SIDE, .w = SIDE, .c = 3}};
    struct graph *graph = &network.graph;
    const struct node concat = node_default(NODE_CONCAT);
    int inputs[TIMES], node;
    assert_ok(graph_begin(graph, SIDE, SIDE, 3));
    const int stem = add_conv(graph, "stem", 0, 3, 1, CHANNELS);
    for (int i = 0; i < TIMES; i++) {
        inputs[i] = stem;
    }
    assert_ok(graph_add(graph, "concat", &concat, inputs, TIMES, &node));
    assert_ok(graph_finish(graph));
    network.params = plan_case_params(graph, 3);
    assert_ok(unfold_batchnorm(&network));
    const int norm = graph_find_node(graph, "stem.batchnorm");
    const struct node *last = &graph->nodes[graph_output_node(graph)];
    assert_int_equal(last->n_inputs, TIMES);
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(last->inputs[i], norm);
    }
    network_close(&network);
}

static void test_not_where_there_is_one(void **state)
{
    (void)state;
    struct graph mixed = {0}, sequence = {0};
    plan_case_mixed(&mixed, false);
    plan_case_sequence(&sequence);
    assert_false(unfold_applies(&mixed));    // has some already
    assert_false(unfold_applies(&sequence)); // has no convolution
    graph_close(&mixed);
    graph_close(&sequence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_network),
                                       cmocka_unit_test(test_read_many_times),
                                       cmocka_unit_test(test_not_where_there_is_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
