// Folding: what is merged, what must stay apart, and that the output stays the same.
#include "core/rng.h"
#include "graph_evaluate.h"
#include "nn/fold.h"
#include "nn/zoo.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static float *new_floats(size_t n)
{
    float *values = calloc(n + 1, sizeof *values);
    assert_non_null(values);
    return values;
}

// A folded graph keeps the promises of fold.h.
static void check_structure(const struct graph *graph, const struct graph *folded,
                            const struct fold_source *sources)
{
    for (int i = 0; i < folded->n_nodes; i++) {
        const struct node *node = &folded->nodes[i];
        const bool conv = node->kind == NODE_CONV || node->kind == NODE_LINEAR;
        const struct node *output = &graph->nodes[sources[i].output];
        assert_true(output->h == node->h && output->w == node->w && output->c == node->c);
        assert_int_not_equal(node->kind, NODE_DROPOUT);
        assert_int_equal(sources[i].conv >= 0, conv);
        assert_true(conv || sources[i].batchnorm < 0);
        for (int k = 0; k < node->n_inputs; k++) {
            assert_true(node->inputs[k] >= 0 && node->inputs[k] < i);
        }
        if (node->sum >= 0) {
            assert_int_equal(node->kind, NODE_CONV);
            assert_true(node->sum > 0 && node->sum < i);
            for (int later = i; later < folded->n_nodes; later++) {
                const struct node *reader = &folded->nodes[later];
                for (int k = 0; k < reader->n_inputs; k++) {
                    assert_int_not_equal(reader->inputs[k], node->sum);
                }
                assert_true(later == i || reader->sum != node->sum);
            }
        }
    }
}

// Folds, compares outputs on random weights and returns the folded graph.
static struct graph fold_and_compare(const struct graph *graph, uint64_t seed,
                                     struct fold_source **sources)
{
    struct graph folded;
    assert_int_equal(fold_graph(graph, &folded, sources), OK);
    check_structure(graph, &folded, *sources);
    float *params = new_floats(graph->n_floats), *folded_params = new_floats(folded.n_floats);
    graph_random_params(graph, seed, params);
    fold_params(graph, params, &folded, *sources, folded_params);
    const struct node *in = &graph->nodes[0], *out = &graph->nodes[graph->n_nodes - 1];
    const int n_in = in->h * in->w * in->c, n_out = out->h * out->w * out->c;
    double *input = calloc((size_t)n_in, sizeof *input);
    assert_non_null(input);
    struct rng rng = rng_make(seed, RNG_TEST, 1000000, 0);
    for (int i = 0; i < n_in; i++) {
        input[i] = (double)rng_normal(&rng);
    }
    double *expected = graph_evaluate(graph, params, input);
    double *got = graph_evaluate(&folded, folded_params, input);
    double greatest = 1.0;
    for (int i = 0; i < n_out; i++) {
        greatest = fmax(greatest, fabs(expected[i]));
    }
    for (int i = 0; i < n_out; i++) {
        if (!(fabs(got[i] - expected[i]) <= 1e-5 * greatest)) {
            fail_msg("seed %llu: output %d is %g, expected %g", (unsigned long long)seed, i, got[i],
                     expected[i]);
        }
    }
    free(expected);
    free(got);
    free(input);
    free(params);
    free(folded_params);
    return folded;
}

static int count_kind(const struct graph *graph, enum node_kind kind)
{
    int n = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        n += graph->nodes[i].kind == kind;
    }
    return n;
}

static void test_zoo(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int size, nodes, batchnorms, adds, acts;
    } expected[] = {
        // input, 19 convolutions, 2 shortcuts, pool, linear
        {"resnet20", 8, 24, 0, 0, 0},
        {"resnet32", 8, 36, 0, 0, 0},
        {"convnet", 8, 6, 0, 0, 0},
        // input, 27 convolutions, pool (2x2 here, 1x1 in the end), linear
        {"mobilenet_v1", 16, 29, 0, 0, 0},
        {"mobilenet_v2", 8, 54, 0, 0, 0},
        // input, 39 convolutions, 36 concatenations, 39 BatchNorms, 3 pools, linear
        {"densenet40", 4, 118, 39, 0, 0},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct graph graph;
        struct fold_source *sources;
        const int size = expected[i].size;
        assert_int_equal(zoo_build(expected[i].name, size, size, 3, 5, &graph), OK);
        struct graph folded = fold_and_compare(&graph, i, &sources);
        if (folded.n_nodes != expected[i].nodes) {
            fail_msg("%s folds to %d nodes, expected %d", expected[i].name, folded.n_nodes,
                     expected[i].nodes);
        }
        assert_int_equal(count_kind(&folded, NODE_BATCHNORM), expected[i].batchnorms);
        assert_int_equal(count_kind(&folded, NODE_ADD), expected[i].adds);
        assert_int_equal(count_kind(&folded, NODE_ACT), expected[i].acts);
        graph_close(&folded);
        graph_close(&graph);
    }
}

