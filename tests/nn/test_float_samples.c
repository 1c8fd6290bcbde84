// Networks that read f32 samples, normalised inside: the same results as from samples normalised
// before, in every plan, and files that say so.
#include "nn/network_input.h"
#include "nn/zoo.h"
#include "plan_case.h"
#include "test_folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 12, C = 9, W = 16, CLASSES = 5, VALUES = N * C * W };

struct fixture {
    struct backend *backend;
    struct network network;
    float samples[VALUES], normalised[VALUES]; // of a scale far from that of pixels
    int32_t *labels;
};

static int open_fixture(void **state, struct backend *backend)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct network_info info = {.architecture = "convnet",
                                .dataset = "sensors",
                                .h = 1,
                                .w = W,
                                .c = C,
                                .classes = CLASSES,
                                .floats = true};
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    f->backend = backend;
    for (int c = 0; c < C; c++) {
        info.mean[c] = 100.0F * (float)c - 300.0F;
        info.std[c] = 50.0F + (float)c;
    }
    assert_int_equal(network_create(&info, 1, &f->network), OK);
    for (int i = 0; i < VALUES; i++) {
        f->normalised[i] = rng_normal(&rng);
        f->samples[i] = f->normalised[i] * info.std[i % C] + info.mean[i % C];
    }
    f->labels = plan_case_labels(&f->network.graph, N, 1);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return open_fixture(state, plan_case_backend("cpu", 2, false));
}

static int setup_check(void **state)
{
    return open_fixture(state, plan_case_backend("ref", 1, true));
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    network_close(&f->network);
    backend_close(f->backend);
    free(f->labels);
    free(f);
    return 0;
}

static void infer(struct fixture *f, struct plan_input input, const float *images,
                  const float *ranges, float *logits)
{
    const struct infer_options options = {.batch = N, .int8 = ranges != NULL, .input = input};
    struct infer_plan *plan;
    assert_ok(infer_open(f->backend, &f->network.graph, &options, &plan));
    assert_ok(infer_load(plan, f->network.params, ranges));
    infer_run(plan, images, N, logits);
    infer_close(plan);
}

static const struct plan_input vectors = {.f32 = true};

static void test_inference(void **state)
{
    struct fixture *f = *state;
    float *ranges = calloc((size_t)f->network.graph.n_nodes, sizeof *ranges);
    assert_non_null(ranges);
    const struct plan_input input = network_plan_input(&f->network.info);
    const struct statistics_options options = {.batch = N, .ranges = true, .input = input};
    struct statistics_plan *plan;
    assert_ok(statistics_open(f->backend, &f->network.graph, &options, &plan));
    assert_ok(statistics_begin(plan, f->network.params));
    statistics_run(plan, f->samples);
    statistics_finish(plan, f->network.params);
    statistics_ranges(plan, ranges);
    statistics_close(plan);
    float inside[N * CLASSES], before[N * CLASSES], int8[N * CLASSES];
    infer(f, input, f->samples, NULL, inside);
    infer(f, vectors, f->normalised, NULL, before);
    assert_true(plan_case_difference(inside, before, N * CLASSES) < 1e-4);
    if (f->backend->int8) { // not without AVX512-VNNI
        infer(f, vectors, f->normalised, ranges, int8);
        assert_true(plan_case_difference(int8, inside, N * CLASSES) < 0.25);
        infer(f, input, f->samples, ranges, int8);
        assert_true(plan_case_difference(int8, inside, N * CLASSES) < 0.25);
    }
    free(ranges);
}

