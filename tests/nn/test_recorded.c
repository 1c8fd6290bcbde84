// Plans on a backend that records what it is given again and again: the same bytes as where every
// run is done afresh, whatever changes from run to run; and how often it is written to.
#include "plan_case.h"
#include "recording_backend.h"
#include "sequence_case.h"

enum { N = 6, CLASSES = 5, RUNS = 5, CHUNK_BYTES = 64 * 1024 }; // as the reference cuts

struct problem {
    struct graph graph;
    float *params[2], *ranges[2];
    uint8_t *images;
    int32_t *labels;
    float *targets; // a teacher's logits
    size_t image;
};

static void open_problem(struct problem *p)
{
    plan_case_mixed(&p->graph, true);
    for (int i = 0; i < 2; i++) {
        p->params[i] = plan_case_params(&p->graph, 5 + (uint64_t)i);
        p->ranges[i] = calloc((size_t)p->graph.n_nodes, sizeof(float));
        assert_non_null(p->ranges[i]);
        for (int node = 0; node < p->graph.n_nodes; node++) {
            p->ranges[i][node] = 1.0F + (float)i + (float)(node % 3);
        }
    }
    p->images = plan_case_images(&p->graph, N * RUNS, 6);
    p->labels = plan_case_labels(&p->graph, N * RUNS, 7);
    p->targets = sequence_case_values((size_t)N * RUNS * CLASSES, 8);
    p->image = (size_t)p->graph.nodes[0].h * (size_t)p->graph.nodes[0].w * 3;
}

static void close_problem(struct problem *p)
{
    graph_close(&p->graph);
    for (int i = 0; i < 2; i++) {
        free(p->params[i]);
        free(p->ranges[i]);
    }
    free(p->images);
    free(p->labels);
    free(p->targets);
}

static const uint8_t *images_of(const struct problem *p, int run)
{
    return p->images + (size_t)(run * N) * p->image;
}

// Weights and ranges come anew after some runs; the last run has fewer images.
static void infer(const struct problem *p, struct backend *backend, bool int8, float *logits)
{
    const struct infer_options options = {
        .batch = N, .int8 = int8, .input = plan_case_input(false)};
    struct infer_plan *plan = NULL;
    assert_ok(infer_open(backend, &p->graph, &options, &plan));
    for (int load = 0; load < 2; load++) {
        assert_ok(infer_load(plan, p->params[load], int8 ? p->ranges[load] : NULL));
        for (int run = 0; run < RUNS; run++) {
            const int n = run == RUNS - 1 ? N - 2 : N;
            assert_ok(infer_run(plan, images_of(p, run), n, logits));
            logits += n * CLASSES;
        }
    }
    infer_close(plan);
}

static void inference_is_the_same(void **state)
{
    (void)state;
    struct problem p;
    open_problem(&p);
    for (int int8 = 0; int8 < 2; int8++) {
        float expected[2 * N * RUNS * CLASSES] = {0}, got[2 * N * RUNS * CLASSES] = {0};
        struct backend *ref = plan_case_backend("ref", 1, false);
        struct backend *device = recording_backend_open(CHUNK_BYTES);
        infer(&p, ref, int8 == 1, expected);
        infer(&p, device, int8 == 1, got);
        assert_memory_equal(got, expected, sizeof got);
        assert_true(recording_backend_counts(device)->replayed >= 2 * (RUNS - 3));
        backend_close(ref);
        recording_backend_close(device);
    }
    close_problem(&p);
}

// One block for all weights and factors; images are another.
static void a_load_is_one_upload(void **state)
{
    (void)state;
    struct problem p;
    open_problem(&p);
    struct backend *device = recording_backend_open(CHUNK_BYTES);
    struct recording_counts *counts = recording_backend_counts(device);
    const struct infer_options options = {
        .batch = N, .int8 = true, .input = plan_case_input(false)};
    struct infer_plan *plan = NULL;
    assert_ok(infer_open(device, &p.graph, &options, &plan));
    counts->uploads = 0;
    assert_ok(infer_load(plan, p.params[0], p.ranges[0]));
    assert_int_equal(counts->uploads, 1);
    infer_close(plan);
    const struct statistics_options gather = {.batch = N, .input = plan_case_input(false)};
    struct statistics_plan *statistics = NULL;
    assert_ok(statistics_open(device, &p.graph, &gather, &statistics));
    counts->uploads = 0;
    assert_ok(statistics_begin(statistics, p.params[0]));
    assert_int_equal(counts->uploads, 1);
    assert_ok(statistics_run(statistics, p.images));
    assert_int_equal(counts->uploads, 2);
    statistics_close(statistics);
    recording_backend_close(device);
    close_problem(&p);
}