// Short forms for graphs of a few nodes on a 5x5x4 input; names are numbers.
struct sketch {
    struct graph graph; // finished and closed by expect_fold
};

static void begin(struct sketch *sketch)
{
    assert_int_equal(graph_begin(&sketch->graph, 5, 5, 4), OK);
}

static const char *next_name(const struct sketch *sketch, char *buffer)
{
    snprintf(buffer, 16, "%d", sketch->graph.n_nodes);
    return buffer;
}

// With a bias in every other place.
static int conv(struct sketch *sketch, int input)
{
    const struct conv_attributes attributes = {.out_c = 4,
                                               .kernel_h = 3,
                                               .kernel_w = 3,
                                               .stride = 1,
                                               .pad = 1,
                                               .bias = sketch->graph.n_nodes % 2 == 0};
    char name[16];
    int out;
    assert_int_equal(
        graph_add_conv(&sketch->graph, next_name(sketch, name), input, &attributes, &out), OK);
    return out;
}

static int batchnorm(struct sketch *sketch, int input)
{
    char name[16];
    int out;
    assert_int_equal(graph_add_batchnorm(&sketch->graph, next_name(sketch, name), input, &out), OK);
    return out;
}

static int act(struct sketch *sketch, int input, struct activation kind)
{
    char name[16];
    int out;
    assert_int_equal(graph_add_act(&sketch->graph, next_name(sketch, name), input, kind, &out), OK);
    return out;
}

static int add(struct sketch *sketch, int a, int b)
{
    char name[16];
    int out;
    assert_int_equal(graph_add_add(&sketch->graph, next_name(sketch, name), a, b, &out), OK);
    return out;
}

static int concat(struct sketch *sketch, int a, int b)
{
    char name[16];
    int out;
    assert_int_equal(graph_add_concat(&sketch->graph, next_name(sketch, name), a, b, &out), OK);
    return out;
}

static int dropout(struct sketch *sketch, int input)
{
    char name[16];
    int out;
    assert_int_equal(graph_add_dropout(&sketch->graph, next_name(sketch, name), input, 0.5F, &out),
                     OK);
    return out;
}

static int cut(struct sketch *sketch, int input)
{
    char name[16];
    int out;
    assert_int_equal(
        graph_add_shortcut(&sketch->graph, next_name(sketch, name), input, 1, 0, 0, &out), OK);
    return out;
}

// Finishes the sketch, folds it, and compares with the folded nodes written one after the other:
// c conv, l linear, b BatchNorm, a act, + add, k concat, s shortcut; then * if BatchNorm was folded
// in, r or 6 for its activation, =N for sum with node N.
static void expect_fold(struct sketch *sketch, const char *expected)
{
    static const char letters[NODE_KIND_COUNT] = {
        [NODE_INPUT] = 'i',       [NODE_CONV] = 'c',     [NODE_LINEAR] = 'l',
        [NODE_BATCHNORM] = 'b',   [NODE_ACT] = 'a',      [NODE_ADD] = '+',
        [NODE_CONCAT] = 'k',      [NODE_MAX_POOL] = 'm', [NODE_AVG_POOL] = 'v',
        [NODE_GLOBAL_POOL] = 'g', [NODE_PAD] = 's',      [NODE_DROPOUT] = 'd',
        [NODE_SLICE] = 't',
    };
    struct fold_source *sources;
    assert_int_equal(graph_finish(&sketch->graph), OK);
    struct graph folded = fold_and_compare(&sketch->graph, 5, &sources);
    char text[256];
    size_t n = 0;
    for (int i = 0; i < folded.n_nodes; i++) {
        const struct node *node = &folded.nodes[i];
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%c", i > 0 ? " " : "",
                              letters[node->kind]);
        if (sources[i].batchnorm >= 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "*");
        }
        if (node->act.kind != ACT_NONE) {
            n +=
                (size_t)snprintf(text + n, sizeof text - n, node->act.kind == ACT_RELU ? "r" : "6");
        }
        if (node->sum >= 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "=%d", node->sum);
        }
    }
    assert_string_equal(text, expected);
    graph_close(&folded);
    graph_close(&sketch->graph);
}

