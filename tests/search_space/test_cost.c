// Costs: published counts of the zoo networks, and the model of group widths against the graph that
// slimming really makes.
#include "nn/zoo.h"
#include "random_graph.h"
#include "search_space/cost.h"
#include "test_unit.h"

#include <stdlib.h>

static void test_zoo_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t macs, params;
    } counts[] = {{"resnet20", 40551040, 269722},     {"resnet32", 68862592, 464154},
                  {"resnet56", 125485696, 853018},    {"resnet110", 252887680, 1727962},
                  {"vgg16_bn", 313201664, 14728266},  {"densenet40", 282917328, 1059298},
                  {"mobilenet_v1", 46354432, 3217226}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct graph graph = {0};
        assert_ok(zoo_build(counts[i].name, 32, 32, 3, 10, &graph));
        const struct network_cost cost = cost_of_graph(&graph);
        assert_int_equal(cost.macs, counts[i].macs);
        assert_int_equal(cost.params, counts[i].params);
        graph_close(&graph);
    }
}

// By hand: 2x3 input of 4 channels; a grouped convolution, a depthwise one, a linear layer, an
// LSTM.
static void test_by_hand(void **state)
{
    (void)state;
    struct graph graph;
    assert_ok(graph_begin(&graph, 3, 2, 4));
    const struct conv_attributes grouped = {
        .out_c = 6, .kernel_h = 1, .kernel_w = 2, .stride = 1, .groups = 2, .bias = true};
    const struct conv_attributes depthwise = {
        .out_c = 6, .kernel_h = 3, .kernel_w = 1, .stride = 1, .groups = GRAPH_DEPTHWISE};
    int a, b, c, d, e;
    assert_ok(graph_add_conv(&graph, "a", 0, &grouped, &a));   // 3 x 1 x 6
    assert_ok(graph_add_lstm(&graph, "b", a, 5, &b));          // 3 x 1 x 5
    assert_ok(graph_add_conv(&graph, "c", a, &depthwise, &c)); // 1 x 1 x 6
    assert_ok(graph_add_batchnorm(&graph, "d", c, &d));
    assert_ok(graph_add_linear(&graph, "e", b, 7, true, &e));
    assert_ok(graph_finish(&graph));
    assert_int_equal(cost_of_node(&graph, a, COST_MACS), 3 * 6 * 2 * 2);
    assert_int_equal(cost_of_node(&graph, a, COST_PARAMS), 6 * 2 * 2 + 6);
    assert_int_equal(cost_of_node(&graph, b, COST_MACS), 3 * 4 * 5 * (6 + 5));
    assert_int_equal(cost_of_node(&graph, b, COST_PARAMS), 4 * 5 * (6 + 5) + 4 * 5);
    assert_int_equal(cost_of_node(&graph, c, COST_MACS), 6 * 3);
    assert_int_equal(cost_of_node(&graph, c, COST_PARAMS), 6 * 3);
    assert_int_equal(cost_of_node(&graph, d, COST_MACS), 0);
    assert_int_equal(cost_of_node(&graph, d, COST_PARAMS), 12);
    assert_int_equal(cost_of_node(&graph, e, COST_MACS), 3 * 5 * 7);
    assert_int_equal(cost_of_node(&graph, e, COST_PARAMS), 3 * 5 * 7 + 7);
    assert_int_equal(cost_of_graph(&graph).params, graph.n_trainable);
    graph_close(&graph);
}

// Random widths: total and single changes against the slimmed graph's own cost.
static void check_model(const struct graph *graph, struct rng *rng, int rounds)
{
    struct groups groups = {0};
    assert_ok(groups_find(graph, &groups));
    struct arena arena = {0};
    struct cost_model *macs, *params;
    assert_ok(cost_model_open(graph, &groups, COST_MACS, &arena, &macs));
    assert_ok(cost_model_open(graph, &groups, COST_PARAMS, &arena, &params));
    float *values = calloc(graph->n_floats + 1, sizeof *values);
    assert_non_null(values);
    struct keep before = random_keep(&groups, rng, &arena);
    for (int i = 0; i < rounds; i++) {
        const struct keep keep = random_keep(&groups, rng, &arena);
        struct graph slimmed = {0};
        float *slimmed_values;
        assert_ok(slim_network(graph, &groups, values, &keep, &slimmed, &slimmed_values));
        const struct network_cost cost = cost_of_graph(&slimmed);
        assert_int_equal(cost_model_total(macs, keep.kept), cost.macs);
        assert_int_equal(cost_model_total(params, keep.kept), cost.params);
        assert_int_equal(cost.params, slimmed.n_trainable);
        // From the last widths to these, one group at a time.
        int *widths = arena_alloc(&arena, (size_t)groups.n, sizeof *widths);
        for (int g = 0; g < groups.n; g++) {
            widths[g] = before.kept[g];
        }
        int64_t running = cost_model_total(macs, widths);
        for (int g = 0; g < groups.n; g++) {
            running = cost_model_with(macs, widths, running, g, keep.kept[g]);
            widths[g] = keep.kept[g];
        }
        assert_int_equal(running, cost.macs);
        before = keep;
        free(slimmed_values);
        graph_close(&slimmed);
    }
    free(values);
    arena_close(&arena);
    groups_close(&groups);
}

static void test_model_zoo(void **state)
{
    (void)state;
    for (int i = 0; zoo_names[i] != NULL; i++) {
        struct rng rng = rng_make(21, RNG_TEST, (uint64_t)i, 0);
        struct graph graph = {0};
        assert_ok(zoo_build(zoo_names[i], 32, 32, 3, 10, &graph));
        check_model(&graph, &rng, 5);
        graph_close(&graph);
    }
}

static void test_model_random(void **state)
{
    (void)state;
    struct random_tally tally = {0};
    for (int i = 0; i < 300; i++) {
        struct rng rng = rng_make(22, RNG_TEST, (uint64_t)i, 0);
        struct graph graph = {0};
        random_graph_build(&rng, &graph, &tally);
        check_model(&graph, &rng, 3);
        graph_close(&graph);
    }
    assert_true(tally.grouped >= 50 && tally.kinds[NODE_LSTM] >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zoo_counts),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_model_zoo),
        cmocka_unit_test(test_model_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
