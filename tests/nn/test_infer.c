// Inference plans: against the node-by-node probe on the reference backend, on every backend, at
// batches that do not divide into chunks, in float32 and int8.
#include "core/machine.h"
#include "nn/probe.h"
#include "nn/zoo.h"
#include "plan_case.h"
#include "test_device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 21, CLASSES = 5 };

struct fixture {
    struct graph graph;
    float *params;
    uint8_t *images;
    float expected[N * CLASSES];
};

// The unfused network on plain loops is the truth.
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    plan_case_mixed(&f->graph, true);
    f->params = plan_case_params(&f->graph, 5);
    f->images = plan_case_images(&f->graph, N, 6);
    struct backend *ref = plan_case_backend("ref", 1, false);
    const struct plan_input input = plan_case_input(false);
    struct probe *probe = NULL;
    assert_ok(probe_open(ref, &f->graph, N, &input, &probe));
    assert_ok(probe_load(probe, f->params));
    assert_ok(probe_run(probe, f->images, N));
    memcpy(f->expected, probe_output(probe, f->graph.n_nodes - 1), sizeof f->expected);
    probe_close(probe);
    backend_close(ref);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    graph_close(&f->graph);
    free(f->params);
    free(f->images);
    free(f);
    return 0;
}

static void infer(const struct fixture *f, struct backend *backend, int batch, const float *ranges,
                  float *logits)
{
    const struct infer_options options = {
        .batch = batch, .int8 = ranges != NULL, .input = plan_case_input(false)};
    struct infer_plan *plan = NULL;
    assert_ok(infer_open(backend, &f->graph, &options, &plan));
    assert_ok(infer_load(plan, f->params, ranges));
    const size_t image = (size_t)f->graph.nodes[0].h * (size_t)f->graph.nodes[0].w * 3;
    for (int first = 0; first < N; first += batch) {
        const int n = N - first < batch ? N - first : batch;
        infer_run(plan, f->images + (size_t)first * image, n, logits + (size_t)first * CLASSES);
    }
    infer_close(plan);
}

static void check_backend(const struct fixture *f, const char *name, int threads, bool check)
{
    const int batches[] = {1, 2, 7, 16, N};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        float logits[N * CLASSES];
        struct backend *backend = plan_case_backend(name, threads, check);
        infer(f, backend, batches[i], NULL, logits);
        backend_close(backend);
        assert_true(plan_case_difference(logits, f->expected, N * CLASSES) < 1e-4);
    }
}

static void test_ref(void **state)
{
    check_backend(*state, "ref", 1, false);
}

static void test_check_mode(void **state)
{
    check_backend(*state, "ref", 1, true);
}

static void test_cpu(void **state)
{
    check_backend(*state, "cpu", 2, false);
}

// The images of the last run once more, whole and partly filled batches.
static void test_again(void **state)
{
    const struct fixture *f = *state;
    static const char *const names[] = {"ref", "cpu", "cuda_host"};
    float first[N * CLASSES], again[N * CLASSES];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct backend *backend = plan_case_backend(names[i], 2, i == 0); // ref: checked
        const struct infer_options options = {.batch = N, .input = plan_case_input(false)};
        struct infer_plan *plan = NULL;
        assert_ok(infer_open(backend, &f->graph, &options, &plan));
        assert_ok(infer_load(plan, f->params, NULL));
        for (int n = N; n > 0; n -= 3) {
            const size_t bytes = (size_t)n * CLASSES * sizeof *first;
            assert_ok(infer_run(plan, f->images, n, first));
            for (int times = 0; times < 3; times++) {
                memset(again, 0, sizeof again);
                assert_ok(infer_run_again(plan, n, again));
                assert_memory_equal(first, again, bytes);
            }
        }
        infer_close(plan);
        backend_close(backend);
    }
}

static void test_emulated(void **state)
{
    check_backend(*state, "cuda_host", 1, false);
}

// Results are the same bytes for any number of lanes.
static void test_lanes_do_not_matter(void **state)
{
    const struct fixture *f = *state;
    float one[N * CLASSES], other[N * CLASSES];
    struct backend *backend = plan_case_backend("cpu", 1, false);
    infer(f, backend, N, NULL, one);
    backend_close(backend);
    for (int threads = 2; threads <= 5; threads++) {
        backend = plan_case_backend("cpu", threads, false);
        infer(f, backend, N, NULL, other);
        backend_close(backend);
        assert_memory_equal(one, other, sizeof one);
    }
}