static void test_chains(void **state)
{
    (void)state;
    struct sketch s;
    begin(&s);
    act(&s, batchnorm(&s, conv(&s, 0)), ACTIVATION_RELU6);
    expect_fold(&s, "i c*6");

    begin(&s); // BatchNorm after the activation stays
    act(&s, batchnorm(&s, act(&s, conv(&s, 0), ACTIVATION_RELU)), ACTIVATION_RELU);
    expect_fold(&s, "i cr br");

    begin(&s); // a second BatchNorm has no convolution before it any more
    batchnorm(&s, batchnorm(&s, conv(&s, 0)));
    expect_fold(&s, "i c* b");

    begin(&s); // a second activation stays alone
    act(&s, act(&s, conv(&s, 0), ACTIVATION_RELU), ACTIVATION_RELU6);
    expect_fold(&s, "i cr a6");

    begin(&s); // dropout is gone wherever it stood
    dropout(&s, act(&s, dropout(&s, batchnorm(&s, dropout(&s, conv(&s, dropout(&s, 0))))),
                    ACTIVATION_RELU));
    expect_fold(&s, "i c*r");

    begin(&s); // two readers of what lies between
    int a = conv(&s, 0);
    concat(&s, batchnorm(&s, a), a);
    expect_fold(&s, "i c b k");

    begin(&s);
    a = batchnorm(&s, conv(&s, 0));
    concat(&s, act(&s, a, ACTIVATION_RELU), a);
    expect_fold(&s, "i c* ar k");

    begin(&s); // what the output does not depend on is left out
    conv(&s, 0);
    a = batchnorm(&s, conv(&s, 0));
    conv(&s, a);
    act(&s, a, ACTIVATION_RELU);
    expect_fold(&s, "i c*r");

    begin(&s);
    int linear;
    assert_int_equal(graph_add_linear(&s.graph, "fc", 0, 6, false, &linear), OK);
    act(&s, batchnorm(&s, linear), ACTIVATION_RELU);
    expect_fold(&s, "i l*r");

    begin(&s); // nothing to fold into
    act(&s, batchnorm(&s, 0), ACTIVATION_RELU);
    expect_fold(&s, "i br");
}

static void test_sums(void **state)
{
    (void)state;
    struct sketch s;
    begin(&s); // a residual block
    int x = act(&s, batchnorm(&s, conv(&s, 0)), ACTIVATION_RELU);
    int y = batchnorm(&s, conv(&s, act(&s, batchnorm(&s, conv(&s, x)), ACTIVATION_RELU)));
    act(&s, add(&s, y, x), ACTIVATION_RELU);
    expect_fold(&s, "i c*r c*r c*r=1");

    begin(&s); // the other operand comes after the convolution; dropout on both ways
    x = conv(&s, 0);
    y = conv(&s, x);
    add(&s, dropout(&s, cut(&s, dropout(&s, x))), dropout(&s, y));
    expect_fold(&s, "i c s c=2");

    begin(&s); // the input is not ours to overwrite
    act(&s, add(&s, conv(&s, 0), 0), ACTIVATION_RELU);
    expect_fold(&s, "i c +r");

    begin(&s); // the convolution reads what it would overwrite
    x = conv(&s, 0);
    add(&s, x, conv(&s, x));
    expect_fold(&s, "i c c +");

    begin(&s); // x is read once more after the sum
    x = conv(&s, 0);
    y = act(&s, add(&s, conv(&s, conv(&s, x)), x), ACTIVATION_RELU);
    concat(&s, x, y);
    expect_fold(&s, "i c c c +r k");

    begin(&s); // ... and once more before it, which is fine
    x = conv(&s, 0);
    int z = act(&s, x, ACTIVATION_RELU);
    y = add(&s, conv(&s, conv(&s, x)), x);
    concat(&s, z, y);
    expect_fold(&s, "i c ar c c=1 k");
}

