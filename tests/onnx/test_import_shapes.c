// Shapes: what exporters leave behind is folded, and the number of images stays open.
#include "onnx/onnx.h"
#include "onnx_write.h"
#include "test_folder_group.h"
#include "test_unit.h"

static enum status import(struct onnx_writer *writer, const struct onnx_import_options *options,
                          struct network *out)
{
    const char *path = test_folder_path(&folder, "model.onnx");
    writer_save(writer, path);
    return onnx_import(path, options, out);
}

static void open_images(struct onnx_writer *writer)
{
    writer_open(writer, 17);
    writer_input(writer, "x", 1, DIMS(0, 4, 8, 6));
    writer_output(writer, "y");
}

// x.view(x.size(0), -1), as the tracing exporter has it.
static void test_view_by_size(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_int(&writer, "zero", 0);
    writer_ints(&writer, "axes", INTS(0));
    writer_ints(&writer, "rest", INTS(-1));
    writer_floats(&writer, "fc.weight", DIMS(3, 192), NULL);
    writer_node(&writer, "Shape", "x", "shape");
    writer_node(&writer, "Gather", "shape zero", "n");
    writer_node(&writer, "Unsqueeze", "n axes", "n1");
    writer_node(&writer, "Concat", "n1 rest", "to");
    writer_attribute_int(&writer, "axis", 0);
    writer_node(&writer, "Reshape", "x to", "v");
    writer_node(&writer, "Gemm", "v fc.weight", "y");
    writer_attribute_int(&writer, "transB", 1);
    assert_ok(import(&writer, NULL, &network));
    assert_int_equal(network.graph.n_nodes, 2);
    assert_int_equal(network.info.classes, 3);
    network_close(&network);
}

// Half of the channels, their number computed from the shape: (4 + 1) / 2 * 1.
static void test_computed_slice(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_ints(&writer, "one", INTS(1));
    writer_ints(&writer, "two", INTS(2));
    writer_ints(&writer, "zero", INTS(0));
    writer_node(&writer, "Shape", "x", "shape");
    writer_node(&writer, "Gather", "shape one", "c");
    writer_node(&writer, "Add", "c one", "c1");
    writer_node(&writer, "Div", "c1 two", "half");
    writer_node(&writer, "Mul", "half one", "end");
    writer_node(&writer, "Cast", "end", "real");
    writer_attribute_int(&writer, "to", 1);
    writer_node(&writer, "Floor", "real", "floor");
    writer_node(&writer, "Cast", "floor", "last");
    writer_attribute_int(&writer, "to", 7);
    writer_node(&writer, "Slice", "x zero last one", "y");
    assert_ok(import(&writer, NULL, &network));
    assert_int_equal(network.graph.n_nodes, 2);
    assert_int_equal(network.graph.nodes[1].kind, NODE_SLICE);
    assert_int_equal(network.graph.nodes[1].c, 2);
    network_close(&network);
}

// Reshape, Transpose, Reshape: a shuffle of 2 groups; the batch is a number that the file fixes.
static void test_shuffle(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    writer_open(&writer, 17);
    writer_input(&writer, "x", 1, DIMS(3, 4, 8, 6));
    writer_output(&writer, "y");
    writer_ints(&writer, "apart", INTS(3, 2, 2, 8, 6));
    writer_ints(&writer, "together", INTS(3, -1, 8, 6));
    writer_node(&writer, "Reshape", "x apart", "a");
    writer_node(&writer, "Transpose", "a", "b");
    writer_attribute_ints(&writer, "perm", INTS(0, 2, 1, 3, 4));
    writer_node(&writer, "Reshape", "b together", "y");
    assert_ok(import(&writer, NULL, &network));
    assert_int_equal(network.graph.n_nodes, 2);
    assert_int_equal(network.graph.nodes[1].kind, NODE_SHUFFLE);
    assert_int_equal(network.graph.nodes[1].groups, 2);
    network_close(&network);
}

// A vector of 24 values that is a map of 1 x 4 x 6: so is the network's input.
static void test_vector_to_map(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    writer_open(&writer, 17);
    writer_input(&writer, "x", 1, DIMS(0, 24));
    writer_output(&writer, "y");
    writer_ints(&writer, "to", INTS(-1, 1, 4, 6));
    writer_node(&writer, "Reshape", "x to", "m");
    writer_node(&writer, "GlobalMaxPool", "m", "y");
    assert_ok(import(&writer, NULL, &network));
    assert_int_equal(network.info.h, 4);
    assert_int_equal(network.info.w, 6);
    assert_int_equal(network.info.c, 1);
    assert_int_equal(network.graph.nodes[1].kernel[1], 6);
    network_close(&network);
}

// The mean over both axes of the map, under a transposed view and with the axes as an input.
static void test_reduce_mean(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_ints(&writer, "axes", INTS(1, -2));
    writer_node(&writer, "Transpose", "x", "t");
    writer_attribute_ints(&writer, "perm", INTS(0, 2, 3, 1));
    writer_node(&writer, "ReduceMean", "t axes", "y");
    writer_attribute_int(&writer, "keepdims", 0);
    assert_ok(import(&writer, NULL, &network));
    assert_int_equal(network.graph.n_nodes, 2);
    assert_int_equal(network.graph.nodes[1].kind, NODE_GLOBAL_POOL);
    assert_int_equal(network.info.classes, 4);
    network_close(&network);
}