static void gather(const struct problem *p, struct backend *backend, float *params, float *ranges)
{
    const struct statistics_options options = {
        .batch = N, .ranges = true, .input = plan_case_input(false)};
    struct statistics_plan *plan = NULL;
    memcpy(params, p->params[0], p->graph.n_floats * sizeof *params);
    assert_ok(statistics_open(backend, &p->graph, &options, &plan));
    assert_ok(statistics_begin(plan, params));
    for (int run = 0; run < RUNS; run++) {
        assert_ok(statistics_run(plan, images_of(p, run)));
    }
    statistics_finish(plan, params);
    statistics_ranges(plan, ranges);
    statistics_close(plan);
}

static void statistics_are_the_same(void **state)
{
    (void)state;
    struct problem p;
    open_problem(&p);
    const size_t n = p.graph.n_floats, nodes = (size_t)p.graph.n_nodes;
    float *expected = calloc(2 * (n + nodes), sizeof *expected), *got = expected + n + nodes;
    assert_non_null(expected);
    struct backend *ref = plan_case_backend("ref", 1, false);
    struct backend *device = recording_backend_open(CHUNK_BYTES);
    gather(&p, ref, expected, expected + n);
    gather(&p, device, got, got + n);
    assert_memory_equal(got, expected, (n + nodes) * sizeof *got);
    assert_true(recording_backend_counts(device)->replayed >= RUNS - 1);
    backend_close(ref);
    recording_backend_close(device);
    free(expected);
    close_problem(&p);
}

// Rates and dropout masks change from step to step, and the gradient is clipped.
static void train(const struct problem *p, struct backend *backend, float *params, double *losses)
{
    const struct train_options options = {.batch = N,
                                          .input = plan_case_input(false),
                                          .optimizer = {.kind = OPTIMIZER_ADAM,
                                                        .epsilon = 1e-8F,
                                                        .beta1 = 0.9F,
                                                        .beta2 = 0.999F,
                                                        .clip = 0.5F},
                                          .bn_momentum = 0.1F,
                                          .label_share = 0.7F,
                                          .temperature = 2.0F,
                                          .seed = 77};
    struct train_plan *plan = NULL;
    assert_ok(train_open(backend, &p->graph, &options, &plan));
    assert_ok(train_load(plan, p->params[0]));
    for (int run = 0; run < RUNS; run++) {
        struct train_result result;
        assert_ok(train_step(plan, images_of(p, run), p->labels + run * N,
                             p->targets + run * N * CLASSES, 0.01F / (float)(run + 1), &result));
        losses[2 * run] = result.loss;
        losses[2 * run + 1] = result.gradient_norm;
    }
    assert_ok(train_params(plan, params));
    train_close(plan);
}

// Steps on one batch, each sent anew or only the first. Returns copies to the device.
static int64_t train_on_one(const struct problem *p, bool again, float *params)
{
    struct backend *device = recording_backend_open(CHUNK_BYTES);
    const struct train_options options = {.batch = N,
                                          .input = plan_case_input(false),
                                          .optimizer = {.kind = OPTIMIZER_SGD, .momentum = 0.9F},
                                          .bn_momentum = 0.1F,
                                          .label_share = 1,
                                          .temperature = 1,
                                          .seed = 77};
    struct train_plan *plan = NULL;
    assert_ok(train_open(device, &p->graph, &options, &plan));
    assert_ok(train_load(plan, p->params[0]));
    for (int run = 0; run < RUNS; run++) {
        struct train_result result;
        assert_ok(run > 0 && again
                      ? train_step_again(plan, 0.01F, &result)
                      : train_step(plan, images_of(p, 0), p->labels, NULL, 0.01F, &result));
    }
    assert_ok(train_params(plan, params));
    const int64_t uploads = recording_backend_counts(device)->uploads;
    train_close(plan);
    recording_backend_close(device);
    return uploads;
}

