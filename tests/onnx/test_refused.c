// What is not read is refused with file, node, operator and reason; hostile files take neither the
// process nor its memory.
#include "onnx/onnx.h"
#include "onnx_write.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <sys/resource.h>

static enum status import(struct onnx_writer *writer, struct network *out)
{
    const char *path = test_folder_path(&folder, "model.onnx");
    writer_save(writer, path);
    return onnx_import(path, NULL, out);
}

static void open_images(struct onnx_writer *writer)
{
    writer_open(writer, 17);
    writer_input(writer, "x", 1, DIMS(0, 2, 8, 6));
    writer_output(writer, "y");
}

static void test_operators(void **state)
{
    (void)state;
    static const struct {
        const char *op, *inputs, *message;
    } cases[] = {
        {"Erf", "x", "model.onnx: node 0, \"here\" (Erf): this operator is not read"},
        {"Relu", "z", "\"z\", which nothing in the file makes"},
        {"Add", "x y", "before that is made"},
        {"Relu", "-", "depends on no input"},
        {"Sqrt", "x", "read with constants only"},
        {"Div", "scalar x", "divides by an activation"},
        {"Add", "x pixels", "one per channel is read"},
        {"Add", "x images", "differs between images"},
        {"Softmax", "x", "axis 3"},
        {"Concat", "x scalar", "\"scalar\", is a constant"},
        {"Conv", "x w x", "must be constant"},
        {"Conv", "x badw", "do not fit an input of 2 channels"},
        {"MatMul", "x matrix", "4 dimensions, expected vectors"},
        {"Reshape", "x mixed", "mixes the images"},
        {"Squeeze", "x zero", "counts images"},
        {"Split", "x", "splits a batch"},
        {"GlobalAveragePool", "flat", "\"flat\", which nothing"},
        {"BatchNormalization", "x scalar scalar scalar scalar", "expected 2 in one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct onnx_writer writer;
        struct network network;
        open_images(&writer);
        writer_floats(&writer, "scalar", NULL, 0, NULL);
        writer_floats(&writer, "pixels", DIMS(8, 6), NULL);
        writer_floats(&writer, "images", DIMS(5, 2, 8, 6), NULL);
        writer_floats(&writer, "w", DIMS(2, 2, 3, 3), NULL);
        writer_floats(&writer, "badw", DIMS(2, 3, 3, 3), NULL);
        writer_floats(&writer, "matrix", DIMS(6, 6), NULL);
        writer_ints(&writer, "mixed", INTS(16, -1));
        writer_ints(&writer, "zero", INTS(0));
        writer_node(&writer, cases[i].op, cases[i].inputs, "y");
        writer_name(&writer, "here");
        const enum status status = import(&writer, &network);
        if ((status != ERR_INPUT && status != ERR_UNSUPPORTED) ||
            strstr(status_message(), cases[i].message) == NULL) {
            fail_msg("%s %s: '%s', expected '%s'", cases[i].op, cases[i].inputs,
                     status == OK ? "ok" : status_message(), cases[i].message);
        }
    }
}

static void test_attributes(void **state)
{
    (void)state;
    static const int64_t numbers[][4] = {{0, 0, 0, 0}, {1 << 30, 1, 1, 1}, {-1, -1, -1, -1}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        static const char *const names[] = {"kernel_shape", "strides", "dilations", "pads"};
        for (int k = 0; k < 4; k++) {
            struct onnx_writer writer;
            struct network network = {0};
            open_images(&writer);
            writer_node(&writer, "MaxPool", "x", "y");
            if (k != 0) {
                writer_attribute_ints(&writer, "kernel_shape", INTS(2, 2));
            }
            writer_attribute_ints(&writer, names[k], numbers[i], k == 3 ? 4 : 2);
            const bool fine = k == 3 && i == 0; // no padding
            const enum status status = import(&writer, &network);
            assert_int_equal(status == OK, fine);
            network_close(&network);
        }
    }
}

// Lists that are longer than what they are about.
static void test_long_lists(void **state)
{
    (void)state;
    static const char *const names[] = {"kernel_shape", "strides", "dilations", "pads"};
    for (int k = 0; k < 4; k++) {
        for (int n = 0; n < 12; n++) {
            static const int64_t ones[12] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
            struct onnx_writer writer;
            struct network network = {0};
            open_images(&writer);
            writer_floats(&writer, "w", DIMS(2, 2, 1, 1), NULL);
            writer_node(&writer, "Conv", "x w", "y");
            writer_attribute_ints(&writer, names[k], ones, n);
            assert_int_equal(import(&writer, &network) == OK, n == (k == 3 ? 4 : 2));
            network_close(&network);
        }
    }
}

// Few bytes that stand for many weights.
static void test_huge_tensors(void **state)
{
    (void)state;
    static const int64_t shapes[][4] = {
        {1 << 20, 2, 32, 32}, {1 << 30, 2, 1, 1}, {3, 2, 1 << 28, 1}};
    struct network network;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct onnx_writer writer;
        open_images(&writer);
        writer_ints(&writer, "shape", shapes[i], 4);
        writer_node(&writer, "ConstantOfShape", "shape", "w");
        writer_node(&writer, "Conv", "x w", "y");
        writer_attribute_ints(&writer, "pads", INTS(40, 40, 40, 40));
        const enum status status = import(&writer, &network);
        assert_true(status == ERR_INPUT || status == ERR_UNSUPPORTED);
    }
    struct onnx_writer writer;
    open_images(&writer);
    writer_ints(&writer, "shape", INTS(1 << 29));
    writer_node(&writer, "ConstantOfShape", "shape", "a");
    writer_node(&writer, "Add", "a a", "b"); // 4 GiB
    writer_node(&writer, "Add", "x b", "y");
    assert_fails(import(&writer, &network), ERR_UNSUPPORTED,
                 "(Add): its constants take more memory");
}

// All of the above, so far.
static void test_memory(void **state)
{
    (void)state;
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    assert_true(usage.ru_maxrss < 1 << 20); // KiB
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),  cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_long_lists), cmocka_unit_test(test_huge_tensors),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
