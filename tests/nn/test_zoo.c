// The zoo against published counts, PyTorch's tensor names and the sizes it promises.
#include "nn/zoo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int64_t macs_of(const struct graph *graph)
{
    int64_t macs = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct op op = graph_node_op(graph, i, 1);
        macs += op_macs(&op);
    }
    return macs;
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int size, classes;
        int64_t macs, params;
    } expected[] = {
        {"resnet8", 32, 10, 12239488, 75290},
        {"resnet14", 32, 10, 26395264, 172506},
        {"resnet20", 32, 10, 40551040, 269722},
        {"resnet26", 32, 10, 54706816, 366938},
        {"resnet32", 32, 10, 68862592, 464154},
        {"resnet56", 32, 10, 125485696, 853018},
        {"resnet110", 32, 10, 252887680, 1727962},
        {"vgg16_bn", 32, 10, 313201664, 14728266},
        {"densenet40", 32, 10, 282917328, 1059298},
        {"mobilenet_v1", 32, 10, 46354432, 3217226},
        {"mobilenet_v1", 224, 1000, 568740352, 4231976},
        {"mobilenet_v2", 224, 1000, 300774272, 3504872},
        // The last layer with 990 rows fewer: 990 * (1280 weights + 1 bias).
        {"mobilenet_v2", 224, 10, 300774272 - 990 * 1280, 3504872 - 990 * 1281},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct graph graph;
        const int size = expected[i].size;
        assert_int_equal(zoo_build(expected[i].name, size, size, 3, expected[i].classes, &graph),
                         OK);
        if (macs_of(&graph) != expected[i].macs ||
            (int64_t)graph.n_trainable != expected[i].params) {
            fail_msg("%s at %d: %lld MACs, %zu parameters", expected[i].name, size,
                     (long long)macs_of(&graph), graph.n_trainable);
        }
        graph_close(&graph);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *network, *param;
        int dims[4];
    } expected[] = {
        {"resnet20", "conv1.weight", {16, 3, 3, 3}},
        {"resnet20", "bn1.running_var", {16, 1, 1, 1}},
        {"resnet20", "layer1.0.bn2.bias", {16, 1, 1, 1}},
        {"resnet20", "layer2.0.conv1.weight", {32, 16, 3, 3}},
        {"resnet20", "layer3.2.conv2.weight", {64, 64, 3, 3}},
        {"resnet20", "linear.weight", {10, 64, 1, 1}},
        {"resnet44", "layer3.6.conv2.weight", {64, 64, 3, 3}},
        {"resnet110", "layer1.17.bn1.weight", {16, 1, 1, 1}},
        {"vgg16_bn", "features.0.weight", {64, 3, 3, 3}},
        {"vgg16_bn", "features.0.bias", {64, 1, 1, 1}},
        {"vgg16_bn", "features.1.running_mean", {64, 1, 1, 1}},
        {"vgg16_bn", "features.7.weight", {128, 64, 3, 3}},
        {"vgg16_bn", "features.40.weight", {512, 512, 3, 3}},
        {"vgg16_bn", "features.41.weight", {512, 1, 1, 1}},
        {"vgg16_bn", "classifier.weight", {10, 512, 1, 1}},
        {"mobilenet_v1", "model.0.0.weight", {32, 3, 3, 3}},
        {"mobilenet_v1", "model.1.0.weight", {32, 1, 3, 3}},
        {"mobilenet_v1", "model.1.3.weight", {64, 32, 1, 1}},
        {"mobilenet_v1", "model.13.4.bias", {1024, 1, 1, 1}},
        {"mobilenet_v1", "fc.weight", {10, 1024, 1, 1}},
        {"mobilenet_v2", "features.0.0.weight", {32, 3, 3, 3}},
        {"mobilenet_v2", "features.1.conv.0.0.weight", {32, 1, 3, 3}},
        {"mobilenet_v2", "features.1.conv.1.weight", {16, 32, 1, 1}},
        {"mobilenet_v2", "features.1.conv.2.running_var", {16, 1, 1, 1}},
        {"mobilenet_v2", "features.2.conv.0.0.weight", {96, 16, 1, 1}},
        {"mobilenet_v2", "features.2.conv.1.0.weight", {96, 1, 3, 3}},
        {"mobilenet_v2", "features.17.conv.2.weight", {320, 960, 1, 1}},
        {"mobilenet_v2", "features.17.conv.3.weight", {320, 1, 1, 1}},
        {"mobilenet_v2", "features.18.1.weight", {1280, 1, 1, 1}},
        {"mobilenet_v2", "classifier.1.bias", {10, 1, 1, 1}},
        {"densenet40", "conv1.weight", {24, 3, 3, 3}},
        {"densenet40", "dense1.0.conv1.weight", {12, 24, 3, 3}},
        {"densenet40", "dense3.11.bn1.weight", {444, 1, 1, 1}},
        {"densenet40", "trans1.conv1.weight", {168, 168, 1, 1}},
        {"densenet40", "bn.weight", {456, 1, 1, 1}},
        {"densenet40", "fc.weight", {10, 456, 1, 1}},
        {"convnet", "conv3.weight", {64, 32, 3, 3}},
        {"convnet", "linear.bias", {10, 1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct graph graph;
        assert_int_equal(zoo_build(expected[i].network, 32, 32, 3, 10, &graph), OK);
        const struct param *param = graph_find_param(&graph, expected[i].param);
        if (param == NULL) {
            fail_msg("%s has no %s", expected[i].network, expected[i].param);
        }
        assert_memory_equal(param->dims, expected[i].dims, sizeof param->dims);
        graph_close(&graph);
    }
}

static void test_option_a(void **state)
{
    (void)state;
    struct graph graph;
    assert_int_equal(zoo_build("resnet20", 32, 32, 3, 10, &graph), OK);
    const int first = graph_find_node(&graph, "layer2.0.shortcut");
    const int second = graph_find_node(&graph, "layer3.0.shortcut");
    assert_true(first > 0 && second > 0);
    assert_int_equal(graph_find_node(&graph, "layer1.0.shortcut"), -1);
    assert_int_equal(graph.nodes[first].stride[0], 2);
    assert_true(graph.nodes[first].pad_channels[0] == 8 && graph.nodes[first].pad_channels[1] == 8);
    assert_true(graph.nodes[second].pad_channels[0] == 16 &&
                graph.nodes[second].pad_channels[1] == 16);
    graph_close(&graph);
}

// Height of the map that the classifier's pooling reads.
static int last_map(const char *name, int size)
{
    struct graph graph;
    assert_int_equal(zoo_build(name, size, size, 3, 10, &graph), OK);
    int h = 0;
    for (int i = 0; i < graph.n_nodes; i++) {
        if (graph.nodes[i].kind == NODE_GLOBAL_POOL) {
            h = graph.nodes[graph.nodes[i].inputs[0]].h;
        }
    }
    graph_close(&graph);
    return h;
}

static void test_strides(void **state)
{
    (void)state;
    assert_int_equal(last_map("resnet56", 32), 8);
    assert_int_equal(last_map("mobilenet_v1", 32), 2);
    assert_int_equal(last_map("mobilenet_v1", 224), 7);
    assert_int_equal(last_map("mobilenet_v2", 32), 4);
    assert_int_equal(last_map("mobilenet_v2", 127), 16);
    assert_int_equal(last_map("mobilenet_v2", 128), 4);
    assert_int_equal(last_map("densenet40", 32), 8);
    assert_int_equal(last_map("vgg16_bn", 32), 0); // one pixel already
    assert_int_equal(last_map("vgg16_bn", 64), 2);
    assert_int_equal(last_map("convnet", 32), 8);
}

static void test_every_name(void **state)
{
    (void)state;
    int n = 0;
    for (; zoo_names[n] != NULL; n++) {
        struct graph graph;
        const bool vgg = strcmp(zoo_names[n], "vgg16_bn") == 0;
        const int size = vgg ? 32 : 28;
        assert_int_equal(zoo_build(zoo_names[n], size, size, 1, 7, &graph), OK);
        const struct node *last = &graph.nodes[graph.n_nodes - 1];
        assert_int_equal(last->kind, NODE_LINEAR);
        assert_true(last->h == 1 && last->w == 1 && last->c == 7);
        graph_close(&graph);
    }
    assert_int_equal(n, ZOO_COUNT);
}

static void test_refusals(void **state)
{
    (void)state;
    struct graph graph;
    assert_int_equal(zoo_build("resnet21", 32, 32, 3, 10, &graph), ERR_CONFIG);
    assert_non_null(strstr(status_message(), "\"resnet21\""));
    for (int i = 0; i < ZOO_COUNT; i++) {
        assert_non_null(strstr(status_message(), zoo_names[i]));
    }
    assert_int_equal(zoo_build("vgg16_bn", 28, 28, 1, 10, &graph), ERR_CONFIG);
    assert_non_null(strstr(status_message(), "at least 32x32, got 28x28"));
    assert_int_equal(zoo_build("resnet20", 32, 0, 3, 10, &graph), ERR_CONFIG);
    assert_int_equal(zoo_build("resnet20", 32, 32, 0, 10, &graph), ERR_CONFIG);
    assert_int_equal(zoo_build("resnet20", 32, 32, 3, -2, &graph), ERR_CONFIG);
    assert_int_equal(zoo_build("convnet", 1 << 28, 1 << 28, 3, 10, &graph), ERR_INPUT);
    assert_non_null(strstr(status_message(), "building convnet"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_option_a),   cmocka_unit_test(test_strides),
        cmocka_unit_test(test_every_name), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