static void test_training(void **state)
{
    struct fixture *f = *state;
    struct train_result results[2];
    const size_t n = f->network.graph.n_trainable;
    float *gradients[2] = {calloc(n, sizeof(float)), calloc(n, sizeof(float))};
    for (int i = 0; i < 2; i++) {
        const struct train_options options = {.batch = N,
                                              .input = i == 0 ? network_plan_input(&f->network.info)
                                                              : vectors,
                                              .bn_momentum = 0.1F,
                                              .label_share = 1,
                                              .temperature = 1};
        struct train_plan *plan;
        assert_non_null(gradients[i]);
        assert_ok(train_open(f->backend, &f->network.graph, &options, &plan));
        assert_ok(train_load(plan, f->network.params));
        assert_ok(train_gradient(plan, i == 0 ? f->samples : f->normalised, f->labels, NULL,
                                 &results[i]));
        train_gradients(plan, gradients[i]);
        train_close(plan);
    }
    assert_true(fabs(results[0].loss - results[1].loss) < 1e-4);
    assert_true(plan_case_difference(gradients[0], gradients[1], n) < 1e-3);
    free(gradients[0]);
    free(gradients[1]);
}

static void test_files_say_it(void **state)
{
    struct fixture *f = *state;
    struct test_folder folder;
    struct network loaded;
    test_folder_make(&folder);
    const char *path = test_folder_path(&folder, "sensors.safetensors");
    assert_ok(network_save(&f->network, path));
    assert_ok(network_load(path, NULL, &loaded));
    assert_true(loaded.info.floats);
    assert_memory_equal(loaded.info.mean, f->network.info.mean, sizeof loaded.info.mean);
    network_close(&loaded);
    f->network.info.floats = false;
    assert_ok(network_save(&f->network, path));
    const struct network_info sensors = {.floats = true}; // the file's own word holds
    assert_ok(network_load(path, &sensors, &loaded));
    assert_false(loaded.info.floats);
    network_close(&loaded);
    test_folder_remove(&folder);
}

static void test_kinds_of_samples_must_fit(void **state)
{
    struct fixture *f = *state;
    struct network_data data = {.name = "sensors", .h = 1, .w = W, .c = C, .classes = CLASSES};
    data.floats = true;
    assert_ok(network_check_data(&f->network, &data));
    data.floats = false;
    assert_int_equal(network_check_data(&f->network, &data), ERR_INPUT);
    assert_non_null(strstr(status_message(), "floating-point samples"));
}

// Along one row: 1 x 9 kernels, of as many weights as 3 x 3.
static void test_convnet_of_one_row(void **state)
{
    const struct fixture *f = *state;
    const struct graph *graph = &f->network.graph;
    int convs = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *n = &graph->nodes[i];
        if (n->kind == NODE_CONV) {
            assert_true(n->kernel[0] == 1 && n->kernel[1] == 9 && n->h == 1);
            assert_true(n->pad[0] == 0 && n->pad[2] == 0 && n->pad[1] == 4 && n->pad[3] == 4);
            assert_int_equal(n->w, W >> convs++);
        }
    }
    assert_int_equal(convs, 3);
    struct graph other;
    assert_int_equal(zoo_build("convnet", 1, 3, 9, 5, &other), ERR_CONFIG);
    assert_int_equal(zoo_build("convnet", 2, 16, 9, 5, &other), ERR_CONFIG);
    assert_non_null(strstr(status_message(), "or one row"));
    assert_int_equal(zoo_build("resnet20", 1, 128, 9, 5, &other), ERR_CONFIG);
    assert_non_null(strstr(status_message(), "convnet takes samples of one row"));
}

static void test_random_images(void **state)
{
    const struct fixture *f = *state;
    struct arena arena = {0};
    uint8_t *images;
    assert_int_equal(network_image_bytes(&f->network.info), W * C * sizeof(float));
    assert_ok(network_random_images(&f->network.info, 200, 1, &arena, &images));
    double sum = 0;
    for (int i = 0; i < 200 * W; i++) {
        float value;
        memcpy(&value, images + ((size_t)i * C + 3) * sizeof value, sizeof value);
        sum += (double)value;
    }
    assert_true(fabs(sum / (200 * W) - (double)f->network.info.mean[3]) < 5);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_inference, setup, teardown),
        cmocka_unit_test_setup_teardown(test_training, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inference, setup_check, teardown),
        cmocka_unit_test_setup_teardown(test_training, setup_check, teardown),
        cmocka_unit_test_setup_teardown(test_files_say_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kinds_of_samples_must_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_convnet_of_one_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_images, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
