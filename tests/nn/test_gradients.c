// Training plans: gradients of whole networks against central differences, on every backend, and
// against each other.
#include "core/rng.h"
#include "kind_case.h"
#include "plan_case.h"
#include "test_device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct problem {
    struct graph graph;
    float *params;
    void *images;
    int32_t *labels;
    float *targets; // NULL without distillation
    int batch;
    bool f32;
};

static void open_mixed(struct problem *p, int batch, bool distil)
{
    memset(p, 0, sizeof *p);
    plan_case_mixed(&p->graph, true);
    p->batch = batch;
    p->params = plan_case_params(&p->graph, 8);
    p->images = plan_case_images(&p->graph, batch, 9);
    p->labels = plan_case_labels(&p->graph, batch, 10);
    if (distil) {
        p->targets = calloc((size_t)batch * 5, sizeof(float));
        struct rng rng = rng_make(1, RNG_TEST, 9, 0);
        for (int i = 0; i < batch * 5; i++) {
            p->targets[i] = 2.0F * rng_normal(&rng);
        }
    }
}

static void open_sequence(struct problem *p, int batch)
{
    memset(p, 0, sizeof *p);
    plan_case_sequence(&p->graph);
    p->batch = batch;
    p->f32 = true;
    p->params = plan_case_params(&p->graph, 8);
    p->images = plan_case_vectors(&p->graph, batch, 9);
    p->labels = plan_case_labels(&p->graph, batch, 10);
}

static void close_problem(struct problem *p)
{
    graph_close(&p->graph);
    free(p->params);
    free(p->images);
    free(p->labels);
    free(p->targets);
}

static struct train_plan *open_plan(const struct problem *p, struct backend *backend)
{
    const struct train_options options = {.batch = p->batch,
                                          .input = plan_case_input(p->f32),
                                          .optimizer = {.kind = OPTIMIZER_SGD,
                                                        .momentum = 0.9F,
                                                        .weight_decay = 1e-3F,
                                                        .nesterov = true},
                                          .bn_momentum = 0.1F,
                                          .label_share = p->targets != NULL ? 0.3F : 1.0F,
                                          .temperature = p->targets != NULL ? 3.0F : 1.0F,
                                          .seed = 77};
    struct train_plan *plan = NULL;
    assert_ok(train_open(backend, &p->graph, &options, &plan));
    return plan;
}

static double loss_at(const struct problem *p, struct train_plan *plan, const float *params)
{
    struct train_result result;
    assert_ok(train_load(plan, params));
    assert_ok(train_gradient(plan, p->images, p->labels, p->targets, &result));
    return result.loss;
}

// Central differences along random directions within each parameter: robust in float32, and every
// parameter takes part. A kink of an activation inside the step shows up at one step size but not
// at a smaller one.
static void check_differences(const struct problem *p, const char *backend_name, bool check)
{
    struct backend *backend = plan_case_backend(backend_name, 2, check);
    struct train_plan *plan = open_plan(p, backend);
    const struct graph *g = &p->graph;
    float *gradients = calloc(g->n_trainable, sizeof *gradients);
    float *moved = calloc(g->n_floats, sizeof *moved),
          *direction = calloc(g->n_floats, sizeof *direction);
    loss_at(p, plan, p->params);
    train_gradients(plan, gradients);
    for (int i = 0; i < g->n_params; i++) {
        const struct param *param = &g->params[i];
        if (param->role == PARAM_MEAN || param->role == PARAM_VAR) {
            continue;
        }
        struct rng rng = rng_make(3, RNG_TEST, (uint64_t)i, 0);
        double expected = 0.0, norm = 0.0, best = 1e30;
        for (size_t j = param->offset; j < param->offset + param->count; j++) {
            direction[j] = rng_normal(&rng);
            expected += (double)direction[j] * (double)gradients[j];
            norm += (double)gradients[j] * (double)gradients[j];
        }
        const double tolerance = 0.02 * sqrt(norm) + 2e-4;
        for (int halvings = 0; halvings < 10 && best > tolerance; halvings++) {
            const float step = ldexpf(4e-3F, -halvings);
            double losses[2];
            for (int side = 0; side < 2; side++) {
                memcpy(moved, p->params, g->n_floats * sizeof *moved);
                for (size_t j = param->offset; j < param->offset + param->count; j++) {
                    moved[j] += (side == 0 ? step : -step) * direction[j];
                }
                losses[side] = loss_at(p, plan, moved);
            }
            const double slope = (losses[0] - losses[1]) / (2.0 * (double)step);
            best = fmin(best, fabs(slope - expected));
        }
        if (best > tolerance) {
            fail_msg("%s on %s: off by %g, gradient norm %g", param->name, backend_name, best,
                     sqrt(norm));
        }
    }
    free(gradients);
    free(moved);
    free(direction);
    train_close(plan);
    backend_close(backend);
}

