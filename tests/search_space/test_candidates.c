// Many candidates at once on the emulated device against the same one by one on the processor.
#include "candidate_case.h"
#include "compute/cuda/cuda_emulator.h"
#include "random_graph.h"
#include "test_device.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KIB = 1 << 10, MIB = 1 << 20, FUZZ_NETWORKS = 40 };

static struct candidate_options options_of(void)
{
    return (struct candidate_options){.most = CANDIDATE_CASE_MOST,
                                      .memory_bytes = 256 * (size_t)MIB};
}

static void add_conv(struct graph *graph, const char *name, int input, int out_c, int kernel,
                     int stride, int groups, int *out)
{
    const struct conv_attributes attributes = {.out_c = out_c,
                                               .kernel_h = kernel,
                                               .kernel_w = kernel,
                                               .stride = stride,
                                               .pad = kernel / 2,
                                               .groups = groups};
    char bn[64];
    snprintf(bn, sizeof bn, "%s_bn", name);
    assert_ok(graph_add_conv(graph, name, input, &attributes, out));
    assert_ok(graph_add_batchnorm(graph, bn, *out, out));
}

static void add_relu(struct graph *graph, const char *name, int *node)
{
    assert_ok(graph_add_act(graph, name, *node, ACTIVATION_RELU, node));
}

static void finish(struct graph *graph, int last)
{
    assert_ok(graph_add_global_pool(graph, "pool", last, &last));
    assert_ok(graph_add_linear(graph, "fc", last, 5, true, &last));
    assert_ok(graph_finish(graph));
}

// Two stages of a block each, the second behind a padded shortcut.
static void build_residual(struct graph *graph)
{
    int x, y, shortcut;
    assert_ok(graph_begin(graph, 8, 8, 3));
    add_conv(graph, "stem", 0, 8, 3, 1, 1, &x);
    add_relu(graph, "stem_act", &x);
    add_conv(graph, "a1", x, 11, 3, 1, 1, &y);
    add_relu(graph, "a1_act", &y);
    add_conv(graph, "a2", y, 8, 3, 1, 1, &y);
    assert_ok(graph_add_add(graph, "a_sum", x, y, &x));
    add_relu(graph, "a_act", &x);
    add_conv(graph, "b1", x, 16, 3, 2, 1, &y);
    add_relu(graph, "b1_act", &y);
    add_conv(graph, "b2", y, 16, 3, 1, 1, &y);
    assert_ok(graph_add_shortcut(graph, "b_short", x, 2, 4, 4, &shortcut));
    assert_ok(graph_add_add(graph, "b_sum", shortcut, y, &x));
    add_relu(graph, "b_act", &x);
    finish(graph, x);
}

// Maps of which fused runs go down the rows, two strips of 8 pixels at a time: h by 16, with an odd
// number of tiles, an activation that is no floor, and a sum.
static void build_swept(struct graph *graph, int h)
{
    int x, y;
    assert_ok(graph_begin(graph, h, 16, 3));
    add_conv(graph, "stem", 0, 20, 3, 1, 1, &x);
    add_relu(graph, "stem_act", &x);
    add_conv(graph, "a1", x, 36, 3, 1, 1, &y);
    assert_ok(graph_add_act(graph, "a1_act", y, ACTIVATION_RELU6, &y));
    add_conv(graph, "a2", y, 20, 3, 1, 1, &y);
    assert_ok(graph_add_add(graph, "a_sum", x, y, &x));
    finish(graph, x);
}

static void build_low(struct graph *graph)
{
    build_swept(graph, 2);
}

static void build_high(struct graph *graph)
{
    build_swept(graph, 4);
}

static void build_depthwise(struct graph *graph)
{
    int x, y;
    assert_ok(graph_begin(graph, 7, 9, 3));
    add_conv(graph, "stem", 0, 10, 3, 2, 1, &x);
    add_relu(graph, "stem_act", &x);
    add_conv(graph, "expand", x, 22, 1, 1, 1, &y);
    assert_ok(graph_add_act(graph, "expand_act", y, ACTIVATION_RELU6, &y));
    add_conv(graph, "depth", y, 22, 3, 1, GRAPH_DEPTHWISE, &y);
    assert_ok(
        graph_add_act(graph, "depth_act", y, (struct activation){.kind = ACT_HARD_SWISH}, &y));
    add_conv(graph, "project", y, 10, 1, 1, 1, &y);
    assert_ok(graph_add_add(graph, "sum", x, y, &x));
    finish(graph, x);
}

