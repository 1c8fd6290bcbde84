// Criteria: what each layer says against plain sums, the choice of the best, ties, equal parts and
// errors.
#include "nn/zoo.h"
#include "random_graph.h"
#include "search_space/importance.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>

struct fixture {
    struct graph graph;
    struct groups groups;
    struct arena arena;
    float *params;
    float **scores;
    struct criterion_input input;
};

static void finish(struct fixture *f)
{
    assert_ok(groups_find(&f->graph, &f->groups));
    f->params = arena_alloc(&f->arena, f->graph.n_floats, sizeof *f->params);
    struct rng rng = rng_make(41, RNG_TEST, 0, 0);
    random_graph_params(&f->graph, &rng, f->params);
    f->input = (struct criterion_input){
        .graph = &f->graph, .groups = &f->groups, .params = f->params, .seed = 5};
}

static void open_zoo(struct fixture *f, const char *name)
{
    *f = (struct fixture){0};
    assert_ok(zoo_build(name, 32, 32, 3, 10, &f->graph));
    finish(f);
}

static void close_fixture(struct fixture *f)
{
    groups_close(&f->groups);
    graph_close(&f->graph);
    arena_close(&f->arena);
}

static enum status score(struct fixture *f, enum criterion_kind criterion)
{
    return importance_score(criteria[criterion], &f->input, &importance_defaults, &f->arena,
                            &f->scores);
}

static float *values_of(const struct fixture *f, const char *name)
{
    const struct param *param = graph_find_param(&f->graph, name);
    assert_non_null(param);
    return f->params + param->offset;
}

static void test_table(void **state)
{
    (void)state;
    int n = 0;
    for (; criteria[n] != NULL; n++) {
        assert_string_equal(criteria[n]->name, criterion_names[n]);
        assert_int_equal(criteria[n]->needs, NEEDS_WEIGHTS);
    }
    assert_null(criterion_names[n]);
}

// The norm of filter `k` of a weight [..][per_filter].
static double norm_of(const float *weights, int k, int per_filter, bool squared)
{
    double sum = 0;
    for (int i = 0; i < per_filter; i++) {
        const double w = (double)weights[k * per_filter + i];
        sum += squared ? w * w : fabs(w);
    }
    return squared ? sqrt(sum) : sum;
}

// A layer's rows make its channels, its columns read those of its input.
static void test_norms(void **state)
{
    (void)state;
    for (int squared = 0; squared < 2; squared++) {
        struct fixture f;
        open_zoo(&f, "resnet20");
        const struct criterion *norm = criteria[squared ? CRITERION_L2 : CRITERION_L1];
        double values[64];
        const int conv = graph_find_node(&f.graph, "layer3.0.conv1"); // 32 to 64
        const float *weights = values_of(&f, "layer3.0.conv1.weight");
        assert_true(norm->rows(&f.input, conv, values));
        for (int k = 0; k < 64; k++) {
            assert_true(fabs(values[k] - norm_of(weights, k, 288, squared)) < 1e-4);
        }
        assert_true(norm->columns(&f.input, conv, values));
        for (int c = 0; c < 32; c++) {
            double sum = 0;
            for (int k = 0; k < 64; k++) {
                const double part = norm_of(weights, k * 32 + c, 9, squared);
                sum += squared ? part * part : part;
            }
            assert_true(fabs(values[c] - (squared ? sqrt(sum) : sum)) < 1e-4);
        }
        const int add = f.graph.nodes[conv].inputs[0];
        assert_false(norm->rows(&f.input, add, values));
        assert_false(norm->columns(&f.input, add, values));
        close_fixture(&f);
    }
}

