// Reading a file into plain structs; hostile ones take neither the process nor its memory.
#include "onnx/model.h"
#include "onnx_write.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <sys/resource.h>

// Everything that a writer says is there again.
static void test_contents(void **state)
{
    (void)state;
    struct onnx_writer writer;
    struct onnx_model model;
    const char *path = test_folder_path(&folder, "model.onnx");
    writer_open(&writer, 17);
    writer_input(&writer, "x", 1, DIMS(0, 3, 8, 8));
    writer_output(&writer, "y");
    writer_floats(&writer, "w", DIMS(2, 3), NULL);
    writer_ints(&writer, "axes", INTS(2, -1));
    writer_node(&writer, "Op", "x - axes", "y");
    writer_name(&writer, "node");
    writer_attribute_int(&writer, "i", -5);
    writer_attribute_float(&writer, "f", 0.5F);
    writer_attribute_text(&writer, "s", "SAME");
    writer_attribute_ints(&writer, "ints", INTS(1, INT64_MIN));
    writer_save(&writer, path);
    assert_ok(onnx_model_open(path, &model));
    assert_int_equal(model.opset, 17);
    assert_int_equal(model.inputs[0].rank, 4);
    assert_int_equal(model.inputs[0].dims[0], 0);
    assert_int_equal(model.inputs[0].dims[3], 8);
    assert_string_equal(model.outputs[0], "y");
    float values[6];
    assert_string_equal(model.initializers[0].name, "w");
    onnx_tensor_read_f32(&model.initializers[0].tensor, 2.0, values);
    assert_float_equal(values[5], 0.12F, 1e-6F);
    const struct onnx_node *node = &model.nodes[0];
    assert_string_equal(node->op, "Op");
    assert_string_equal(node->name, "node");
    assert_int_equal(node->n_inputs, 3);
    assert_string_equal(node->inputs[1], "");
    assert_int_equal(node->attributes[0].i, -5);
    assert_float_equal(node->attributes[1].f, 0.5F, 0);
    assert_string_equal(node->attributes[2].s, "SAME");
    assert_int_equal(node->attributes[3].n, 2);
    assert_true(node->attributes[3].ints[1] == INT64_MIN);
    onnx_model_close(&model);
}

// A file of these bytes, which must be refused without much memory.
static void refuse_bytes(const void *bytes, size_t n, const char *message)
{
    const char *path = test_folder_path(&folder, "hostile.onnx");
    struct onnx_model model;
    test_folder_write(path, bytes, n);
    const enum status status = onnx_model_open(path, &model);
    if (status == OK || strstr(status_message(), message) == NULL) {
        fail_msg("'%s', expected '%s'", status == OK ? "ok" : status_message(), message);
    }
}

static void test_no_onnx(void **state)
{
    (void)state;
    struct onnx_model model;
    assert_fails(onnx_model_open(test_folder_path(&folder, "absent.onnx"), &model), ERR_INPUT,
                 "cannot be opened");
    refuse_bytes("\n", 1, "damaged");
    refuse_bytes("PK\003\004 something else", 18, "hostile.onnx: ");
    refuse_bytes("\x08\x08", 2, "it has no graph");
}

// A graph in an attribute of a node of a graph ...: unpacking would recurse that deep.
static void test_nested(void **state)
{
    (void)state;
    enum { LEVELS = 20000, ROOM = 1 << 20 };
    uint8_t *bytes = malloc(ROOM), *at = bytes + ROOM;
    static const uint8_t tags[] = {0x32, 0x2A, 0x0A}; // g of an attribute of a node
    size_t n = 0;
    for (int i = 0; i < 3 * LEVELS + 1; i++) {
        uint8_t head[6] = {i < 3 * LEVELS ? tags[i % 3] : 0x3A}; // at last: the model's graph
        int length = 1;
        for (size_t left = n; left > 0 || length == 1; left >>= 7) {
            head[length++] = (uint8_t)((left & 127) | (left > 127 ? 128 : 0));
        }
        at -= length;
        memcpy(at, head, (size_t)length);
        n += (size_t)length;
    }
    refuse_bytes(at, n, "nested more than");
    free(bytes);
}

// Two bytes each, which would be hundreds in memory.
static void test_many_messages(void **state)
{
    (void)state;
    enum { MANY = 4 << 20 };
    static const uint8_t tags[] = {0x0A, 0x2A, 0x5A}; // nodes, initialisers, inputs
    uint8_t *bytes = malloc(2 * MANY + 6);
    for (size_t k = 0; k < sizeof tags; k++) {
        size_t at = 0;
        bytes[at++] = 0x3A;
        for (size_t left = 2 * MANY; left > 0; left >>= 7) {
            bytes[at++] = (uint8_t)((left & 127) | (left > 127 ? 128 : 0));
        }
        for (size_t i = 0; i < MANY; i++) {
            bytes[at++] = tags[k];
            bytes[at++] = 0;
        }
        refuse_bytes(bytes, at, "hostile.onnx: it ");
    }
    static const uint8_t twice[] = {0x3A, 0, 0x3A, 0};
    refuse_bytes(twice, sizeof twice, "comes twice");
    free(bytes);
}

static void test_tensor_bytes(void **state)
{
    (void)state;
    // name "t", type float, dims 3, raw data of 8 bytes
    static const uint8_t tensor[] = {0x08, 3, 0x10, 1, 0x42, 1, 't', 0x4A, 8,
                                     0,    0, 0,    0, 0,    0, 0,   0};
    const char *path = test_folder_path(&folder, "tensor.pb");
    struct onnx_model model = {0};
    struct onnx_tensor out;
    test_folder_write(path, tensor, sizeof tensor);
    assert_fails(onnx_model_read_tensor(&model, path, &out), ERR_INPUT,
                 "tensor \"t\": its shape needs 12 bytes, got 8");
    onnx_model_close(&model);
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
        cmocka_unit_test(test_contents),     cmocka_unit_test(test_no_onnx),
        cmocka_unit_test(test_nested),       cmocka_unit_test(test_many_messages),
        cmocka_unit_test(test_tensor_bytes), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