// DenseNet's way: BatchNorm in front of the convolution, everything before concatenated.
static void build_concat(struct graph *graph)
{
    int x, y;
    char name[3][16];
    assert_ok(graph_begin(graph, 6, 6, 3));
    add_conv(graph, "stem", 0, 9, 3, 1, 1, &x);
    for (int i = 0; i < 3; i++) {
        const struct conv_attributes conv = {
            .out_c = 5, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
        snprintf(name[0], sizeof name[0], "bn%d", i);
        snprintf(name[1], sizeof name[1], "conv%d", i);
        snprintf(name[2], sizeof name[2], "cat%d", i);
        assert_ok(graph_add_batchnorm(graph, name[0], x, &y));
        assert_ok(graph_add_conv(graph, name[1], y, &conv, &y));
        assert_ok(graph_add_concat(graph, name[2], x, y, &x));
    }
    assert_ok(graph_add_pool(graph, "half", x, NODE_MAX_POOL, 2, 2, 0, &x));
    finish(graph, x);
}

// The logits that two ways may differ by decide how far counts may differ.
static void compare(const struct candidate_case *c, const struct candidate_score *scores,
                    double tolerance, int slack)
{
    for (int k = 0; k < c->n; k++) {
        const struct candidate_score *got = &scores[k], *expected = &c->expected[k];
        if (got->diverged || !(fabs(got->loss - expected->loss) <= tolerance * expected->loss) ||
            !(fabs(got->distance - expected->distance) <= tolerance * (expected->distance + 1)) ||
            llabs((long long)(got->right - expected->right)) > slack) {
            fail_msg("candidate %d: loss %.6f and %lld right at once, %.6f and %lld one by one%s",
                     k, got->loss, (long long)got->right, expected->loss,
                     (long long)expected->right, got->diverged ? ", diverged" : "");
        }
    }
}

// Bit by bit, but for the padding of the struct.
static void assert_same(const struct candidate_score *a, const struct candidate_score *b, int n)
{
    for (int k = 0; k < n; k++) {
        assert_memory_equal(&a[k].loss, &b[k].loss, sizeof a[k].loss);
        assert_memory_equal(&a[k].distance, &b[k].distance, sizeof a[k].distance);
        assert_int_equal(a[k].right, b[k].right);
        assert_int_equal(a[k].diverged, b[k].diverged);
    }
}

static void check_network(void (*build)(struct graph *), const struct candidate_case_options *how)
{
    static const double tolerance[] = {1e-5, 5e-3, 3e-2};
    static const int slack[] = {0, 1, 2};
    // The whole network in one launch, and some runs of a few steps.
    static const size_t shared[] = {1, 40 * KIB, 14 * KIB};
    struct graph graph;
    struct candidate_case c;
    build(&graph);
    candidate_case_open(&c, &graph, how);
    for (int p = PRECISION_FLOAT32; p <= PRECISION_BF16; p++) {
        struct candidate_options options = options_of();
        const enum backend_precision precision = (enum backend_precision)p;
        struct candidate_score all[CANDIDATE_CASE_MOST], some[CANDIDATE_CASE_MOST];
        candidate_case_run(&c, precision, &options, 0, c.n, all);
        compare(&c, all, tolerance[p], slack[p]);
        for (int k = 0; k < c.n; k++) {
            candidate_case_run(&c, precision, &options, k, 1, some);
            assert_same(&some[0], &all[k], 1);
        }
        for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
            options.shared_bytes = shared[i];
            candidate_case_run(&c, precision, &options, 0, c.n, some);
            compare(&c, some, tolerance[p], slack[p]); // in runs, sums are in another order
        }
    }
    candidate_case_close(&c);
}

