// Operators become nodes: kinds, attributes, names.
#include "onnx/onnx.h"
#include "onnx_write.h"
#include "test_folder_group.h"
#include "test_unit.h"

static enum status import(struct onnx_writer *writer, struct network *out)
{
    const char *path = test_folder_path(&folder, "model.onnx");
    writer_save(writer, path);
    return onnx_import(path, NULL, out);
}

// Images of 2 x 8 x 6 (channels, height, width), output y.
static void open_images(struct onnx_writer *writer)
{
    writer_open(writer, 17);
    writer_input(writer, "x", 1, DIMS(0, 2, 8, 6));
    writer_output(writer, "y");
}

static const struct node *last(const struct network *network)
{
    return &network->graph.nodes[network->graph.n_nodes - 1];
}

static void test_conv(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_floats(&writer, "layer1.0.conv1.weight", DIMS(4, 1, 3, 2), NULL);
    writer_floats(&writer, "b", DIMS(4), NULL);
    writer_node(&writer, "Conv", "x layer1.0.conv1.weight b", "y");
    writer_attribute_ints(&writer, "pads", INTS(1, 0, 2, 2));
    writer_attribute_ints(&writer, "strides", INTS(2, 1));
    writer_attribute_ints(&writer, "dilations", INTS(1, 2));
    writer_attribute_int(&writer, "group", 2);
    assert_ok(import(&writer, &network));
    const struct node *node = last(&network);
    assert_int_equal(network.graph.n_nodes, 2);
    assert_int_equal(node->kind, NODE_CONV);
    assert_string_equal(node->name, "layer1.0.conv1");
    const int expected[] = {3, 2, 2, 1, 1, 2, 1, 0, 2, 2, 2, 5, 6, 4};
    const int got[] = {
        node->kernel[0],   node->kernel[1], node->stride[0], node->stride[1], node->dilation[0],
        node->dilation[1], node->pad[0],    node->pad[1],    node->pad[2],    node->pad[3],
        node->groups,      node->h,         node->w,         node->c};
    assert_memory_equal(got, expected, sizeof expected);
    const struct param *weight = graph_find_param(&network.graph, "layer1.0.conv1.weight");
    assert_non_null(weight);
    assert_float_equal(network.params[weight->offset + 5], 0.06F, 1e-7F);
    assert_int_equal(network.info.classes, 5 * 6 * 4);
    network_close(&network);
}

// A frame wider than the kernel is a node of its own.
static void test_wide_padding(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_floats(&writer, "w", DIMS(4, 2, 1, 1), NULL);
    writer_node(&writer, "Conv", "x w", "y");
    writer_attribute_ints(&writer, "pads", INTS(1, 1, 1, 1));
    assert_ok(import(&writer, &network));
    assert_int_equal(network.graph.n_nodes, 3);
    assert_int_equal(network.graph.nodes[1].kind, NODE_PAD);
    assert_int_equal(last(&network)->h, 10);
    network_close(&network);
}

static void test_same_padding(void **state)
{
    (void)state;
    static const int expected[2][4] = {{0, 0, 1, 1}, {1, 1, 0, 0}};
    static const char *const how[2] = {"SAME_UPPER", "SAME_LOWER"};
    for (int i = 0; i < 2; i++) {
        struct onnx_writer writer;
        struct network network;
        open_images(&writer);
        writer_node(&writer, "MaxPool", "x", "y");
        writer_attribute_ints(&writer, "kernel_shape", INTS(2, 2));
        writer_attribute_text(&writer, "auto_pad", how[i]);
        assert_ok(import(&writer, &network));
        assert_int_equal(last(&network)->kind, NODE_MAX_POOL);
        assert_memory_equal(last(&network)->pad, expected[i], sizeof expected[i]);
        assert_int_equal(last(&network)->h, 8);
        network_close(&network);
    }
}

