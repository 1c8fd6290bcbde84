// The probe against the independent evaluator (any node) and the fused plan (the last one), for u8
// and f32 input, on both backends, with fewer images than it was opened for.
#include "graph_evaluate.h"
#include "nn/probe.h"
#include "plan_case.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 5, IMAGES = 3 };

static size_t count_of(const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

static void check_infer(struct backend *backend, const struct graph *graph, const float *params,
                        const struct plan_input *input, const void *images, const float *got)
{
    const struct infer_options options = {.batch = BATCH, .input = *input};
    struct infer_plan *plan;
    assert_ok(infer_open(backend, graph, &options, &plan));
    assert_ok(infer_load(plan, params, NULL));
    const size_t n = IMAGES * count_of(graph, graph->n_nodes - 1);
    float *logits = malloc(n * sizeof *logits);
    assert_non_null(logits);
    infer_run(plan, images, IMAGES, logits);
    assert_true(plan_case_difference(got, logits, n) < 1e-4);
    free(logits);
    infer_close(plan);
}

static void check_network(const struct graph *graph, bool f32, const char *backend_name, bool check)
{
    struct backend *backend = plan_case_backend(backend_name, 2, check);
    float *params = plan_case_params(graph, 7);
    uint8_t *bytes = plan_case_images(graph, IMAGES, 8);
    float *vectors = plan_case_vectors(graph, IMAGES, 8);
    const void *images = f32 ? (const void *)vectors : bytes;
    const struct plan_input input = plan_case_input(f32);
    struct probe *probe;
    assert_ok(probe_open(backend, graph, BATCH, &input, &probe));
    assert_ok(probe_load(probe, params));
    assert_ok(probe_run(probe, images, IMAGES));
    check_infer(backend, graph, params, &input, images, probe_output(probe, graph->n_nodes - 1));
    const float *first = probe_output(probe, 0); // normalised, or as given
    for (size_t i = 0; i < IMAGES * count_of(graph, 0); i++) {
        const size_t c = i % (size_t)graph->nodes[0].c;
        const float expected =
            f32 ? vectors[i] : ((float)bytes[i] / 255.0F - input.mean[c]) / input.std[c];
        assert_true(fabsf(first[i] - expected) < 1e-5F * fmaxf(1, fabsf(expected)));
    }
    // A second load and run replaces the first.
    params[0] += 1.0F;
    assert_ok(probe_load(probe, params));
    assert_ok(probe_run(probe, images, 1));
    assert_ok(probe_run(probe, images, IMAGES));
    check_infer(backend, graph, params, &input, images, probe_output(probe, graph->n_nodes - 1));
    probe_close(probe);
    free(params);
    free(bytes);
    free(vectors);
    backend_close(backend);
}

static void test_images(void **state)
{
    (void)state;
    struct graph graph = {0};
    plan_case_mixed(&graph, true);
    for (int f32 = 0; f32 < 2; f32++) {
        check_network(&graph, f32 != 0, "ref", true);
        check_network(&graph, f32 != 0, "cpu", false);
    }
    graph_close(&graph);
}

static void test_sequence(void **state)
{
    (void)state;
    struct graph graph = {0};
    plan_case_sequence(&graph);
    check_network(&graph, true, "ref", true);
    check_network(&graph, true, "cpu", false);
    graph_close(&graph);
}

// Values inside: every prefix of the network, evaluated by plain loops.
static void test_inner_nodes(void **state)
{
    (void)state;
    struct graph graph = {0};
    plan_case_mixed(&graph, false);
    struct backend *backend = plan_case_backend("ref", 1, true);
    float *params = plan_case_params(&graph, 9);
    float *vectors = plan_case_vectors(&graph, 1, 10);
    double *input = malloc(count_of(&graph, 0) * sizeof *input);
    assert_non_null(input);
    for (size_t i = 0; i < count_of(&graph, 0); i++) {
        input[i] = (double)vectors[i];
    }
    const struct plan_input plan_input = plan_case_input(true);
    struct probe *probe;
    assert_ok(probe_open(backend, &graph, 1, &plan_input, &probe));
    assert_ok(probe_load(probe, params));
    assert_ok(probe_run(probe, vectors, 1));
    for (int node = 1; node < graph.n_nodes; node++) {
        struct graph prefix = graph; // borrows everything
        prefix.n_nodes = node + 1;
        double *expected = graph_evaluate(&prefix, params, input);
        const float *got = probe_output(probe, node);
        for (size_t i = 0; i < count_of(&graph, node); i++) {
            assert_true(fabs((double)got[i] - expected[i]) < 1e-3 * fmax(1, fabs(expected[i])));
        }
        free(expected);
    }
    probe_close(probe);
    free(input);
    free(params);
    free(vectors);
    graph_close(&graph);
    backend_close(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_sequence),
        cmocka_unit_test(test_inner_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