static void test_residual(void **state)
{
    (void)state;
    const struct candidate_case_options how = {.n = 3, .calibration = 10, .scoring = 20, .seed = 1};
    check_network(build_residual, &how);
}

static void test_swept(void **state)
{
    (void)state;
    const struct candidate_case_options how = {.n = 2, .calibration = 4, .scoring = 5, .seed = 6};
    check_network(build_low, &how);
    check_network(build_high, &how);
}

static void test_depthwise(void **state)
{
    (void)state;
    const struct candidate_case_options how = {.n = 3, .calibration = 9, .scoring = 21, .seed = 2};
    check_network(build_depthwise, &how);
}

static void test_concat(void **state)
{
    (void)state;
    const struct candidate_case_options how = {.n = 3, .calibration = 9, .scoring = 21, .seed = 3};
    check_network(build_concat, &how);
}

// Batches of calibration images of their own, in several passes and a few candidates at a time:
// neither memory nor the order in which the device works has a part in the result.
static void test_passes(void **state)
{
    (void)state;
    const struct candidate_case_options how = {
        .n = CANDIDATE_CASE_MOST, .calibration = 135, .scoring = 50, .seed = 4};
    struct candidate_options options = options_of();
    struct candidate_score all[CANDIDATE_CASE_MOST], some[CANDIDATE_CASE_MOST];
    struct graph graph;
    struct candidate_case c;
    build_concat(&graph);
    candidate_case_open(&c, &graph, &how);
    assert_int_equal(c.data.batches, 3);
    candidate_case_run(&c, PRECISION_BF16, &options, 0, c.n, all);
    compare(&c, all, 3e-2, 4);
    options.memory_bytes = 3 * (size_t)MIB;
    candidate_case_run(&c, PRECISION_BF16, &options, 0, c.n, some);
    assert_same(some, all, c.n);
    options.most = 3;
    emulator_set_reversed(true);
    candidate_case_run(&c, PRECISION_BF16, &options, 0, c.n, some);
    emulator_set_reversed(false);
    assert_same(some, all, c.n);
    candidate_case_close(&c);
}

static void build_grouped(struct graph *graph)
{
    int x;
    assert_ok(graph_begin(graph, 6, 6, 3));
    add_conv(graph, "stem", 0, 12, 3, 1, 1, &x);
    add_relu(graph, "stem_act", &x);
    add_conv(graph, "grouped", x, 8, 3, 1, 2, &x);
    add_relu(graph, "grouped_act", &x);
    add_conv(graph, "last", x, 7, 1, 1, 1, &x);
    finish(graph, x);
}

static void test_refit(void **state)
{
    (void)state;
    struct candidate_case_options how = {
        .n = 3, .calibration = 12, .scoring = 20, .refit = true, .seed = 5};
    check_network(build_residual, &how);
    check_network(build_grouped, &how);
}

static void test_samples(void **state)
{
    (void)state;
    const struct candidate_case_options how = {
        .n = 2, .calibration = 9, .scoring = 21, .floats = true, .seed = 3};
    check_network(build_depthwise, &how);
}

// A run of as many candidates as the last one is replayed: for others, and again after one of
// another number, the same bytes.
static void test_repeats(void **state)
{
    (void)state;
    const struct candidate_case_options how = {
        .n = 4, .calibration = 70, .scoring = 30, .refit = true, .seed = 9};
    struct candidate_options options = options_of();
    struct candidate_score all[CANDIDATE_CASE_MOST], got[CANDIDATE_CASE_MOST];
    struct graph graph;
    struct candidate_case c;
    build_residual(&graph);
    candidate_case_open(&c, &graph, &how);
    for (int p = PRECISION_FLOAT32; p <= PRECISION_BF16; p += PRECISION_BF16) {
        const enum backend_precision precision = (enum backend_precision)p;
        candidate_case_run(&c, precision, &options, 0, c.n, all);
        for (int times = 1; times <= 4; times++) {
            candidate_case_repeat(&c, precision, &options, 2, times, got);
            for (int k = 0; k < 2; k++) {
                assert_same(&got[k], &all[(times - 1 + k) % c.n], 1);
            }
        }
        options.most = 3; // runs of 3 and of 1, in turn
        candidate_case_repeat(&c, precision, &options, 4, 3, got);
        for (int k = 0; k < 4; k++) {
            assert_same(&got[k], &all[(2 + k) % c.n], 1);
        }
        options.most = CANDIDATE_CASE_MOST;
    }
    candidate_case_close(&c);
}