// Height and width that the file leaves open are the caller's to say.
static void test_open_size(void **state)
{
    (void)state;
    for (int given = 0; given < 2; given++) {
        struct onnx_writer writer;
        struct network network;
        writer_open(&writer, 17);
        writer_input(&writer, "x", 1, DIMS(0, 3, 0, 0));
        writer_output(&writer, "y");
        writer_node(&writer, "Relu", "x", "y");
        const struct onnx_import_options options = {.h = 32, .w = 48};
        if (given == 0) {
            assert_fails(import(&writer, NULL, &network), ERR_UNSUPPORTED, "height 0");
        } else {
            assert_ok(import(&writer, &options, &network));
            assert_int_equal(network.info.w, 48);
            network_close(&network);
        }
    }
}

// (x / 255 - mean) / std directly behind the input, said per channel: 255 shows that pixels come as
// bytes.
static void test_normalization(void **state)
{
    (void)state;
    static const float mean[] = {0.5F, 0.25F, 0.75F}, std[] = {0.5F, 0.2F, 0.1F};
    for (int keep = 0; keep < 2; keep++) {
        struct onnx_writer writer;
        struct network network;
        struct onnx_import_report report;
        writer_open(&writer, 17);
        writer_input(&writer, "x", 2, DIMS(0, 3, 8, 8));
        writer_output(&writer, "y");
        writer_floats(&writer, "bytes", NULL, 0, &(const float){255});
        writer_floats(&writer, "mean", DIMS(1, 3, 1, 1), mean);
        writer_floats(&writer, "std", DIMS(3, 1, 1), std);
        writer_node(&writer, "Cast", "x", "f");
        writer_attribute_int(&writer, "to", 1);
        writer_node(&writer, "Div", "f bytes", "a");
        writer_node(&writer, "Sub", "a mean", "b");
        writer_node(&writer, "Div", "b std", "c");
        writer_node(&writer, "Relu", "c", "y");
        const struct onnx_import_options options = {.keep_normalization = keep == 1,
                                                    .report = &report};
        assert_ok(import(&writer, &options, &network));
        assert_int_equal(report.normalization, keep == 0);
        assert_int_equal(network.graph.n_nodes, keep == 0 ? 2 : 3);
        for (int i = 0; i < 3 && keep == 0; i++) {
            assert_float_equal(network.info.mean[i], mean[i], 1e-6F);
            assert_float_equal(network.info.std[i], std[i], 1e-6F);
        }
        if (keep == 1) { // y = x / 255 / std - mean / std
            const float *params = network.params;
            assert_float_equal(params[1], 1.0F / 255.0F / 0.2F, 1e-7F);
            assert_float_equal(params[3 + 1], -0.25F / 0.2F, 1e-6F);
        }
        network_close(&network);
    }
}

// Channels taken one by one, scaled, and joined again, as GoogLeNet has it.
static void test_single_channels(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_int(&writer, "last", -1);
    writer_ints(&writer, "axes", INTS(1));
    writer_floats(&writer, "scale", NULL, 0, NULL);
    writer_node(&writer, "Gather", "x last", "c");
    writer_attribute_int(&writer, "axis", 1);
    writer_node(&writer, "Unsqueeze", "c axes", "u");
    writer_node(&writer, "Mul", "u scale", "m");
    writer_node(&writer, "Concat", "m x", "y");
    writer_attribute_int(&writer, "axis", 1);
    assert_ok(import(&writer, NULL, &network));
    assert_int_equal(network.graph.n_nodes, 4);
    assert_int_equal(network.graph.nodes[1].kind, NODE_SLICE);
    assert_int_equal(network.graph.nodes[1].from, 3);
    assert_int_equal(network.graph.nodes[2].kind, NODE_BATCHNORM);
    assert_int_equal(network.graph.nodes[3].c, 5);
    network_close(&network);
}

// Every output of the file is one of the network, by its name; what none needs is not looked at.
static void test_outputs(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct network network;
    open_images(&writer);
    writer_output(&writer, "aux");
    writer_node(&writer, "Erf", "x", "unused");
    writer_node(&writer, "Relu", "x", "aux");
    writer_node(&writer, "Sigmoid", "aux", "more");
    writer_node(&writer, "LeakyRelu", "aux", "y");
    assert_ok(import(&writer, NULL, &network));
    assert_int_equal(network.graph.n_nodes, 3);
    assert_int_equal(network.graph.n_outputs, 2);
    assert_string_equal(network.graph.outputs[1].name, "aux");
    assert_int_equal(network.graph.outputs[1].node, 1);
    network_close(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view_by_size),    cmocka_unit_test(test_computed_slice),
        cmocka_unit_test(test_shuffle),         cmocka_unit_test(test_vector_to_map),
        cmocka_unit_test(test_reduce_mean),     cmocka_unit_test(test_open_size),
        cmocka_unit_test(test_normalization),   cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_single_channels),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