static void a_batch_is_sent_once(void **state)
{
    (void)state;
    struct problem p;
    open_problem(&p);
    const size_t n = p.graph.n_floats;
    float *params = calloc(2 * n, sizeof *params);
    assert_non_null(params);
    const int64_t each = train_on_one(&p, false, params), once = train_on_one(&p, true, params + n);
    assert_memory_equal(params, params + n, n * sizeof *params);
    assert_int_equal(each - once, 2 * (RUNS - 1)); // images, labels
    free(params);
    close_problem(&p);
}

static void training_is_the_same(void **state)
{
    (void)state;
    struct problem p;
    open_problem(&p);
    const size_t n = p.graph.n_floats;
    float *expected = calloc(2 * n, sizeof *expected), *got = expected + n;
    assert_non_null(expected);
    static const int chunks[] = {CHUNK_BYTES, 0}; // 0: a batch is one chunk
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        double losses[2 * RUNS], others[2 * RUNS];
        struct backend *ref = plan_case_backend("ref", 1, false);
        struct backend *device = recording_backend_open(chunks[i]);
        train(&p, ref, expected, losses);
        train(&p, device, got, others);
        if (chunks[i] > 0) {
            assert_memory_equal(got, expected, n * sizeof *got);
            assert_memory_equal(others, losses, sizeof losses);
        } else {
            assert_true(plan_case_difference(got, expected, n) < 1e-4);
        }
        assert_true(recording_backend_counts(device)->replayed >= 2 * (RUNS - 1));
        backend_close(ref);
        recording_backend_close(device);
    }
    free(expected);
    close_problem(&p);
}

static void learn(const struct sequence_case *p, struct backend *backend, float *params,
                  float *output, float *d_inputs)
{
    const size_t states = (size_t)p->batch * CASE_STATE;
    float *carried = calloc(states, sizeof *carried);
    struct sequence_plan *plan = NULL;
    const struct sequence_options options = {
        .batch = p->batch,
        .training = true,
        .input_gradient = true,
        .optimizer = {.kind = OPTIMIZER_RMSPROP, .alpha = 0.9F, .epsilon = 0.01F, .clip = 0.5F}};
    assert_non_null(carried);
    memcpy(carried, p->state, states * sizeof *carried);
    assert_ok(sequence_open(backend, &p->graph, &options, &plan));
    sequence_load(plan, p->params);
    for (int run = 0; run < RUNS; run++) {
        double norm;
        assert_ok(
            sequence_forward(plan, p->inputs, run % 2 == 0 ? p->reset : NULL, carried, output));
        assert_ok(sequence_backward(plan, p->d_output, d_inputs));
        assert_ok(sequence_step(plan, 0.1F / (float)(run + 1), &norm));
    }
    assert_ok(sequence_params(plan, params));
    sequence_close(plan);
    free(carried);
}

static void sequences_are_the_same(void **state)
{
    (void)state;
    struct sequence_case p;
    sequence_case_open(&p, 4, CASE_STEPS);
    const size_t rows = sequence_case_rows(&p), n = p.graph.n_floats;
    const size_t all = n + rows * (CASE_OUT + CASE_IN);
    float *expected = calloc(2 * all, sizeof *expected), *got = expected + all;
    assert_non_null(expected);
    struct backend *ref = plan_case_backend("ref", 1, false);
    struct backend *device = recording_backend_open(CHUNK_BYTES);
    learn(&p, ref, expected, expected + n, expected + n + rows * CASE_OUT);
    learn(&p, device, got, got + n, got + n + rows * CASE_OUT);
    assert_memory_equal(got, expected, all * sizeof *got);
    // The forward part begins anew once the first gradient has a place.
    assert_true(recording_backend_counts(device)->replayed >= 3 * (RUNS - 1) - 1);
    backend_close(ref);
    recording_backend_close(device);
    free(expected);
    sequence_case_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_is_the_same),   cmocka_unit_test(a_load_is_one_upload),
        cmocka_unit_test(statistics_are_the_same), cmocka_unit_test(a_batch_is_sent_once),
        cmocka_unit_test(training_is_the_same),    cmocka_unit_test(sequences_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
