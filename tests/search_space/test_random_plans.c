// Random networks, also those of spaces, whole and slimmed, through every plan: the fused float32
// and int8 inference and the gradients of the cpu backend against plain loops, at the odd widths
// that slimming leaves.
#include "nas_case.h"
#include "nn/graph_text.h"
#include "nn/probe.h"
#include "random_graph.h"
#include "search_space/slim.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>

static struct backend *cpu, *ref;

enum { IMAGES = 6, NETWORKS = 300, MOST_CLASSES = 5, OF_SPACE = 14 };

static const float mean[3] = {0.4F, 0.5F, 0.6F}, deviation[3] = {0.2F, 0.25F, 0.3F};
static const struct plan_input plan_input = {.mean = mean, .std = deviation};

struct sample { // a slimmed network and a batch for it
    struct graph graph;
    float *params; // from malloc
    uint8_t images[IMAGES * 8 * 8 * 3];
    int32_t labels[IMAGES];
    int classes;
};

// Takes over `whole`. All channels, or random ones.
static void open_sample(struct sample *s, struct graph *whole, bool slimmed, struct rng *rng)
{
    struct arena arena = {0};
    struct groups groups = {0};
    float *params = calloc(whole->n_floats, sizeof *params);
    assert_non_null(params);
    random_graph_params(whole, rng, params);
    if (slimmed) {
        assert_ok(groups_find(whole, &groups));
        const struct keep keep = random_keep(&groups, rng, &arena);
        assert_ok(slim_network(whole, &groups, params, &keep, &s->graph, &s->params));
        graph_close(whole);
        free(params);
    } else {
        s->graph = *whole;
        s->params = params;
    }
    for (size_t i = 0; i < sizeof s->images; i++) {
        s->images[i] = (uint8_t)rng_below(rng, 256);
    }
    s->classes = s->graph.nodes[graph_output_node(&s->graph)].c;
    assert_true(s->classes <= MOST_CLASSES);
    for (int i = 0; i < IMAGES; i++) {
        s->labels[i] = (int32_t)rng_below(rng, (uint32_t)s->classes);
    }
    groups_close(&groups);
    arena_close(&arena);
}

static void close_sample(struct sample *s)
{
    graph_close(&s->graph);
    free(s->params);
}

static void infer(struct backend *backend, const struct sample *s, const float *ranges,
                  float *logits)
{
    const struct infer_options options = {
        .batch = IMAGES, .int8 = ranges != NULL, .input = plan_input};
    struct infer_plan *plan;
    assert_ok(infer_open(backend, &s->graph, &options, &plan));
    assert_ok(infer_load(plan, s->params, ranges));
    infer_run(plan, s->images, IMAGES, logits);
    infer_close(plan);
}

// The greatest difference, as a share of the greatest value.
static double difference(const float *got, const float *expected, size_t n)
{
    double most = 1e-6, worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        assert_true(isfinite(got[i]) && isfinite(expected[i]));
        most = fmax(most, fabs((double)expected[i]));
        worst = fmax(worst, fabs((double)got[i] - (double)expected[i]));
    }
    return worst / most;
}

static void check(const char *what, uint64_t number, double got, double allowed)
{
    if (!(got <= allowed)) {
        fail_msg("network %d: %s is off by %g, %g is allowed", (int)number, what, got, allowed);
    }
}

// Fused inference against the unfused network, node by node on plain loops.
static void check_float(const struct sample *s, uint64_t number)
{
    const size_t n = (size_t)IMAGES * (size_t)s->classes;
    float fused[IMAGES * MOST_CLASSES];
    struct probe *probe;
    assert_ok(probe_open(ref, &s->graph, IMAGES, &plan_input, &probe));
    assert_ok(probe_load(probe, s->params));
    assert_ok(probe_run(probe, s->images, IMAGES));
    infer(cpu, s, NULL, fused);
    check("float32", number,
          difference(fused, probe_output(probe, graph_output_node(&s->graph)), n), 1e-4);
    probe_close(probe);
}