static void test_activations(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        enum activation_kind kind;
        float a, b;
    } cases[] = {
        {"Relu", ACT_RELU, 0, 0},
        {"LeakyRelu", ACT_LEAKY, 0.01F, 0},
        {"Sigmoid", ACT_SIGMOID, 0, 0},
        {"HardSigmoid", ACT_HARD_SIGMOID, 0.2F, 0.5F},
        {"HardSwish", ACT_HARD_SWISH, 0, 0},
        {"Swish", ACT_SILU, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct onnx_writer writer;
        struct network network;
        open_images(&writer);
        writer_node(&writer, cases[i].op, "x", "y");
        assert_ok(import(&writer, &network));
        assert_int_equal(last(&network)->kind, NODE_ACT);
        assert_int_equal(last(&network)->act.kind, cases[i].kind);
        assert_float_equal(last(&network)->act.a, cases[i].a, 1e-7F);
        assert_float_equal(last(&network)->act.b, cases[i].b, 1e-7F);
        network_close(&network);
    }
}

// Bounds as inputs (opset 11 on) and as attributes; both open is no node at all.
static void test_clip(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_floats(&writer, "low", NULL, 0, &(const float){0});
    writer_floats(&writer, "high", NULL, 0, &(const float){6});
    writer_node(&writer, "Clip", "x low high", "a");
    writer_node(&writer, "Clip", "a", "b");
    writer_attribute_float(&writer, "max", 5);
    writer_node(&writer, "Clip", "b low", "c");
    writer_node(&writer, "Clip", "c", "y");
    assert_ok(import(&writer, &network));
    assert_int_equal(network.graph.n_nodes, 4);
    const struct node *nodes = network.graph.nodes;
    assert_int_equal(nodes[1].act.kind, ACT_CLIP);
    assert_float_equal(nodes[1].act.b, 6, 0);
    assert_float_equal(nodes[2].act.b, 5, 0);
    assert_true(nodes[2].act.a < -1e38F);
    assert_int_equal(nodes[3].act.kind, ACT_RELU);
    network_close(&network);
}

// x * sigmoid(x), and hard swish in three spellings.
static void test_spelled_activations(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        struct onnx_writer writer;
        struct network network;
        open_images(&writer);
        writer_floats(&writer, "zero", NULL, 0, &(const float){0});
        writer_floats(&writer, "three", NULL, 0, &(const float){3});
        writer_floats(&writer, "six", NULL, 0, &(const float){6});
        if (way == 0) {
            writer_node(&writer, "Sigmoid", "x", "s");
            writer_node(&writer, "Mul", "x s", "y");
        } else if (way == 1) {
            writer_node(&writer, "HardSigmoid", "x", "s");
            writer_attribute_float(&writer, "alpha", 1.0F / 6.0F);
            writer_node(&writer, "Mul", "s x", "y");
        } else {
            writer_node(&writer, "Add", "x three", "a");
            writer_node(&writer, "Clip", "a zero six", "c");
            writer_node(&writer, way == 2 ? "Div" : "Mul", way == 2 ? "c six" : "x c", "d");
            writer_node(&writer, way == 2 ? "Mul" : "Div", way == 2 ? "x d" : "d six", "y");
        }
        assert_ok(import(&writer, &network));
        assert_int_equal(network.graph.n_nodes, 2);
        assert_int_equal(last(&network)->act.kind, way == 0 ? ACT_SILU : ACT_HARD_SWISH);
        network_close(&network);
    }
}

// MatMul and Add are one linear layer; Gemm's factors are in the weights.
static void test_linear(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_floats(&writer, "w", DIMS(96, 3), NULL);
    writer_floats(&writer, "b", DIMS(3), NULL);
    writer_floats(&writer, "fc.weight", DIMS(5, 3), NULL);
    writer_node(&writer, "Flatten", "x", "f");
    writer_node(&writer, "MatMul", "f w", "m");
    writer_node(&writer, "Add", "b m", "v");
    writer_node(&writer, "Gemm", "v fc.weight", "y");
    writer_attribute_int(&writer, "transB", 1);
    writer_attribute_float(&writer, "alpha", 2);
    assert_ok(import(&writer, &network));
    const struct node *nodes = network.graph.nodes;
    assert_int_equal(network.graph.n_nodes, 3);
    assert_int_equal(nodes[1].kind, NODE_LINEAR);
    assert_true(nodes[1].bias);
    assert_string_equal(nodes[2].name, "fc");
    assert_false(nodes[2].bias);
    // out 1, in 2 is row 2, column 1 of the file
    const size_t first = network.graph.params[nodes[1].params[0]].offset;
    assert_float_equal(network.params[first + 96 + 2], 0.01F * (2 * 3 + 1 + 1), 1e-6F);
    const size_t second = network.graph.params[nodes[2].params[0]].offset;
    assert_float_equal(network.params[second + 1], 0.04F, 1e-6F);
    network_close(&network);
}