// Of a grouped convolution only the rows of a channel's part read it; a depthwise one hands it on.
static void test_columns_of_parts(void **state)
{
    (void)state;
    struct fixture f = {0};
    const struct conv_attributes a = {.out_c = 4, .kernel_h = 1, .kernel_w = 1, .stride = 1};
    struct conv_attributes depthwise = a, grouped = a;
    depthwise.groups = GRAPH_DEPTHWISE;
    grouped.groups = 2;
    int first, through, last, classes;
    assert_ok(graph_begin(&f.graph, 2, 2, 3));
    assert_ok(graph_add_conv(&f.graph, "a", 0, &a, &first));
    assert_ok(graph_add_conv(&f.graph, "dw", first, &depthwise, &through));
    assert_ok(graph_add_conv(&f.graph, "b", through, &grouped, &last));
    assert_ok(graph_add_linear(&f.graph, "classes", last, 2, false, &classes));
    assert_ok(graph_finish(&f.graph));
    finish(&f);
    float *b = values_of(&f, "b.weight");       // [4][2]: rows 0 and 1 read channels 0 and 1
    float *c = values_of(&f, "classes.weight"); // [2][4 * 2 * 2]
    for (int i = 0; i < 8; i++) {
        b[i] = (float)(i - 3); // -3 -2, -1 0 | 1 2, 3 4
    }
    for (int i = 0; i < 32; i++) {
        c[i] = (float)(i / 4 % 4 + 1);
    }
    static const double expected_b[4] = {4, 2, 4, 6}, expected_c[4] = {8, 16, 24, 32};
    double values[4];
    const struct criterion *l1 = criteria[CRITERION_L1];
    assert_false(l1->rows(&f.input, through, values));
    assert_false(l1->columns(&f.input, through, values));
    assert_true(l1->columns(&f.input, last, values));
    assert_memory_equal(values, expected_b, sizeof values);
    assert_true(l1->columns(&f.input, classes, values));
    assert_memory_equal(values, expected_c, sizeof values);
    close_fixture(&f);
}

static void test_gamma(void **state)
{
    (void)state;
    struct fixture f;
    open_zoo(&f, "resnet20");
    float *gamma = values_of(&f, "layer2.1.bn1.weight");
    gamma[3] = -4.0F;
    double values[32];
    const struct criterion *criterion = criteria[CRITERION_BN_GAMMA];
    assert_true(criterion->rows(&f.input, graph_find_node(&f.graph, "layer2.1.bn1"), values));
    for (int k = 0; k < 32; k++) {
        assert_true(fabs(values[k] - fabs((double)gamma[k])) < 1e-6);
    }
    assert_false(criterion->rows(&f.input, graph_find_node(&f.graph, "layer2.1.conv1"), values));
    assert_null(criterion->columns);
    close_fixture(&f);
}

// DenseNet's BatchNorms stand behind concatenations: each adds its view of the channels that pass
// it.
static void test_gamma_behind_concatenation(void **state)
{
    (void)state;
    struct fixture f;
    open_zoo(&f, "densenet40");
    const int stem =
        0; // channels of the first convolution, which all of the first block's layers read
    float *gamma = values_of(&f, "dense1.3.bn1.weight");
    gamma[5] = 60.0F;
    const struct importance_options by_mean = {.normalise = NORMALISE_MEAN, .reduce = REDUCE_SUM};
    assert_ok(
        importance_score(criteria[CRITERION_BN_GAMMA], &f.input, &by_mean, &f.arena, &f.scores));
    for (int k = 0; k < f.groups.groups[stem].channels; k++) {
        assert_true(k == 5 || f.scores[stem][k] < f.scores[stem][5]);
    }
    close_fixture(&f);
}

static void test_gamma_needs_batchnorm(void **state)
{
    (void)state;
    struct fixture f = {0};
    const struct conv_attributes conv = {.out_c = 4, .kernel_h = 1, .kernel_w = 1, .stride = 1};
    int node;
    assert_ok(graph_begin(&f.graph, 4, 4, 3));
    assert_ok(graph_add_conv(&f.graph, "conv", 0, &conv, &node));
    assert_ok(graph_add_linear(&f.graph, "classes", node, 2, true, &node));
    assert_ok(graph_finish(&f.graph));
    finish(&f);
    assert_fails(score(&f, CRITERION_BN_GAMMA), ERR_CONFIG, "nothing of group conv");
    close_fixture(&f);
}

