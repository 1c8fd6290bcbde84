// Weights in files beside the model, and only there.
#include "core/file.h"
#include "onnx/model.h"
#include "onnx_write.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <unistd.h>

// An initialiser of two values from elsewhere.
static enum status open_external(const char *location, const char *offset, const char *length,
                                 struct onnx_model *out)
{
    struct onnx_writer writer;
    writer_open(&writer, 17);
    writer_external(&writer, "w", DIMS(1, 2), location, offset, length);
    const char *path = test_folder_path(&folder, "in/model.onnx");
    writer_save(&writer, path);
    return onnx_model_open(path, out);
}

static int make_files(void **state)
{
    static const float values[] = {1, 2, 3, 4, 5};
    make_folder(state);
    assert_ok(file_make_folders(test_folder_path(&folder, "in/deeper")));
    test_folder_write(test_folder_path(&folder, "in/w.data"), values, sizeof values);
    test_folder_write(test_folder_path(&folder, "in/deeper/w.data"), values, 8);
    test_folder_write(test_folder_path(&folder, "secret"), values, sizeof values);
    return symlink("../secret", test_folder_path(&folder, "in/link"));
}

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *location, *offset, *length;
        float first;
    } cases[] = {
        {"w.data", "4", "8", 2}, {"w.data", "12", NULL, 4}, {"deeper/w.data", NULL, NULL, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct onnx_model model;
        float values[2];
        assert_ok(open_external(cases[i].location, cases[i].offset, cases[i].length, &model));
        onnx_tensor_read_f32(&model.initializers[0].tensor, 1.0, values);
        assert_float_equal(values[0], cases[i].first, 0);
        assert_float_equal(values[1], cases[i].first + 1, 0);
        onnx_model_close(&model);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *location, *offset, *length, *message;
    } cases[] = {
        {NULL, "0", "8", "does not say in which file"},
        {"", "0", "8", "expected a file in the model's folder"},
        {"../secret", "0", "8", "expected a file in the model's folder"},
        {"/etc/passwd", "0", "8", "expected a file in the model's folder"},
        {"deeper/../../secret", "0", "8", "expected a file in the model's folder"},
        {"link", "0", "8", "lead out of the model's folder"},
        {"absent", "0", "8", "cannot be opened"},
        {"deeper", "0", "8", "got a folder"},
        {"w.data", "21", NULL, "begin at byte 21"},
        {"w.data", "16", "8", "8 bytes from byte 16"},
        {"w.data", "18446744073709551612", "8", "begin at byte"},
        {"w.data", "4", "18446744073709551612", "bytes from byte 4"},
        {"w.data", "99999999999999999999", "8", "is no count of bytes"},
        {"w.data", "-4", "8", "is no count of bytes"},
        {"w.data", "4x", "8", "is no count of bytes"},
        {"w.data", "0", "12", "needs 8 bytes, got 12"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct onnx_model model;
        assert_fails(open_external(cases[i].location, cases[i].offset, cases[i].length, &model),
                     ERR_INPUT, cases[i].message);
        assert_non_null(strstr(status_message(), "tensor \"w\""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, make_files, remove_folder);
}