// int8 does the same integer arithmetic on both backends; a rounding that falls the other way here
// and there is all that may differ.
static void check_int8(const struct sample *s, uint64_t number)
{
    const struct statistics_options options = {
        .batch = IMAGES, .ranges = true, .input = plan_input};
    struct statistics_plan *plan;
    float *ranges = calloc((size_t)s->graph.n_nodes, sizeof *ranges);
    float by_cpu[IMAGES * MOST_CLASSES], by_ref[IMAGES * MOST_CLASSES];
    assert_non_null(ranges);
    assert_ok(statistics_open(ref, &s->graph, &options, &plan));
    assert_ok(statistics_begin(plan, s->params));
    statistics_run(plan, s->images);
    statistics_ranges(plan, ranges);
    statistics_finish(plan, s->params);
    statistics_close(plan);
    infer(cpu, s, ranges, by_cpu);
    infer(ref, s, ranges, by_ref);
    check("int8", number, difference(by_cpu, by_ref, (size_t)IMAGES * (size_t)s->classes), 0.05);
    free(ranges);
}

static float *gradients(struct backend *backend, const struct sample *s, double *loss)
{
    const struct train_options options = {.batch = IMAGES,
                                          .input = plan_input,
                                          .optimizer = {.kind = OPTIMIZER_SGD},
                                          .bn_momentum = 0.1F,
                                          .label_share = 1.0F,
                                          .temperature = 1.0F,
                                          .seed = 5};
    struct train_plan *plan;
    struct train_result result;
    float *values = calloc(s->graph.n_trainable, sizeof *values);
    assert_non_null(values);
    assert_ok(train_open(backend, &s->graph, &options, &plan));
    assert_ok(train_load(plan, s->params));
    assert_ok(train_gradient(plan, s->images, s->labels, NULL, &result));
    train_gradients(plan, values);
    train_close(plan);
    *loss = result.loss;
    return values;
}

static void check_gradients(const struct sample *s, uint64_t number)
{
    double loss_cpu, loss_ref;
    float *by_cpu = gradients(cpu, s, &loss_cpu), *by_ref = gradients(ref, s, &loss_ref);
    check("the loss", number, fabs(loss_cpu - loss_ref) / fmax(1.0, fabs(loss_ref)), 1e-4);
    // An activation at exactly zero may pass a gradient on one side only: compare in the mean.
    double squares = 0.0, off = 0.0;
    for (size_t i = 0; i < s->graph.n_trainable; i++) {
        const double d = (double)by_cpu[i] - (double)by_ref[i];
        squares += (double)by_ref[i] * (double)by_ref[i];
        off += d * d;
    }
    check("the gradient", number, sqrt(off / fmax(squares, 1e-12)), 2e-3);
    free(by_cpu);
    free(by_ref);
}

// Written and read again it is the same graph, to the byte.
static void check_text(const struct sample *s)
{
    struct text text = {0}, again = {0};
    struct graph read;
    graph_write(&s->graph, &text);
    assert_false(text.failed);
    assert_ok(graph_read_text(text.bytes, &read));
    graph_write(&read, &again);
    assert_string_equal(again.bytes, text.bytes);
    assert_int_equal(read.n_floats, s->graph.n_floats);
    graph_close(&read);
    text_close(&text);
    text_close(&again);
}

static void check_sample(struct sample *s, uint64_t number)
{
    check_text(s);
    check_float(s, number);
    check_gradients(s, number);
    if (cpu->int8) {
        check_int8(s, number);
    }
    close_sample(s);
}

static void test_random_networks(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < NETWORKS; number++) {
        struct rng rng = rng_make(31, RNG_TEST, number, 0);
        struct random_tally tally = {0};
        struct graph graph = {0};
        struct sample s = {0};
        random_graph_build(&rng, &graph, &tally);
        open_sample(&s, &graph, true, &rng);
        check_sample(&s, number);
    }
}

static void test_spaces(void **state)
{
    (void)state;
    for (int kind = 0; nas_spaces[kind] != NULL; kind++) {
        for (uint64_t i = 0; i < OF_SPACE; i++) {
            const uint64_t number = 1000 * (uint64_t)(kind + 1) + i;
            struct rng rng = rng_make(33, RNG_TEST, number, 0);
            struct graph graph = {0};
            struct sample s = {0};
            nas_case_network((enum nas_space_kind)kind, i, &graph);
            open_sample(&s, &graph, i % 3 == 2, &rng);
            check_sample(&s, number);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_spaces),
    };
    const struct backend_options options = {.threads = 2};
    CHECK(backend_open("cpu", &options, &cpu) == OK);
    CHECK(backend_open("ref", &options, &ref) == OK);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    backend_close(cpu);
    backend_close(ref);
    return failed;
}