static void test_random(void **state)
{
    (void)state;
    struct fixture f;
    open_zoo(&f, "resnet20");
    const struct criterion *random = criteria[CRITERION_RANDOM];
    struct keep a, b, c;
    int widths[14];
    for (int g = 0; g < 14; g++) {
        widths[g] = f.groups.groups[g].channels / 2;
    }
    assert_ok(criterion_keep(random, &f.input, widths, &f.arena, &a));
    assert_ok(criterion_keep(random, &f.input, widths, &f.arena, &b));
    f.input.seed = 6;
    assert_ok(criterion_keep(random, &f.input, widths, &f.arena, &c));
    int same = 0;
    for (int g = 0; g < 14; g++) {
        assert_memory_equal(a.keep[g], b.keep[g], (size_t)widths[g] * sizeof(int));
        same += memcmp(a.keep[g], c.keep[g], (size_t)widths[g] * sizeof(int)) == 0;
    }
    assert_true(same < 3);
    close_fixture(&f);
}

// Half of each group by l1: every kept channel's importance is at least every cut one's.
static void test_keeps_largest(void **state)
{
    (void)state;
    struct fixture f;
    open_zoo(&f, "vgg16_bn");
    int widths[13];
    for (int g = 0; g < 13; g++) {
        widths[g] = f.groups.groups[g].channels / 2;
    }
    struct keep keep;
    assert_ok(criterion_keep(criteria[CRITERION_L1], &f.input, widths, &f.arena, &keep));
    assert_ok(score(&f, CRITERION_L1));
    for (int g = 0; g < 13; g++) {
        float least_kept = INFINITY, most_cut = 0;
        assert_int_equal(keep.kept[g], widths[g]);
        for (int k = 0, next = 0; k < f.groups.groups[g].channels; k++) {
            if (next < keep.kept[g] && keep.keep[g][next] == k) {
                next++;
                least_kept = fminf(least_kept, f.scores[g][k]);
            } else {
                most_cut = fmaxf(most_cut, f.scores[g][k]);
            }
        }
        assert_true(least_kept >= most_cut && most_cut > 0);
    }
    close_fixture(&f);
}

// A grouped network: the same count from each part, even where one part has the larger weights.
// Ties go to the lower channel.
static void test_parts_and_ties(void **state)
{
    (void)state;
    struct fixture f = {0};
    const struct conv_attributes a = {.out_c = 8, .kernel_h = 1, .kernel_w = 1, .stride = 1};
    const struct conv_attributes b = {
        .out_c = 4, .kernel_h = 1, .kernel_w = 1, .stride = 1, .groups = 2};
    int node;
    assert_ok(graph_begin(&f.graph, 4, 4, 3));
    assert_ok(graph_add_conv(&f.graph, "a", 0, &a, &node));
    assert_ok(graph_add_conv(&f.graph, "b", node, &b, &node));
    assert_ok(graph_add_linear(&f.graph, "classes", node, 2, true, &node));
    assert_ok(graph_finish(&f.graph));
    finish(&f);
    float *weights = values_of(&f, "a.weight"); // [8][3]
    static const float norms[8] = {1, 3, 2, 3, 9, 9, 9, 9};
    for (int k = 0; k < 24; k++) {
        weights[k] = norms[k / 3];
    }
    float *read = values_of(&f, "b.weight"); // [4][4]: every channel is read alike
    for (int k = 0; k < 16; k++) {
        read[k] = 1;
    }
    const int widths[2] = {4, 4}, odd[2] = {3, 4}, wide[2] = {10, 4}, none[2] = {0, 4};
    static const int expected[4] = {1, 3, 4, 5};
    const struct criterion *l1 = criteria[CRITERION_L1];
    struct keep keep;
    assert_ok(criterion_keep(l1, &f.input, widths, &f.arena, &keep));
    assert_memory_equal(keep.keep[0], expected, sizeof expected);
    assert_fails(criterion_keep(l1, &f.input, odd, &f.arena, &keep), ERR_CONFIG, "equal parts");
    assert_fails(criterion_keep(l1, &f.input, wide, &f.arena, &keep), ERR_CONFIG, "group a");
    assert_fails(criterion_keep(l1, &f.input, none, &f.arena, &keep), ERR_CONFIG, "outside 1 to");
    weights[5] = NAN;
    assert_fails(criterion_keep(l1, &f.input, widths, &f.arena, &keep), ERR_INPUT, "not finite");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_columns_of_parts),
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_gamma_behind_concatenation),
        cmocka_unit_test(test_gamma_needs_batchnorm),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_keeps_largest),
        cmocka_unit_test(test_parts_and_ties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
