// Criteria: scores against plain sums, the choice of the best, ties, equal parts and errors.
#include "nn/zoo.h"
#include "random_graph.h"
#include "search_space/criterion.h"
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
    f->scores = arena_alloc(&f->arena, (size_t)f->groups.n, sizeof *f->scores);
    for (int g = 0; g < f->groups.n; g++) {
        f->scores[g] =
            arena_alloc(&f->arena, (size_t)f->groups.groups[g].channels, sizeof **f->scores);
    }
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

static float *values_of(const struct fixture *f, const char *name)
{
    const struct param *param = graph_find_param(&f->graph, name);
    assert_non_null(param);
    return f->params + param->offset;
}

static void test_table(void **state)
{
    (void)state;
    static const char *const names[] = {"l1", "l2", "bn_gamma", "random"};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(criteria[i]->name, names[i]);
        assert_ptr_equal(criterion_find(names[i]), criteria[i]);
        assert_int_equal(criteria[i]->needs, NEEDS_WEIGHTS);
    }
    assert_null(criteria[4]);
    assert_null(criterion_find("L1"));
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

// An inner group has one member: its norms over their mean. The stream's first group adds ten
// members, each over its own mean.
static void test_norms(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int first; // of its channels that the group holds
        int per_filter;
    } members[] = {
        {"conv1.weight", 0, 27},
        {"layer1.0.conv2.weight", 0, 144},
        {"layer1.1.conv2.weight", 0, 144},
        {"layer1.2.conv2.weight", 0, 144},
        {"layer2.0.conv2.weight", 8, 288},
        {"layer2.1.conv2.weight", 8, 288},
        {"layer2.2.conv2.weight", 8, 288},
        {"layer3.0.conv2.weight", 24, 576},
        {"layer3.1.conv2.weight", 24, 576},
        {"layer3.2.conv2.weight", 24, 576},
    };
    for (int squared = 0; squared < 2; squared++) {
        struct fixture f;
        open_zoo(&f, "resnet20");
        assert_ok(criterion_find(squared ? "l2" : "l1")->score(&f.input, f.scores));
        double expected[16] = {0};
        for (size_t m = 0; m < sizeof members / sizeof *members; m++) {
            const float *weights = values_of(&f, members[m].name);
            double norms[16], mean = 0;
            for (int k = 0; k < 16; k++) {
                norms[k] = norm_of(weights, members[m].first + k, members[m].per_filter, squared);
                mean += norms[k] / 16;
            }
            for (int k = 0; k < 16; k++) {
                expected[k] += norms[k] / mean;
            }
        }
        for (int k = 0; k < 16; k++) {
            assert_true(fabs((double)f.scores[0][k] - expected[k]) < 1e-4);
        }
        const int inner = groups_find_name(&f.groups, "layer3.1.conv1");
        const float *weights = values_of(&f, "layer3.1.conv1.weight");
        double sum = 0, mean = 0;
        for (int k = 0; k < 64; k++) {
            sum += (double)f.scores[inner][k];
            mean += norm_of(weights, k, 576, squared) / 64;
        }
        assert_true(fabs(sum - 64) < 1e-3);
        const double last = norm_of(weights, 63, 576, squared) / mean;
        assert_true(fabs((double)f.scores[inner][63] - last) < 1e-4);
        close_fixture(&f);
    }
}

static void test_gamma(void **state)
{
    (void)state;
    struct fixture f;
    open_zoo(&f, "resnet20");
    float *gamma = values_of(&f, "layer2.1.bn1.weight");
    gamma[3] = -4.0F;
    assert_ok(criterion_find("bn_gamma")->score(&f.input, f.scores));
    double mean = 0;
    for (int k = 0; k < 32; k++) {
        mean += fabs((double)gamma[k]) / 32;
    }
    const int g = groups_find_name(&f.groups, "layer2.1.conv1");
    for (int k = 0; k < 32; k++) {
        assert_true(fabs((double)f.scores[g][k] - fabs((double)gamma[k]) / mean) < 1e-5);
    }
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
    gamma[5] = 9.0F;
    assert_ok(criterion_find("bn_gamma")->score(&f.input, f.scores));
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
    assert_fails(criterion_find("bn_gamma")->score(&f.input, f.scores), ERR_CONFIG, "BatchNorm");
    close_fixture(&f);
}

static void test_random(void **state)
{
    (void)state;
    struct fixture f;
    open_zoo(&f, "resnet20");
    const struct criterion *random = criterion_find("random");
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

// Half of each inner group by l1: every kept filter's norm is at least every cut one's.
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
    assert_ok(criterion_keep(criterion_find("l1"), &f.input, widths, &f.arena, &keep));
    for (int g = 0; g < 13; g++) {
        const struct node *node = &f.graph.nodes[f.groups.groups[g].members[0]];
        const struct param *param = &f.graph.params[node->params[0]];
        const int per_filter = (int)(param->count / (size_t)node->c);
        double least_kept = (double)INFINITY, most_cut = 0;
        assert_int_equal(keep.kept[g], widths[g]);
        for (int k = 0, next = 0; k < node->c; k++) {
            const double norm = norm_of(f.params + param->offset, k, per_filter, false);
            if (next < keep.kept[g] && keep.keep[g][next] == k) {
                next++;
                least_kept = fmin(least_kept, norm);
            } else {
                most_cut = fmax(most_cut, norm);
            }
        }
        assert_true(least_kept >= most_cut * (1 - 1e-6));
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
    const int widths[2] = {4, 4}, odd[2] = {3, 4}, wide[2] = {10, 4}, none[2] = {0, 4};
    static const int expected[4] = {1, 3, 4, 5};
    const struct criterion *l1 = criterion_find("l1");
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
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_gamma_behind_concatenation),
        cmocka_unit_test(test_gamma_needs_batchnorm),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_keeps_largest),
        cmocka_unit_test(test_parts_and_ties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
