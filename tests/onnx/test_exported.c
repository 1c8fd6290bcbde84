// The files that PyTorch's exporters wrote give PyTorch's outputs.
#include "onnx/model.h"
#include "onnx/onnx.h"
#include "onnx_run.h"
#include "test_unit.h"

#include <stdio.h>

static const char *const names[] = {
    "mobilenet_v2_dynamo",       "mobilenet_v2_script",  "mobilenet_v3_small_dynamo",
    "mobilenet_v3_small_script", "resnet18_dynamo",      "shufflenet_v2_x0_5_dynamo",
    "shufflenet_v2_x0_5_script", "squeezenet1_1_dynamo", "squeezenet1_1_script",
};

static const char *path_of(const char *name, const char *file)
{
    static char paths[4][1024];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s/%s", onnx_data_path("onnx_exported"), name, file);
    return path;
}

static void test_file(void **state)
{
    const char *name = *state;
    struct onnx_import_report report;
    const struct onnx_import_options options = {.report = &report};
    struct network network;
    assert_ok(onnx_import(path_of(name, "model.onnx"), &options, &network));
    struct onnx_model tensors = {0};
    struct onnx_tensor input, output;
    assert_ok(
        onnx_model_read_tensor(&tensors, path_of(name, "test_data_set_0/input_0.pb"), &input));
    assert_ok(
        onnx_model_read_tensor(&tensors, path_of(name, "test_data_set_0/output_0.pb"), &output));
    static const char *const backends[] = {"ref", "cpu"};
    for (int i = 0; i < 2; i++) {
        struct onnx_difference difference;
        assert_ok(onnx_run_compare(&network, backends[i], &input, 0, &output, &difference));
        assert_true(difference.same_size);
        printf("%s on %s: %d nodes of %d, difference %.2g of %.3g\n", name, backends[i],
               network.graph.n_nodes, report.file_nodes, difference.worst, difference.largest);
        assert_true(difference.worst <= 1e-4 * difference.largest);
    }
    assert_int_equal(network.info.classes, 10);
    assert_int_equal(network.info.h, 64);
    assert_int_equal(report.batch, 0);
    onnx_model_close(&tensors);
    network_close(&network);
}

int main(void)
{
    struct CMUnitTest tests[sizeof names / sizeof names[0]];
    (void)onnx_data_path("onnx_exported");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = test_file, .initial_state = (void *)(size_t)names[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
