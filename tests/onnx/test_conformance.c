// The ONNX project's own tests. Every one whose model is a network in our sense, one image input
// and constants otherwise, must give the outputs that stand beside it, on every backend; the others
// are listed with the reason.
#include "core/file.h"
#include "onnx/model.h"
#include "onnx/onnx.h"
#include "onnx_run.h"
#include "test_unit.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>

enum { LEAST_PASSES = 176, MOST_INPUTS = 8 };

struct outcome {
    int passed, refused, failed;
};

static const char *tail(const char *path)
{
    const char *at = strstr(path, "/onnx/");
    return at != NULL ? at + strlen("/onnx/") : path;
}

static const char *data_file(const char *model_path, const char *kind, int number)
{
    static char path[1200];
    const int folder = (int)(strrchr(model_path, '/') - model_path);
    snprintf(path, sizeof path, "%.*s/test_data_set_0/%s_%d.pb", folder, model_path, kind, number);
    return path;
}

// Every input of the file but the first is a constant, whose value lies beside it.
static int bind_constants(const struct onnx_model *model, const char *path,
                          struct onnx_constant *constants, char paths[MOST_INPUTS][1200])
{
    int at = 0, n = 0;
    for (int i = 0; i < model->n_inputs && at < MOST_INPUTS; i++) {
        bool known = false;
        for (int k = 0; k < model->n_initializers; k++) {
            known = known || strcmp(model->initializers[k].name, model->inputs[i].name) == 0;
        }
        if (known) {
            continue;
        }
        if (at > 0) {
            snprintf(paths[n], sizeof paths[n], "%s", data_file(path, "input", at));
            constants[n] = (struct onnx_constant){model->inputs[i].name, paths[n]};
            n++;
        }
        at++;
    }
    return n;
}

static void say(const char *path, const char *how, const char *reason)
{
    const char *at = strstr(reason, ".onnx: ");
    printf("%s %s: %s\n", how, tail(path), at != NULL ? at + strlen(".onnx: ") : reason);
}

// All outputs on one backend.
static bool outputs_match(const char *path, const struct network *network, const char *backend)
{
    struct onnx_model tensors = {0};
    struct onnx_tensor input, expected;
    assert_ok(onnx_model_read_tensor(&tensors, data_file(path, "input", 0), &input));
    bool matches = true;
    for (int i = 0; i < network->graph.n_outputs && matches; i++) {
        struct onnx_difference difference;
        char text[256] = "";
        assert_ok(onnx_model_read_tensor(&tensors, data_file(path, "output", i), &expected));
        if (onnx_run_compare(network, backend, &input, i, &expected, &difference) != OK) {
            say(path, "FAILED", status_message());
            matches = false;
            break;
        }
        // Some files hold four digits only.
        const double tolerance = expected.type == ONNX_F16 ? 1e-3 : 2e-4;
        matches =
            difference.same_size && difference.worst <= tolerance * fmax(difference.largest, 1e-2);
        if (!matches) {
            snprintf(text, sizeof text, "%s, output %d: %s, difference %g of %g", backend, i,
                     difference.same_size ? "values" : "another size", difference.worst,
                     difference.largest);
            say(path, "FAILED", text);
        }
    }
    onnx_model_close(&tensors);
    return matches;
}

static void try_one(const char *path, struct outcome *outcome)
{
    struct onnx_model model;
    struct onnx_constant constants[MOST_INPUTS];
    char paths[MOST_INPUTS][1200];
    if (onnx_model_open(path, &model) != OK) {
        outcome->refused++;
        say(path, "other", status_message());
        return;
    }
    const struct onnx_import_options options = {
        .constants = constants,
        .n_constants = bind_constants(&model, path, constants, paths),
        .keep_normalization = true,
    };
    struct network network;
    if (onnx_import(path, &options, &network) != OK) {
        outcome->refused++;
        say(path, "other", status_message());
    } else {
        if (outputs_match(path, &network, "ref") && outputs_match(path, &network, "cpu")) {
            outcome->passed++;
            printf("passed %s\n", tail(path));
        } else {
            outcome->failed++;
        }
        network_close(&network);
    }
    onnx_model_close(&model);
}

static void test_all(void **state)
{
    (void)state;
    glob_t found;
    struct outcome outcome = {0};
    assert_int_equal(glob(onnx_data_path("onnx/*/*/model.onnx"), 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        try_one(found.gl_pathv[i], &outcome);
    }
    printf("%zu tests: %d passed, %d other, %d failed\n", found.gl_pathc, outcome.passed,
           outcome.refused, outcome.failed);
    globfree(&found);
    assert_int_equal(outcome.failed, 0);
    assert_true(outcome.passed >= LEAST_PASSES);
}

// Whole networks, whose input is 0 / n, 1 / n, ... (n - 1) / n. Slow on ref.
static void test_light(void **state)
{
    (void)state;
    static const char *const names[] = {"densenet121", "inception_v2", "resnet50",
                                        "shufflenet",  "squeezenet",   "vgg19"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[1100], expected_path[1100];
        const char *folder = onnx_data_path("onnx/light");
        snprintf(path, sizeof path, "%s/light_%s.onnx", folder, names[i]);
        snprintf(expected_path, sizeof expected_path, "%s/light_%s_output_0.pb", folder, names[i]);
        struct network network;
        struct onnx_model tensors = {0};
        struct onnx_tensor expected;
        struct onnx_difference difference;
        assert_ok(onnx_import(path, NULL, &network));
        assert_ok(onnx_model_read_tensor(&tensors, expected_path, &expected));
        struct onnx_tensor input = {.type = ONNX_F32, .rank = 4, .dims = {1, 3, 224, 224}};
        onnx_row_major(input.dims, input.rank, input.strides);
        const size_t n = (size_t)onnx_tensor_count(&input);
        float *values = malloc(n * sizeof *values);
        for (size_t k = 0; k < n; k++) {
            values[k] = (float)((double)k / (double)n);
        }
        input.data = (const unsigned char *)values;
        assert_ok(onnx_run_compare(&network, "cpu", &input, 0, &expected, &difference));
        printf("%s: difference %g of %g\n", names[i], difference.worst, difference.largest);
        assert_true(difference.same_size && difference.worst <= 1e-3 * difference.largest);
        free(values);
        onnx_model_close(&tensors);
        network_close(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_light)};
    (void)onnx_data_path("onnx");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