static void test_mixed_ref(void **state)
{
    (void)state;
    struct problem p;
    open_mixed(&p, 4, false);
    check_differences(&p, "ref", false);
    close_problem(&p);
}

static void test_mixed_cpu(void **state)
{
    (void)state;
    struct problem p;
    open_mixed(&p, 8, false);
    check_differences(&p, "cpu", false);
    close_problem(&p);
}

// Every kind of node and every activation, on every backend.
static void test_every_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        for (int v = 0; v < kind_case_count((enum node_kind)kind); v++) {
            struct problem p = {.batch = 4};
            kind_case_build((enum node_kind)kind, v, &p.graph);
            p.params = plan_case_params(&p.graph, 8);
            p.images = plan_case_images(&p.graph, p.batch, 9);
            p.labels = plan_case_labels(&p.graph, p.batch, 10);
            check_differences(&p, "ref", false);
            check_differences(&p, "cpu", false);
            close_problem(&p);
        }
    }
}

// Gradients and loss where CUDA's kernels are emulated, against the reference's.
static void expect_same_gradients(const struct problem *p)
{
    const size_t n = p->graph.n_trainable;
    float *gradients[2] = {calloc(n + 1, sizeof(float)), calloc(n + 1, sizeof(float))};
    for (int i = 0; i < 2; i++) {
        struct backend *backend = plan_case_backend(i == 0 ? "ref" : "cuda_host", 1, false);
        struct train_plan *plan = open_plan(p, backend);
        gradients[i][n] = (float)loss_at(p, plan, p->params);
        assert_ok(train_gradients(plan, gradients[i]));
        train_close(plan);
        backend_close(backend);
    }
    assert_true(plan_case_difference(gradients[1], gradients[0], n + 1) < 1e-4);
    free(gradients[0]);
    free(gradients[1]);
}

static void test_emulated(void **state)
{
    (void)state;
    struct problem p;
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        for (int v = 0; v < kind_case_count((enum node_kind)kind); v++) {
            p = (struct problem){.batch = 4};
            kind_case_build((enum node_kind)kind, v, &p.graph);
            p.params = plan_case_params(&p.graph, 8);
            p.images = plan_case_images(&p.graph, p.batch, 9);
            p.labels = plan_case_labels(&p.graph, p.batch, 10);
            expect_same_gradients(&p);
            close_problem(&p);
        }
    }
    open_mixed(&p, 8, true);
    expect_same_gradients(&p);
    close_problem(&p);
    open_sequence(&p, 6);
    expect_same_gradients(&p);
    close_problem(&p);
}

static void test_distillation(void **state)
{
    (void)state;
    struct problem p;
    open_mixed(&p, 8, true);
    check_differences(&p, "cpu", false);
    close_problem(&p);
}

static void test_sequence(void **state)
{
    (void)state;
    struct problem p;
    open_sequence(&p, 6);
    check_differences(&p, "ref", false);
    check_differences(&p, "cpu", false);
    close_problem(&p);
}

// Three steps of training end at the same weights on every backend.
static void train_three(const struct problem *p, const char *name, bool check, int threads,
                        float *params)
{
    struct backend *backend = plan_case_backend(name, threads, check);
    struct train_plan *plan = open_plan(p, backend);
    struct train_result result;
    assert_ok(train_load(plan, p->params));
    for (int i = 0; i < 3; i++) {
        assert_ok(train_step(plan, p->images, p->labels, p->targets, 0.05F, &result));
    }
    train_params(plan, params);
    train_close(plan);
    backend_close(backend);
}

static void test_backends_agree(void **state)
{
    (void)state;
    struct problem p;
    open_mixed(&p, 16, false);
    const size_t n = p.graph.n_floats;
    float *ref = calloc(n, sizeof *ref), *other = calloc(n, sizeof *other),
          *lanes = calloc(n, sizeof *lanes);
    train_three(&p, "ref", false, 1, ref);
    train_three(&p, "ref", true, 1, other);
    assert_memory_equal(ref, other, n * sizeof *ref); // check mode is the same arithmetic
    train_three(&p, "cpu", false, 1, other);
    assert_true(plan_case_difference(other, ref, n) < 2e-4);
    train_three(&p, "cuda_host", false, 1, lanes);
    assert_true(plan_case_difference(lanes, ref, n) < 2e-4);
    train_three(&p, "cpu", false, 3, lanes);
    assert_memory_equal(other, lanes, n * sizeof *ref); // lanes do not matter
    free(ref);
    free(other);
    free(lanes);
    close_problem(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed_ref),     cmocka_unit_test(test_mixed_cpu),
        cmocka_unit_test(test_every_kind),    cmocka_unit_test(test_distillation),
        cmocka_unit_test(test_sequence),      cmocka_unit_test(test_emulated),
        cmocka_unit_test(test_backends_agree)};
    const int missing = test_device_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