static void test_choice_of_sums(void **state)
{
    (void)state;
    struct sketch s;
    begin(&s); // two convolutions: the later one adds
    int x = batchnorm(&s, conv(&s, 0));
    int y = batchnorm(&s, conv(&s, 0));
    act(&s, add(&s, x, y), ACTIVATION_RELU);
    expect_fold(&s, "i c* c*r=1");

    begin(&s); // the later one has another reader: the earlier one adds, and moves behind it
    x = conv(&s, 0);
    y = conv(&s, 0);
    int z = conv(&s, y);
    concat(&s, add(&s, x, y), z);
    expect_fold(&s, "i c c c=1 k");

    begin(&s); // twice the same
    x = conv(&s, 0);
    act(&s, add(&s, x, x), ACTIVATION_RELU);
    expect_fold(&s, "i c +r");

    begin(&s); // two sums over one operand: only the last may overwrite it
    x = conv(&s, 0);
    y = add(&s, conv(&s, 0), x);
    z = add(&s, conv(&s, 0), x);
    concat(&s, y, z);
    expect_fold(&s, "i c c + c=1 k");

    begin(&s); // an activation between convolution and sum
    x = cut(&s, conv(&s, 0));
    add(&s, act(&s, conv(&s, 0), ACTIVATION_RELU), x);
    expect_fold(&s, "i c s cr +");
}

// Random graphs, in which every value may be read again at any distance.
static void test_random_graphs(void **state)
{
    (void)state;
    int sums = 0, adds = 0, batchnorms = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct sketch s;
        struct fold_source *sources;
        struct rng rng = rng_make(seed, RNG_TEST, 77, 0);
        begin(&s);
        const int n = 4 + (int)rng_below(&rng, 14);
        for (int i = 0; i < n; i++) {
            // Mostly the newest values, so that chains form.
            const int most = s.graph.n_nodes;
            const int reach = rng_below(&rng, 3) == 0 ? most : 1 + most / 4;
            const int a = most - 1 - (int)rng_below(&rng, (uint32_t)reach);
            const int b = (int)rng_below(&rng, (uint32_t)most);
            switch (rng_below(&rng, 9)) {
            case 0:
            case 1:
            case 2:
                conv(&s, a);
                break;
            case 3:
                batchnorm(&s, a);
                break;
            case 4:
                act(&s, a, rng_below(&rng, 2) == 0 ? ACTIVATION_RELU : ACTIVATION_RELU6);
                break;
            case 5:
            case 6:
                add(&s, a, b);
                break;
            case 7:
                dropout(&s, a);
                break;
            default:
                cut(&s, a);
            }
        }
        add(&s, s.graph.n_nodes - 1, (int)rng_below(&rng, (uint32_t)s.graph.n_nodes));
        assert_int_equal(graph_finish(&s.graph), OK);
        struct graph folded = fold_and_compare(&s.graph, seed, &sources);
        for (int i = 0; i < folded.n_nodes; i++) {
            sums += folded.nodes[i].sum >= 0;
            adds += folded.nodes[i].kind == NODE_ADD;
            batchnorms += sources[i].batchnorm >= 0;
        }
        graph_close(&folded);
        graph_close(&s.graph);
    }
    assert_true(sums > 50 && adds > 50 && batchnorms > 50); // all paths were seen
}

// Recurrent layers pass through with their weights.
static void test_lstm(void **state)
{
    (void)state;
    struct graph graph, folded;
    struct fold_source *sources;
    int n;
    assert_int_equal(graph_begin(&graph, 6, 1, 3), OK);
    assert_int_equal(graph_add_lstm(&graph, "lstm", 0, 4, &n), OK);
    assert_int_equal(graph_add_dropout(&graph, "dropout", n, 0.1F, &n), OK);
    assert_int_equal(graph_add_linear(&graph, "fc", n, 2, true, &n), OK);
    assert_int_equal(graph_finish(&graph), OK);
    assert_int_equal(fold_graph(&graph, &folded, &sources), OK);
    assert_int_equal(folded.n_nodes, 3);
    assert_int_equal(folded.n_floats, graph.n_floats);
    float *params = new_floats(graph.n_floats), *folded_params = new_floats(graph.n_floats);
    graph_random_params(&graph, 1, params);
    fold_params(&graph, params, &folded, sources, folded_params);
    assert_memory_equal(params, folded_params, graph.n_floats * sizeof *params);
    free(params);
    free(folded_params);
    graph_close(&folded);
    graph_close(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),         cmocka_unit_test(test_sums),
        cmocka_unit_test(test_choice_of_sums), cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_lstm),           cmocka_unit_test(test_zoo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