// Weights of 16 bits become float32.
static void test_halves(void **state)
{
    (void)state;
    static const uint16_t bits[] = {0x3C00, 0xC000, 0x3555, 0x0001};
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_halves(&writer, "w", DIMS(2, 2, 1, 1), bits);
    writer_node(&writer, "Conv", "x w", "y");
    assert_ok(import(&writer, &network));
    static const float expected[] = {1.0F, -2.0F, 0.333251953125F, 0x1p-24F};
    assert_memory_equal(network.params, expected, sizeof expected);
    network_close(&network);
}

// By scales and by sizes; what a file says in other words but means the same is one node as well.
static void test_resize(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *coordinates, *rounding;
        float scales[4];
        enum resize_mode expected;
        enum resize_coordinates place;
        int h;
    } cases[] = {
        {"nearest",
         "asymmetric",
         "floor",
         {1, 1, 2, 2},
         RESIZE_NEAREST_FLOOR,
         RESIZE_ASYMMETRIC,
         16},
        {"linear", "half_pixel", "floor", {1, 1, 0.5F, 2}, RESIZE_LINEAR, RESIZE_HALF_PIXEL, 4},
        {"linear", "align_corners", "floor", {1, 1, 3, 1}, RESIZE_LINEAR, RESIZE_ALIGN_CORNERS, 24},
        {"nearest",
         "asymmetric",
         "round_prefer_ceil",
         {1, 1, 2, 2},
         RESIZE_NEAREST_CEIL,
         RESIZE_HALF_PIXEL,
         16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct onnx_writer writer;
        struct network network;
        open_images(&writer);
        writer_floats(&writer, "scales", DIMS(4), cases[i].scales);
        writer_node(&writer, "Resize", "x - scales", "y");
        writer_attribute_text(&writer, "mode", cases[i].mode);
        writer_attribute_text(&writer, "coordinate_transformation_mode", cases[i].coordinates);
        writer_attribute_text(&writer, "nearest_mode", cases[i].rounding);
        assert_ok(import(&writer, &network));
        assert_int_equal(last(&network)->kind, NODE_RESIZE);
        assert_int_equal(last(&network)->resize, cases[i].expected);
        assert_int_equal(last(&network)->coordinates, cases[i].place);
        assert_int_equal(last(&network)->h, cases[i].h);
        network_close(&network);
    }
}

// The gate of a squeeze-and-excite block comes first or second.
static void test_gate(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct onnx_writer writer;
        struct network network;
        open_images(&writer);
        writer_node(&writer, "GlobalAveragePool", "x", "g");
        writer_node(&writer, "Sigmoid", "g", "s");
        writer_node(&writer, "Mul", first ? "s x" : "x s", "y");
        assert_ok(import(&writer, &network));
        assert_int_equal(last(&network)->kind, NODE_MULTIPLY);
        assert_int_equal(last(&network)->inputs[0], 0);
        assert_int_equal(last(&network)->h, 8);
        network_close(&network);
    }
}

