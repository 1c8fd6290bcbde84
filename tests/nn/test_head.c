// Other classes for trained networks: the head is new, all else is as it was.
#include "nn/head.h"
#include "plan_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, BEFORE = 10, AFTER = 7, SEED = 5 };

static void create(const char *architecture, struct network *out)
{
    struct network_info info = {.h = SIDE, .w = SIDE, .c = 3, .classes = BEFORE};
    snprintf(info.architecture, sizeof info.architecture, "%s", architecture);
    assert_ok(network_create(&info, 1, out));
}

// Whether a parameter is the head's, by its first dimension.
static bool is_of_head(const struct network *network, const struct param *param)
{
    return param->dims[0] == network->info.classes &&
           (param->role == PARAM_WEIGHT || param->role == PARAM_BIAS);
}

static void check_values(const struct network *before, const struct network *after)
{
    int heads = 0;
    assert_int_equal(after->graph.n_params, before->graph.n_params);
    for (int i = 0; i < before->graph.n_params; i++) {
        const struct param *old = &before->graph.params[i], *new = &after->graph.params[i];
        assert_string_equal(new->name, old->name);
        if (is_of_head(before, old)) {
            assert_true(is_of_head(after, new));
            heads++;
        } else {
            assert_memory_equal(after->params + new->offset, before->params + old->offset,
                                old->count * sizeof(float));
        }
    }
    assert_true(heads >= 1);
}

// The first values of the head are those of a new network of so many classes by the same seed.
static void check_new(const struct network *after)
{
    float *fresh = calloc(after->graph.n_floats, sizeof *fresh);
    assert_non_null(fresh);
    graph_init_params(&after->graph, SEED, fresh);
    for (int i = 0; i < after->graph.n_params; i++) {
        const struct param *param = &after->graph.params[i];
        if (is_of_head(after, param)) {
            assert_memory_equal(after->params + param->offset, fresh + param->offset,
                                param->count * sizeof(float));
        }
    }
    free(fresh);
}

static void test_zoo(void **state)
{
    (void)state;
    static const char *const architectures[] = {"resnet8", "mobilenet_v2", "densenet40"};
    for (size_t i = 0; i < 3; i++) {
        struct network before, after;
        create(architectures[i], &before);
        create(architectures[i], &after);
        assert_ok(network_set_classes(&after, AFTER, SEED));
        assert_int_equal(after.info.classes, AFTER);
        assert_int_equal(after.graph.nodes[graph_output_node(&after.graph)].c, AFTER);
        check_values(&before, &after);
        check_new(&after);
        network_close(&before);
        network_close(&after);
    }
}

// As SqueezeNet has it: a convolution over pixels, then an activation, a pool, a softmax.
static void build_map(struct graph *graph)
{
    const struct node softmax = node_default(NODE_SOFTMAX);
    const struct conv_attributes attributes = {
        .out_c = BEFORE, .kernel_h = 1, .kernel_w = 1, .stride = 1, .bias = true};
    int node;
    assert_ok(graph_begin(graph, SIDE, SIDE, 3));
    assert_ok(graph_add_conv(graph, "scores", 0, &attributes, &node));
    assert_ok(graph_add_act(graph, "act", node, ACTIVATION_RELU, &node));
    assert_ok(graph_add_global_pool(graph, "pool", node, &node));
    assert_ok(graph_add(graph, "softmax", &softmax, &node, 1, &node));
}

static void test_map(void **state)
{
    (void)state;
    struct network network = {.info = {.h = SIDE, .w = SIDE, .c = 3, .classes = BEFORE}};
    build_map(&network.graph);
    assert_ok(graph_finish(&network.graph));
    network.params = plan_case_params(&network.graph, 1);
    assert_ok(network_set_classes(&network, AFTER, SEED));
    for (int i = 1; i < network.graph.n_nodes; i++) {
        assert_int_equal(network.graph.nodes[i].c, AFTER);
    }
    network_close(&network);
}

static void expect_refused(struct network *network, const char *word)
{
    const struct graph before = network->graph;
    network->params = plan_case_params(&network->graph, 1);
    const float *params = network->params;
    assert_int_equal(network_set_classes(network, AFTER, SEED), ERR_UNSUPPORTED);
    assert_non_null(strstr(status_message(), word));
    assert_ptr_equal(network->graph.nodes, before.nodes);
    assert_ptr_equal(network->params, params);
    assert_int_equal(network->info.classes, BEFORE);
    network_close(network);
}

static struct network begin(void)
{
    struct network network = {.info = {.h = SIDE, .w = SIDE, .c = 3, .classes = BEFORE}};
    return network;
}

// A sum of two layers has no head; one that something else reads by its channels cannot change; nor
// can one whose values are added to others.
static void test_refused(void **state)
{
    (void)state;
    struct network sum = begin(), read = begin(), added = begin();
    int a, b, node;
    assert_ok(graph_begin(&sum.graph, SIDE, SIDE, 3));
    assert_ok(graph_add_linear(&sum.graph, "a", 0, BEFORE, true, &a));
    assert_ok(graph_add_linear(&sum.graph, "b", 0, BEFORE, true, &b));
    assert_ok(graph_add_add(&sum.graph, "sum", a, b, &node));
    assert_ok(graph_finish(&sum.graph));
    expect_refused(&sum, "\"sum\"");

    build_map(&read.graph);
    assert_ok(graph_add_output(&read.graph, "classes", read.graph.n_nodes - 1));
    assert_ok(graph_add_linear(&read.graph, "more", 1, 3, true, &node));
    assert_ok(graph_add_output(&read.graph, "more", node));
    assert_ok(graph_finish(&read.graph));
    expect_refused(&read, "\"more.weight\"");

    assert_ok(graph_begin(&added.graph, SIDE, SIDE, 3));
    assert_ok(graph_add_linear(&added.graph, "a", 0, BEFORE, true, &a));
    assert_ok(graph_add_linear(&added.graph, "b", 0, BEFORE, true, &b));
    assert_ok(graph_add_add(&added.graph, "sum", a, b, &node));
    assert_ok(graph_add_output(&added.graph, "classes", a));
    assert_ok(graph_add_output(&added.graph, "sum", node));
    assert_ok(graph_finish(&added.graph));
    expect_refused(&added, "new head \"a\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zoo), cmocka_unit_test(test_map),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
