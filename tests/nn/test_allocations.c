// A plan in its steady state: our code calls the allocator never, and what the libraries take for a
// call they give back.
#include "core/machine.h"
#include "count_allocations.h"
#include "nn/plan_sequence.h"
#include "plan_case.h"

#include <malloc.h>
#include <stdlib.h>

// A sanitizer's allocator tells mallinfo2 nothing: calls alone are counted there, and a few show
// them.
#ifdef __SANITIZE_ADDRESS__
enum { STEPS = 50 };
#else
enum { STEPS = 1000 };
#endif
enum { N = 24, WARM_UP = 20 };

struct problem {
    struct graph graph;
    float *params;
    uint8_t *images;
    int32_t *labels;
    struct backend *backend;
};

static void open_problem(struct problem *p)
{
    plan_case_mixed(&p->graph, true);
    p->params = plan_case_params(&p->graph, 5);
    p->images = plan_case_images(&p->graph, N, 6);
    p->labels = plan_case_labels(&p->graph, N, 7);
    p->backend = plan_case_backend("cpu", 2, false);
}

static void close_problem(struct problem *p)
{
    backend_close(p->backend);
    graph_close(&p->graph);
    free(p->params);
    free(p->images);
    free(p->labels);
}

// Runs `step` until the libraries' caches are filled, then STEPS times.
static void check_steady(void (*step)(void *plan, const struct problem *p), void *plan,
                         const struct problem *p)
{
    for (int i = 0; i < WARM_UP; i++) {
        step(plan, p);
    }
    const long calls = allocations_so_far();
    const struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < STEPS; i++) {
        step(plan, p);
    }
    const struct mallinfo2 after = mallinfo2();
    assert_int_equal(allocations_so_far(), calls);
    // What the C library keeps at hand for a thread counts as in use and comes and goes by a few
    // KiB; a leak of 32 bytes a step shows.
    assert_true(after.uordblks < before.uordblks + (size_t)32 * STEPS);
    assert_true(after.hblkhd <= before.hblkhd);
}

static void infer_step(void *plan, const struct problem *p)
{
    float logits[N * 5];
    infer_run(plan, p->images, N - 1, logits); // the last chunk is not full
}

static void infer_one(void *plan, const struct problem *p)
{
    float logits[5];
    infer_run(plan, p->images, 1, logits); // the lanes share it
}

static void check_infer(bool int8, int batch)
{
    struct problem p;
    open_problem(&p);
    const struct infer_options options = {
        .batch = batch, .int8 = int8, .input = plan_case_input(false)};
    float ranges[64];
    for (int i = 0; i < 64; i++) {
        ranges[i] = 4.0F;
    }
    struct infer_plan *plan = NULL;
    assert_ok(infer_open(p.backend, &p.graph, &options, &plan));
    assert_ok(infer_load(plan, p.params, int8 ? ranges : NULL));
    check_steady(batch == 1 ? infer_one : infer_step, plan, &p);
    infer_close(plan);
    close_problem(&p);
}

static void test_infer(void **state)
{
    (void)state;
    check_infer(false, N);
    check_infer(false, 1);
}

static void test_infer_int8(void **state)
{
    (void)state;
    if (!machine_has_vnni()) {
        print_message("skipped: no AVX512-VNNI\n");
        return;
    }
    check_infer(true, N);
    check_infer(true, 1);
}

static void statistics_step(void *plan, const struct problem *p)
{
    statistics_run(plan, p->images);
}

static void test_statistics(void **state)
{
    (void)state;
    struct problem p;
    open_problem(&p);
    const struct statistics_options options = {
        .batch = N, .ranges = true, .input = plan_case_input(false)};
    struct statistics_plan *plan = NULL;
    assert_ok(statistics_open(p.backend, &p.graph, &options, &plan));
    assert_ok(statistics_begin(plan, p.params));
    check_steady(statistics_step, plan, &p);
    statistics_close(plan);
    close_problem(&p);
}

static void train_one(void *plan, const struct problem *p)
{
    struct train_result result;
    assert_ok(train_step(plan, p->images, p->labels, NULL, 1e-3F, &result));
}

static void test_train(void **state)
{
    (void)state;
    struct problem p;
    open_problem(&p);
    const struct train_options options = {.batch = N,
                                          .input = plan_case_input(false),
                                          .optimizer = {.kind = OPTIMIZER_ADAM,
                                                        .beta1 = 0.9F,
                                                        .beta2 = 0.999F,
                                                        .epsilon = 1e-8F,
                                                        .clip = 1.0F},
                                          .bn_momentum = 0.1F,
                                          .label_share = 1.0F,
                                          .temperature = 1.0F};
    struct train_plan *plan = NULL;
    assert_ok(train_open(p.backend, &p.graph, &options, &plan));
    assert_ok(train_load(plan, p.params));
    check_steady(train_one, plan, &p);
    train_close(plan);
    close_problem(&p);
}

struct sequence_run {
    struct sequence_plan *plan;
    float inputs[3 * 6 * 4], reset[3 * 6], state[3 * 10], output[3 * 6 * 5];
};

static void sequence_one(void *run, const struct problem *p)
{
    (void)p;
    struct sequence_run *r = run;
    double norm;
    sequence_forward(r->plan, r->inputs, r->reset, r->state, r->output);
    sequence_backward(r->plan, r->output, NULL);
    assert_ok(sequence_step(r->plan, 1e-3F, &norm));
}

static void test_sequence(void **state)
{
    (void)state;
    int x;
    struct problem p = {.backend = plan_case_backend("cpu", 2, false)};
    assert_ok(graph_begin(&p.graph, 6, 1, 4));
    assert_ok(graph_add_lstm(&p.graph, "lstm", 0, 5, &x));
    assert_ok(graph_finish(&p.graph));
    p.params = plan_case_params(&p.graph, 5);
    const struct sequence_options options = {
        .batch = 3,
        .training = true,
        .optimizer = {.kind = OPTIMIZER_RMSPROP, .alpha = 0.99F, .epsilon = 0.01F, .clip = 1.0F}};
    struct sequence_run run = {.inputs = {1.0F}};
    assert_ok(sequence_open(p.backend, &p.graph, &options, &run.plan));
    sequence_load(run.plan, p.params);
    check_steady(sequence_one, &run, &p);
    sequence_close(run.plan);
    close_problem(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_infer), cmocka_unit_test(test_infer_int8),
        cmocka_unit_test(test_statistics), cmocka_unit_test(test_train),
        cmocka_unit_test(test_sequence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