static void test_parts(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_ints(&writer, "starts", INTS(1, 1));
    writer_ints(&writer, "ends", INTS(INT64_MAX, -1));
    writer_ints(&writer, "axes", INTS(2, 3));
    writer_ints(&writer, "steps", INTS(3, 1));
    writer_node(&writer, "Slice", "x starts ends axes steps", "s"); // 2 x 3 x 4
    writer_ints(&writer, "pads", INTS(0, 1, 0, 0, 0, 0, 2, 0));
    writer_node(&writer, "Pad", "s pads", "p"); // 3 x 5 x 4
    writer_ints(&writer, "sizes", INTS(1, 2));
    writer_node(&writer, "Split", "p sizes", "a b");
    writer_attribute_int(&writer, "axis", 1);
    writer_node(&writer, "Concat", "b a", "y");
    writer_attribute_int(&writer, "axis", -3);
    assert_ok(import(&writer, &network));
    const struct node *nodes = network.graph.nodes;
    assert_int_equal(network.graph.n_nodes, 6);
    assert_int_equal(nodes[1].kind, NODE_PAD); // rows and columns of the Slice in one
    assert_int_equal(nodes[1].stride[0], 3);
    assert_int_equal(nodes[1].h, 3);
    assert_int_equal(nodes[1].w, 4);
    assert_int_equal(nodes[2].c, 3);
    assert_int_equal(nodes[2].pad_channels[0], 1);
    assert_int_equal(nodes[4].kind, NODE_SLICE);
    assert_int_equal(nodes[4].from, 1);
    assert_int_equal(last(&network)->kind, NODE_CONCAT);
    assert_int_equal(last(&network)->c, 3);
    network_close(&network);
}

// He et al.'s shortcut of option A, every second pixel and zero channels around, is one node; a
// frame before a convolution is its padding.
static void test_joined_pads(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_ints(&writer, "zeros", INTS(0, 0));
    writer_ints(&writer, "ends", INTS(INT64_MAX, INT64_MAX));
    writer_ints(&writer, "axes", INTS(2, 3));
    writer_ints(&writer, "steps", INTS(2, 2));
    writer_ints(&writer, "channels", INTS(0, 1, 0, 0, 0, 1, 0, 0));
    writer_ints(&writer, "frame", INTS(0, 0, 0, 0, 0, 0, 1, 1));
    writer_floats(&writer, "w", DIMS(4, 4, 3, 3), NULL);
    writer_node(&writer, "Slice", "x zeros ends axes steps", "s");
    writer_node(&writer, "Pad", "s channels", "p");
    writer_node(&writer, "Relu", "p", "r");
    writer_node(&writer, "Pad", "r frame", "f");
    writer_node(&writer, "Conv", "f w", "y");
    assert_ok(import(&writer, &network));
    const struct node *nodes = network.graph.nodes;
    assert_int_equal(network.graph.n_nodes, 4);
    assert_int_equal(nodes[1].kind, NODE_PAD);
    assert_int_equal(nodes[1].stride[1], 2);
    assert_int_equal(nodes[1].pad_channels[1], 1);
    assert_int_equal(nodes[1].c, 4);
    assert_int_equal(nodes[3].kind, NODE_CONV);
    assert_int_equal(nodes[3].pad[0], 0);
    assert_int_equal(nodes[3].pad[3], 1);
    network_close(&network);
}

// The paths of PyTorch's tracing exporter are module names again.
static void test_names(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_floats(&writer, "onnx::Conv_1", DIMS(2, 2, 1, 1), NULL);
    for (int i = 0; i < 2; i++) {
        writer_node(&writer, "Conv", i == 0 ? "x onnx::Conv_1" : "a onnx::Conv_1",
                    i == 0 ? "a" : "b");
        writer_name(&writer, "/layer1/layer1.0/conv1/Conv");
    }
    writer_node(&writer, "Relu", "b", "c");
    writer_name(&writer, "/layer1/layer1.0/Relu_1");
    writer_node(&writer, "Relu", "c", "y");
    writer_name(&writer, "a name of\tno use");
    assert_ok(import(&writer, &network));
    const struct node *nodes = network.graph.nodes;
    assert_string_equal(nodes[1].name, "layer1.0.conv1");
    assert_string_equal(nodes[2].name, "layer1.0.conv1.conv_1");
    assert_string_equal(nodes[3].name, "layer1.0.relu_1");
    assert_string_equal(nodes[4].name, "act_2");
    network_close(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),         cmocka_unit_test(test_wide_padding),
        cmocka_unit_test(test_same_padding), cmocka_unit_test(test_activations),
        cmocka_unit_test(test_clip),         cmocka_unit_test(test_spelled_activations),
        cmocka_unit_test(test_linear),       cmocka_unit_test(test_parts),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_resize),       cmocka_unit_test(test_gate),
        cmocka_unit_test(test_joined_pads),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
