// Networks trained with PyTorch: loaded, saved and loaded again without a changed bit; their
// graphs, plain and folded, give PyTorch's logits.
#include "graph_evaluate.h"
#include "nn/fold.h"
#include "nn/network.h"
#include "nn/safetensors.h"
#include "nn_files.h"

#include <stdlib.h>
#include <string.h>

static void data_path(char *out, const char *name)
{
    snprintf(out, NN_PATH, "%s/weights/%s", getenv("DIKDIK_DATA"), name);
}

static void check_file(void **state, const char *name, const char *architecture, size_t n_trainable)
{
    char path[NN_PATH], copy[NN_PATH];
    struct network network, again;
    data_path(path, name);
    if (network_load(path, NULL, &network) != OK) {
        fail_msg("%s", status_message());
    }
    assert_string_equal(network.info.architecture, architecture);
    assert_string_equal(network.info.dataset, "cifar10");
    assert_string_equal(network.info.format, "pt");
    assert_true(network.info.h == 32 && network.info.w == 32 && network.info.c == 3);
    assert_int_equal(network.info.classes, 10);
    assert_true(network.info.mean[1] == 0.456F && network.info.std[2] == 0.225F);
    assert_int_equal(network.graph.n_trainable, n_trainable);
    nn_files_path(copy, state, name);
    assert_int_equal(network_save(&network, copy), OK);
    assert_int_equal(network_load(copy, NULL, &again), OK);
    assert_string_equal(again.info.format, "dikdik");
    assert_memory_equal(again.params, network.params, network_bytes(&network));
    struct safetensors_file original, saved;
    assert_int_equal(safetensors_open(path, &original), OK);
    assert_int_equal(safetensors_open(copy, &saved), OK);
    assert_int_equal(saved.n_tensors, original.n_tensors);
    for (int i = 0; i < original.n_tensors; i++) {
        const struct safetensor *was = &original.tensors[i];
        const struct safetensor *is = safetensors_find(&saved, was->name);
        assert_non_null(is);
        assert_int_equal(is->n_dims, was->n_dims);
        assert_memory_equal(is->dims, was->dims, (size_t)was->n_dims * sizeof was->dims[0]);
        assert_int_equal(is->bytes, was->bytes);
        assert_memory_equal(is->data, was->data, was->bytes);
    }
    static const char *const keys[] = {"architecture", "dataset", "input",
                                       "classes",      "mean",    "std"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        assert_string_equal(safetensors_metadata(&saved, keys[k]),
                            safetensors_metadata(&original, keys[k]));
    }
    safetensors_close(&original);
    safetensors_close(&saved);
    network_close(&network);
    network_close(&again);
}

static void test_resnet20(void **state)
{
    check_file(state, "cifar10_resnet20.safetensors", "resnet20", 269722);
}

static void test_resnet56(void **state)
{
    check_file(state, "cifar10_resnet56.safetensors", "resnet56", 853018);
}

#define PIXELS (32 * 32)

// Image `index` of CIFAR-10's test part, normalised: [32][32][3]. The file has a label byte and
// three planes per image.
static void read_image(const struct network_info *info, int index, double *out)
{
    char path[NN_PATH];
    unsigned char record[1 + 3 * PIXELS];
    snprintf(path, sizeof path, "%s/cifar10/test_batch.bin", getenv("DIKDIK_DATA"));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)sizeof record * index, SEEK_SET), 0);
    assert_int_equal(fread(record, sizeof record, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    for (int p = 0; p < PIXELS; p++) {
        for (int c = 0; c < 3; c++) {
            out[3 * p + c] =
                (record[1 + c * PIXELS + p] / 255.0 - (double)info->mean[c]) / (double)info->std[c];
        }
    }
}

static void assert_logits(const struct graph *graph, const float *params, const double *image,
                          const float *expected)
{
    double *logits = graph_evaluate(graph, params, image);
    for (int k = 0; k < 10; k++) {
        assert_float_equal(logits[k], expected[k], 1e-3);
    }
    free(logits);
}

static void check_logits(const char *name, const char *reference, int images)
{
    char path[NN_PATH];
    struct network network;
    struct safetensors_file file;
    struct graph folded;
    struct fold_source *sources;
    float expected[100 * 10];
    double image[3 * PIXELS];
    data_path(path, name);
    assert_int_equal(network_load(path, NULL, &network), OK);
    data_path(path, reference);
    assert_int_equal(safetensors_open(path, &file), OK);
    const struct safetensor *logits = safetensors_find(&file, "logits");
    assert_non_null(logits);
    assert_int_equal(logits->bytes, sizeof expected);
    assert_int_equal(safetensors_read_f32(logits, expected), OK);
    assert_int_equal(fold_graph(&network.graph, &folded, &sources), OK);
    float *folded_params = malloc(folded.n_floats * sizeof *folded_params);
    assert_non_null(folded_params);
    fold_params(&network.graph, network.params, &folded, sources, folded_params);
    for (int i = 0; i < images; i++) {
        read_image(&network.info, i, image);
        assert_logits(&network.graph, network.params, image, expected + i * 10);
        assert_logits(&folded, folded_params, image, expected + i * 10);
    }
    free(folded_params);
    graph_close(&folded);
    safetensors_close(&file);
    network_close(&network);
}

static void test_logits(void **state)
{
    (void)state;
    check_logits("cifar10_resnet20.safetensors", "cifar10_resnet20.ref100.safetensors", 3);
    check_logits("cifar10_resnet56.safetensors", "cifar10_resnet56.ref100.safetensors", 1);
}

// A file of other tensors: says what it lacks, and with that said, what does not fit.
static void test_foreign_file(void **state)
{
    (void)state;
    char path[NN_PATH];
    struct network network;
    struct network_info info = {.architecture = "resnet20",
                                .h = 32,
                                .w = 32,
                                .c = 3,
                                .classes = 10,
                                .std = {1.0F, 1.0F, 1.0F}};
    data_path(path, "cifar10_resnet20.ref100.safetensors");
    assert_fails(network_load(path, NULL, &network), ERR_INPUT, "--architecture");
    assert_fails(network_load(path, &info, &network), ERR_INPUT, "unexpected: ");
}

int main(void)
{
    if (getenv("DIKDIK_DATA") == NULL) {
        print_message("skipped: DIKDIK_DATA does not name the folder of the data\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resnet20),
        cmocka_unit_test(test_resnet56),
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_foreign_file),
    };
    return cmocka_run_group_tests(tests, nn_files_setup, nn_files_teardown);
}