// A device whose blocks have less shared memory has smaller tiles; one with next to none says so.
// The emulator holds launches to the limit.
static void test_small_blocks(void **state)
{
    (void)state;
    static const size_t limits[] = {99 * KIB, 64 * KIB, 20 * KIB};
    static const double tolerance[] = {1e-5, 5e-3, 3e-2};
    const struct candidate_case_options how = {.n = 2, .calibration = 12, .scoring = 20, .seed = 6};
    const struct candidate_options options = options_of();
    struct candidate_score scores[CANDIDATE_CASE_MOST];
    struct graph graph;
    struct candidate_case c;
    build_residual(&graph);
    candidate_case_open(&c, &graph, &how);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        cuda_host_limit_shared(limits[i]);
        for (int p = PRECISION_FLOAT32; p <= PRECISION_BF16; p++) {
            candidate_case_run(&c, (enum backend_precision)p, &options, 0, c.n, scores);
            compare(&c, scores, tolerance[p], p);
        }
    }
    cuda_host_limit_shared(4 * KIB);
    if (strcmp(test_device(), "cuda_host") == 0) {
        struct candidate_program program;
        struct candidates *candidates = NULL;
        struct backend *backend;
        assert_ok(test_device_open(PRECISION_FLOAT32, &backend));
        assert_ok(candidate_program_open(&c.graph, &c.groups, c.params, NULL, &program));
        assert_fails(backend->ops->candidates->open(backend, &program.network, &c.data, &options,
                                                    &candidates),
                     ERR_UNSUPPORTED, "one by one");
        assert_null(candidates);
        candidate_program_close(&program);
        backend_close(backend);
    }
    cuda_host_limit_shared(0);
    candidate_case_close(&c);
}

// Whatever graphs there are, but for kinds of nodes that it says it cannot do.
static void test_random_networks(void **state)
{
    (void)state;
    const struct candidate_options options = options_of();
    struct candidate_options fused_options = options;
    struct random_tally tally = {0};
    int refused = 0, done = 0;
    for (uint64_t number = 0; number < FUZZ_NETWORKS; number++) {
        const struct candidate_case_options how = {
            .n = 2, .calibration = 6, .scoring = 7, .refit = number % 2 == 1, .seed = number};
        struct rng rng = rng_make(41, RNG_TEST, number, 0);
        struct candidate_score scores[2], fused[2];
        struct candidate_program program;
        struct candidate_case c;
        struct graph graph = {0};
        random_graph_build(&rng, &graph, &tally);
        candidate_case_open(&c, &graph, &how);
        if (candidate_program_open(&c.graph, &c.groups, c.params, c.refit, &program) == OK) {
            candidate_program_close(&program);
            candidate_case_run(&c, PRECISION_FLOAT32, &options, 0, c.n, scores);
            compare(&c, scores, 1e-4, 0);
            fused_options.shared_bytes = (size_t)(8 + number % 5 * 30) * KIB;
            candidate_case_run(&c, PRECISION_FLOAT32, &fused_options, 0, c.n, fused);
            assert_same(fused, scores, c.n);
            done++;
        } else {
            assert_non_null(strstr(status_message(), "one by one"));
            refused++;
        }
        candidate_case_close(&c);
    }
    assert_true(done > FUZZ_NETWORKS / 2 && refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_residual),  cmocka_unit_test(test_swept),
        cmocka_unit_test(test_depthwise), cmocka_unit_test(test_concat),
        cmocka_unit_test(test_passes),    cmocka_unit_test(test_refit),
        cmocka_unit_test(test_samples),   cmocka_unit_test(test_small_blocks),
        cmocka_unit_test(test_repeats),   cmocka_unit_test(test_random_networks),
    };
    const int missing = test_device_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
