// dikdik export: what it says of the file it wrote, and what it refuses.
#include "run_program.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DATA "--data shapes --data.size 12 --data.count 200 --data.classes 0,6"

// A little trained network, for two drawn shapes.
static void make_network(struct program *p)
{
    program_write(
        p, "quick.json",
        "{\"seed\": 1, \"model\": {\"architecture\": \"convnet\"}, \"data\": {\"name\": \"shapes\","
        " \"size\": 12, \"count\": 200, \"classes\": [0, 6]},"
        " \"train\": {\"epochs\": 2, \"batch\": 20}}");
    program_run(p, "train quick.json --run-dir run");
    ASSERT_RUN(p, 0, "");
}

static bool has_file(const struct program *p, const char *name)
{
    char path[PROGRAM_PATH_CHARS];
    return access(program_path(p, name, path), F_OK) == 0;
}

static void files_compute_what_networks_do(void **state)
{
    struct program *p = *state;
    static const char *const options[] = {
        "",
        "--batchnorm keep",
        "--input_values pixels",
        "--input_values bytes --batchnorm keep --mean 0.1,0.2,0.3",
        "--int8 ort --calibration 50",
        "--int8 tensorrt --input_values bytes"};
    make_network(p);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const struct json *said =
            program_json(p, "export run/network.safetensors -o net.onnx --compare 40 " DATA "%s%s",
                         options[i][0] != '\0' ? " " : "", options[i]);
        assert_string_equal(program_string(said, "file"), "net.onnx");
        assert_true(program_number(said, "opset") == 17);
        assert_true(program_number(said, "bytes") > 1000);
        assert_true(program_number(said, "compared_images") == 40);
        assert_true(json_bool(json_get(said, "compared_real")));
        const bool exact = strcmp(program_string(said, "int8"), "off") == 0;
        assert_true(program_number(said, "greatest_difference") <= (exact ? 1e-5 : 0.2));
        assert_true(program_number(said, "top1_agreement") >= (exact ? 1.0 : 0.8));
        assert_true(has_file(p, "net.onnx") && !has_file(p, "net.onnx.unchecked"));
    }
}

static void without_data_images_are_random(void **state)
{
    struct program *p = *state;
    make_network(p);
    const struct json *said =
        program_json(p, "export run/network.safetensors -o net.onnx --compare 5");
    assert_true(program_number(said, "compared_images") == 5);
    assert_false(json_bool(json_get(said, "compared_real")));
    assert_true(program_number(said, "greatest_difference") <= 1e-5);
    assert_non_null(strstr(p->errors, "random images"));
    said = program_json(p, "export run/network.safetensors -o net.onnx --compare 0");
    assert_true(program_number(said, "compared_images") == 0);
}

static void wrong_wishes_are_refused(void **state)
{
    struct program *p = *state;
    make_network(p);
    program_run(p, "export run/network.safetensors " DATA);
    ASSERT_RUN(p, 1, "--output");
    program_run(p, "export run/network.safetensors -o net.onnx --int8 ort --batchnorm keep " DATA);
    ASSERT_RUN(p, 1, "--batchnorm fold");
    program_run(p, "export run/network.safetensors -o net.onnx --int8 ort");
    ASSERT_RUN(p, 1, "32 x 32"); // shapes as they are drawn by default
    program_run(p, "export run/network.safetensors -o net.onnx --input_values u8 " DATA);
    ASSERT_RUN(p, 1, "bytes");
    program_run(p, "export run/network.safetensors -o nowhere/net.onnx " DATA);
    ASSERT_RUN(p, 2, "nowhere/net.onnx");
    program_run(p, "export net.onnx -o other.onnx");
    ASSERT_RUN(p, 1, "net.onnx");
    assert_false(has_file(p, "net.onnx") || has_file(p, "net.onnx.unchecked"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_compute_what_networks_do, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(without_data_images_are_random, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(wrong_wishes_are_refused, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
