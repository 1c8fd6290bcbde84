// QuantizeLinear and DequantizeLinear: weights are what their integers stand for, activations stay
// as they are.
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

// x -> QuantizeLinear -> "q"; a weight of integers 1 .. 8 in [4][2], scales and zero points for it.
static void open_file(struct onnx_writer *writer)
{
    static const float halves[4] = {0.5F, 1.0F, 1.5F, 2.0F};
    writer_open(writer, 17);
    writer_input(writer, "x", 1, DIMS(0, 2, 3, 3));
    writer_output(writer, "y");
    writer_ints(writer, "flat", INTS(1, 2, 3, 4, 5, 6, 7, 8));
    writer_ints(writer, "shape", INTS(4, 2, 1, 1));
    writer_node(writer, "Reshape", "flat shape", "integers");
    writer_floats(writer, "half", NULL, 0, &halves[0]);
    writer_floats(writer, "rows", DIMS(4), halves);
    writer_floats(writer, "three", DIMS(3), halves);
    writer_int(writer, "zero", 3);
    writer_ints(writer, "zeros", INTS(0, 1, 2, 3));
    writer_node(writer, "QuantizeLinear", "x half zero", "q");
}

static void test_weights(void **state)
{
    (void)state;
    static const struct {
        const char *inputs;
        int axis;
        float expected[8];
    } cases[] = {
        {"integers half", 1, {0.5F, 1, 1.5F, 2, 2.5F, 3, 3.5F, 4}},
        {"integers half zero", 1, {-1, -0.5F, 0, 0.5F, 1, 1.5F, 2, 2.5F}},
        {"integers rows", 0, {0.5F, 1, 3, 4, 7.5F, 9, 14, 16}},
        {"integers rows zeros", -4, {0.5F, 1, 2, 3, 4.5F, 6, 8, 10}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct onnx_writer writer;
        struct network network = {0};
        open_file(&writer);
        writer_node(&writer, "DequantizeLinear", "q half zero", "real");
        writer_node(&writer, "DequantizeLinear", cases[i].inputs, "w");
        writer_attribute_int(&writer, "axis", cases[i].axis);
        writer_node(&writer, "Conv", "real w", "y");
        assert_ok(import(&writer, &network));
        assert_int_equal(network.graph.n_nodes, 2);
        assert_int_equal(network.graph.n_floats, 8);
        assert_memory_equal(network.params, cases[i].expected, sizeof cases[i].expected);
        network_close(&network);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *op, *inputs, *message;
    } cases[] = {
        {"Relu", "q", "only DequantizeLinear is read there"},
        {"DequantizeLinear", "integers three", "scale has 3 values, expected 1 or 4"},
        {"DequantizeLinear", "integers rows three", "zero point has 3 values, expected 1 or 4"},
        {"DequantizeLinear", "integers x", "is a constant"},
        {"QuantizeLinear", "x half zero", "made of integers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct onnx_writer writer;
        struct network network = {0};
        const bool whole = strcmp(cases[i].op, "QuantizeLinear") == 0;
        open_file(&writer);
        writer_node(&writer, cases[i].op, cases[i].inputs, whole ? "y" : "w");
        if (strcmp(cases[i].op, "DequantizeLinear") == 0) {
            writer_attribute_int(&writer, "axis", 0);
        }
        if (!whole) {
            writer_node(&writer, "Conv", "x w", "y");
        }
        assert_fails(import(&writer, &network), ERR_UNSUPPORTED, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
