// Importance on a tiny network, by hand: every normalisation and reduction, and what is refused.
#include "search_space/importance.h"
#include "test_unit.h"

#include <math.h>

struct fixture {
    struct graph graph;
    struct groups groups;
    struct arena arena;
    struct criterion_input input;
};

// a: 3 channels with norms 1, 2, 3 (rows), read by b with norms 8, 2, 2 (columns); b: 2 channels
// with norms 8, 4 (rows), read by the classes with norms 6, 0 (columns).
static void open_fixture(struct fixture *f)
{
    static float params[] = {1, -2, 3, /* b */ 6, -1, 1, -2, 1, -1, /* classes */ 5, 0, -1, 0};
    const struct conv_attributes a = {.out_c = 3, .kernel_h = 1, .kernel_w = 1, .stride = 1};
    struct conv_attributes b = a;
    b.out_c = 2;
    int node;
    *f = (struct fixture){0};
    assert_ok(graph_begin(&f->graph, 1, 1, 1));
    assert_ok(graph_add_conv(&f->graph, "a", 0, &a, &node));
    assert_ok(graph_add_conv(&f->graph, "b", node, &b, &node));
    assert_ok(graph_add_linear(&f->graph, "classes", node, 2, false, &node));
    assert_ok(graph_finish(&f->graph));
    assert_int_equal(f->graph.n_floats, sizeof params / sizeof *params);
    assert_ok(groups_find(&f->graph, &f->groups));
    assert_int_equal(f->groups.n, 2);
    f->input = (struct criterion_input){.graph = &f->graph, .groups = &f->groups, .params = params};
}

static void close_fixture(struct fixture *f)
{
    groups_close(&f->groups);
    graph_close(&f->graph);
    arena_close(&f->arena);
}

static void test_by_hand(void **state)
{
    (void)state;
    static const struct {
        enum importance_normaliser normalise;
        enum importance_reduction reduce;
        double a[3], b[2];
    } cases[] = {
        {NORMALISE_NONE, REDUCE_SUM, {9, 4, 5}, {14, 4}},
        {NORMALISE_NONE, REDUCE_MEAN, {4.5, 2, 2.5}, {7, 2}},
        {NORMALISE_NONE, REDUCE_MOST, {8, 2, 3}, {8, 4}},
        // Means: 2 and 4; 6 and 3.
        {NORMALISE_MEAN, REDUCE_SUM, {0.5 + 2, 1 + 0.5, 1.5 + 0.5}, {8.0 / 6 + 2, 4.0 / 6}},
        {NORMALISE_MEAN, REDUCE_MEAN, {1.25, 0.75, 1}, {4.0 / 6 + 1, 2.0 / 6}},
        {NORMALISE_MEAN, REDUCE_MOST, {2, 1, 1.5}, {2, 4.0 / 6}},
        // Maxima: 3 and 8; 8 and 6.
        {NORMALISE_MAX, REDUCE_SUM, {1.0 / 3 + 1, 2.0 / 3 + 0.25, 1 + 0.25}, {2, 0.5}},
        {NORMALISE_MAX, REDUCE_MEAN, {2.0 / 3, 1.0 / 3 + 0.125, 0.625}, {1, 0.25}},
        {NORMALISE_MAX, REDUCE_MOST, {1, 2.0 / 3, 1}, {1, 0.5}},
    };
    struct fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct importance_options options = {.normalise = cases[i].normalise,
                                                   .reduce = cases[i].reduce};
        float **scores;
        assert_ok(importance_score(criteria[CRITERION_L1], &f.input, &options, &f.arena, &scores));
        for (int k = 0; k < 3; k++) {
            assert_true(fabs((double)scores[0][k] - cases[i].a[k]) < 1e-6);
        }
        for (int k = 0; k < 2; k++) {
            assert_true(fabs((double)scores[1][k] - cases[i].b[k]) < 1e-6);
        }
    }
    close_fixture(&f);
}

static void test_dead_layer(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    float dead[] = {0, 0, 0, 6, -1, 1, -2, 1, -1, 5, 0, -1, 0}, **scores;
    f.input.params = dead;
    assert_ok(importance_score(criteria[CRITERION_L1], &f.input, &importance_defaults, &f.arena,
                               &scores));
    assert_true(scores[0][0] > scores[0][1] && scores[0][1] == scores[0][2]);
    close_fixture(&f);
}

static void test_errors(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    float broken[] = {1, 2, 3, 6, -1, NAN, -2, 1, -1, 5, 0, -1, 0}, **scores;
    const struct criterion *l2 = criteria[CRITERION_L2];
    f.input.params = broken;
    assert_fails(importance_score(l2, &f.input, &importance_defaults, &f.arena, &scores), ERR_INPUT,
                 "not finite");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_dead_layer),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