static void gather_ranges(const struct fixture *f, struct backend *backend, float *ranges)
{
    const struct statistics_options options = {
        .batch = N, .ranges = true, .input = plan_case_input(false)};
    struct statistics_plan *plan = NULL;
    assert_ok(statistics_open(backend, &f->graph, &options, &plan));
    assert_ok(statistics_begin(plan, f->params));
    statistics_run(plan, f->images);
    statistics_finish(plan, f->params);
    statistics_ranges(plan, ranges);
    statistics_close(plan);
}

static void test_int8(void **state)
{
    struct fixture *f = *state;
    struct backend *cpu = plan_case_backend("cpu", 2, false);
    struct backend *ref = plan_case_backend("ref", 1, false);
    if (!cpu->int8) {
        print_message("skipped: no AVX512-VNNI\n");
        backend_close(cpu);
        backend_close(ref);
        return;
    }
    float ranges[64], exact[N * CLASSES], by_ref[N * CLASSES], by_cpu[N * CLASSES];
    assert_true(f->graph.n_nodes <= 64);
    gather_ranges(f, ref, ranges);
    infer(f, ref, N, NULL, exact);
    infer(f, ref, N, ranges, by_ref);
    infer(f, cpu, N, ranges, by_cpu);
    assert_true(plan_case_difference(by_ref, exact, N * CLASSES) < 0.25); // quantisation noise
    assert_true(plan_case_difference(by_ref, exact, N * CLASSES) > 1e-6); // it really is int8
    assert_true(plan_case_difference(by_cpu, by_ref, N * CLASSES) <
                0.02); // an integer off by one here and there
    backend_close(cpu);
    backend_close(ref);
}

// One image on many lanes, which then share it, is the same bytes as on one. int8 ranges are made
// up: they decide which integers there are, not how they come about.
static void one_image(const char *name, bool int8, int threads, float *logits)
{
    struct graph graph = {0};
    assert_ok(zoo_build(name, 32, 32, 3, CLASSES, &graph));
    float *params = plan_case_params(&graph, 5);
    float *ranges = calloc((size_t)graph.n_nodes, sizeof *ranges);
    uint8_t *images = plan_case_images(&graph, 2, 6);
    const size_t image = (size_t)32 * 32 * 3;
    assert_non_null(ranges);
    for (int i = 0; i < graph.n_nodes; i++) {
        ranges[i] = 3.0F;
    }
    struct backend *backend = plan_case_backend("cpu", threads, false);
    const struct infer_options options = {
        .batch = 1, .int8 = int8, .input = plan_case_input(false)};
    struct infer_plan *plan = NULL;
    assert_ok(infer_open(backend, &graph, &options, &plan));
    for (int load = 0; load < 2; load++) { // weights may come anew
        assert_ok(infer_load(plan, params, int8 ? ranges : NULL));
        for (int i = 0; i < 2; i++) {
            infer_run(plan, images + (size_t)i * image, 1, logits + i * CLASSES);
        }
    }
    infer_close(plan);
    backend_close(backend);
    graph_close(&graph);
    free(params);
    free(ranges);
    free(images);
}

static void test_one_image_on_many_lanes(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet20", "mobilenet_v2", "densenet40"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (int int8 = 0; int8 <= (int)machine_has_vnni(); int8++) {
            float one[2 * CLASSES], other[2 * CLASSES];
            one_image(names[i], int8 != 0, 1, one);
            assert_memory_not_equal(one, one + CLASSES, CLASSES * sizeof *one);
            for (int threads = 2; threads <= 5; threads++) {
                one_image(names[i], int8 != 0, threads, other);
                assert_memory_equal(one, other, sizeof one);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ref),   cmocka_unit_test(test_check_mode),
        cmocka_unit_test(test_cpu),   cmocka_unit_test(test_emulated),
        cmocka_unit_test(test_again), cmocka_unit_test(test_lanes_do_not_matter),
        cmocka_unit_test(test_int8),  cmocka_unit_test(test_one_image_on_many_lanes)};
    const int missing = test_device_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, setup, teardown);
}
