// The files that PyTorch's exporters wrote give PyTorch's outputs, also once they are ours.
#include "nn/safetensors.h"
#include "onnx/model.h"
#include "onnx/onnx.h"
#include "onnx_run.h"
#include "test_folder_group.h"
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

static void compare(const struct network *network, const char *name)
{
    struct onnx_model tensors = {0};
    struct onnx_tensor input, output;
    assert_ok(
        onnx_model_read_tensor(&tensors, path_of(name, "test_data_set_0/input_0.pb"), &input));
    assert_ok(
        onnx_model_read_tensor(&tensors, path_of(name, "test_data_set_0/output_0.pb"), &output));
    static const char *const backends[] = {"ref", "cpu"};
    for (int i = 0; i < 2; i++) {
        struct onnx_difference difference;
        assert_ok(onnx_run_compare(network, backends[i], &input, 0, &output, &difference));
        assert_true(difference.same_size);
        printf("%s on %s: %d nodes, difference %.2g of %.3g\n", name, backends[i],
               network->graph.n_nodes, difference.worst, difference.largest);
        assert_true(difference.worst <= 1e-4 * difference.largest);
    }
    onnx_model_close(&tensors);
}

static void test_file(void **state)
{
    const char *name = *state;
    struct onnx_import_report report;
    const struct onnx_import_options options = {.report = &report};
    struct network network;
    assert_ok(onnx_import(path_of(name, "model.onnx"), &options, &network));
    assert_int_equal(network.info.classes, 10);
    assert_int_equal(network.info.h, 64);
    assert_int_equal(report.batch, 0);
    compare(&network, name);
    const char *saved = test_folder_path(&folder, "saved.safetensors");
    assert_ok(network_save(&network, saved));
    network_close(&network);
    assert_ok(network_load(saved, NULL, &network));
    assert_string_equal(network.info.architecture, "model");
    compare(&network, name);
    network_close(&network);
}

// The same network once as ONNX and once as PyTorch's tensors: the same names and weights, and no
// more nodes than the zoo's, whose activations are nodes too.
static void test_twin(void **state)
{
    const char *name = *state;
    char path[1024];
    struct network ours, theirs;
    snprintf(path, sizeof path, "%s/%s.safetensors", onnx_data_path("weights"), name);
    assert_ok(network_load(path, NULL, &ours));
    snprintf(path, sizeof path, "%s/%s.onnx", onnx_data_path("weights"), name);
    assert_ok(onnx_import(path, NULL, &theirs));
    assert_string_equal(theirs.info.architecture, name);
    assert_int_equal(theirs.graph.n_nodes, ours.graph.n_nodes);
    assert_int_equal(theirs.graph.n_params, ours.graph.n_params);
    for (int i = 0; i < ours.graph.n_params; i++) {
        const struct param *own = &ours.graph.params[i];
        const struct param *twin = graph_find_param(&theirs.graph, own->name);
        if (twin == NULL || twin->count != own->count) {
            fail_msg("%s has no %s", path, own->name);
        } else {
            assert_memory_equal(ours.params + own->offset, theirs.params + twin->offset,
                                own->count * sizeof(float));
        }
    }
    network_close(&ours);
    network_close(&theirs);
}

// Trained weights, a batch of 4: MLPerf Tiny's person detection.
static void test_trained(void **state)
{
    (void)state;
    char path[1024];
    struct network network;
    struct safetensors_file reference;
    snprintf(path, sizeof path, "%s.onnx",
             onnx_data_path("weights/mlperftiny_mobilenetv1_025_vww96"));
    assert_ok(onnx_import(path, NULL, &network));
    snprintf(path, sizeof path, "%s.ref.safetensors",
             onnx_data_path("weights/mlperftiny_mobilenetv1_025_vww96"));
    assert_ok(safetensors_open(path, &reference));
    struct onnx_tensor tensors[2];
    static const char *const keys[] = {"input", "logits"};
    for (int i = 0; i < 2; i++) {
        const struct safetensor *from = safetensors_find(&reference, keys[i]);
        assert_non_null(from);
        tensors[i] = (struct onnx_tensor){.type = ONNX_F32, .rank = from->n_dims};
        memcpy(tensors[i].dims, from->dims, sizeof tensors[i].dims);
        onnx_row_major(tensors[i].dims, from->n_dims, tensors[i].strides);
        tensors[i].data = from->data;
    }
    static const char *const backends[] = {"ref", "cpu"};
    for (int i = 0; i < 2; i++) {
        struct onnx_difference difference;
        assert_ok(
            onnx_run_compare(&network, backends[i], &tensors[0], 0, &tensors[1], &difference));
        assert_true(difference.same_size && difference.worst <= 1e-4 * difference.largest);
    }
    safetensors_close(&reference);
    network_close(&network);
}

int main(void)
{
    enum { FILES = sizeof names / sizeof names[0] };
    static const char *const twins[] = {"cifar10_resnet20", "cifar10_resnet56"};
    struct CMUnitTest tests[FILES + 3];
    (void)onnx_data_path("onnx_exported");
    for (int i = 0; i < FILES + 2; i++) {
        const char *name = i < FILES ? names[i] : twins[i - FILES];
        tests[i] = (struct CMUnitTest){.name = name,
                                       .test_func = i < FILES ? test_file : test_twin,
                                       .initial_state = (void *)(size_t)name};
    }
    tests[FILES + 2] = (struct CMUnitTest)cmocka_unit_test(test_trained);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
