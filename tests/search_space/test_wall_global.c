// One ranking over all groups: budgets met exactly, nothing left that still fits, the threshold
// itself, streams whole when asked, and the same widths each time.
#include "core/rng.h"
#include "nn/zoo.h"
#include "random_graph.h"
#include "search_space/importance.h"
#include "search_space/wall.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_GROUPS = 128 };

struct fixture {
    struct graph graph;
    struct groups groups;
    struct network_cost cost;
    struct arena arena;
    float *params, **scores;
};

static void open_fixture(struct fixture *f, const char *name)
{
    *f = (struct fixture){0};
    assert_ok(zoo_build(name, 32, 32, 3, 10, &f->graph));
    assert_ok(groups_find(&f->graph, &f->groups));
    assert_true(f->groups.n <= MOST_GROUPS);
    f->cost = cost_of_graph(&f->graph);
    f->params = arena_alloc(&f->arena, f->graph.n_floats, sizeof *f->params);
    struct rng rng = rng_make(61, RNG_TEST, 0, 0);
    random_graph_params(&f->graph, &rng, f->params);
    const struct criterion_input input = {
        .graph = &f->graph, .groups = &f->groups, .params = f->params};
    assert_ok(importance_score(criteria[CRITERION_L1], &input, &importance_defaults, &f->arena,
                               &f->scores));
}

static void close_fixture(struct fixture *f)
{
    groups_close(&f->groups);
    graph_close(&f->graph);
    arena_close(&f->arena);
}

// Every width is a choice, the limits hold, and no undecided group can take its next choice.
static void check_maximal(const struct fixture *f, const struct wall *wall,
                          const struct wall_limit *limits, int n_limits, bool inner,
                          const int *widths)
{
    struct arena arena = {0};
    struct cost_model *models[2];
    int64_t totals[2];
    for (int i = 0; i < n_limits; i++) {
        assert_ok(cost_model_open(&f->graph, &f->groups, limits[i].kind, &arena, &models[i]));
        totals[i] = cost_model_total(models[i], widths);
        assert_true(totals[i] <= limits[i].limit);
    }
    for (int g = 0; g < f->groups.n; g++) {
        const int *choices;
        const int n = wall_choices(wall, g, &choices);
        int at = 0;
        while (choices[at] != widths[g]) {
            assert_true(++at < n);
        }
        if (inner && !f->groups.groups[g].inner) {
            assert_int_equal(widths[g], f->groups.groups[g].channels);
        }
        bool fits = at + 1 < n;
        for (int i = 0; fits && i < n_limits; i++) {
            fits = cost_model_with(models[i], widths, totals[i], g, choices[at + 1]) <=
                   limits[i].limit;
        }
        assert_false(fits);
    }
    arena_close(&arena);
}

static void test_random_budgets(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet20", "vgg16_bn", "mobilenet_v2", "densenet40"};
    static const int steps[] = {1, 4, 8};
    struct rng rng = rng_make(62, RNG_TEST, 0, 0);
    int tried = 0;
    for (size_t name = 0; name < sizeof names / sizeof *names; name++) {
        struct fixture f;
        open_fixture(&f, names[name]);
        for (int trial = 0; trial < 60; trial++) {
            const double ratio = 0.15 + 0.8 * (double)rng_uniform(&rng);
            const int n_limits = 1 + (int)rng_below(&rng, 2);
            const bool inner = rng_below(&rng, 2) == 0;
            const struct wall_limit limits[2] = {
                {COST_MACS, (int64_t)(ratio * (double)f.cost.macs)},
                {COST_PARAMS, (int64_t)((0.2 + ratio) * (double)f.cost.params)}};
            const struct wall_options options = {.round_to = steps[rng_below(&rng, 3)],
                                                 .least_share = 0.1 * rng_below(&rng, 3)};
            struct arena arena = {0};
            struct wall *wall;
            int widths[MOST_GROUPS], again[MOST_GROUPS];
            if (wall_open(&f.graph, &f.groups, &options, limits, n_limits, &arena, &wall) == OK &&
                (!inner || wall_keep_streams(wall, &f.groups) == OK)) {
                assert_ok(wall_global(wall, f.scores, widths));
                check_maximal(&f, wall, limits, n_limits, inner, widths);
                assert_ok(wall_global(wall, f.scores, again));
                assert_memory_equal(widths, again, (size_t)f.groups.n * sizeof *widths);
                tried++;
            }
            arena_close(&arena);
        }
        close_fixture(&f);
    }
    assert_true(tried > 150);
}

// Budgets far enough apart that what is given back cannot blur it: no group shrinks as they grow;
// without a limit all is kept.
static void test_monotone(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, "vgg16_bn");
    int before[MOST_GROUPS] = {0}, widths[MOST_GROUPS];
    for (int step = 1; step <= 10; step++) {
        const struct wall_limit limit = {COST_MACS, f.cost.macs * step / 10};
        const struct wall_options options = {.round_to = 1};
        struct arena arena = {0};
        struct wall *wall;
        assert_ok(wall_open(&f.graph, &f.groups, &options, &limit, 1, &arena, &wall));
        assert_ok(wall_global(wall, f.scores, widths));
        for (int g = 0; g < f.groups.n; g++) {
            assert_true(widths[g] >= before[g]);
            before[g] = widths[g];
        }
        arena_close(&arena);
    }
    for (int g = 0; g < f.groups.n; g++) {
        assert_int_equal(widths[g], f.groups.groups[g].channels);
    }
    close_fixture(&f);
}

// a 4 -> b 4 (two parts) -> c 4 -> classes on one pixel: 8, 8, 16 and 4 multiply-adds per width.
static void build_small(struct fixture *f)
{
    const struct conv_attributes a = {.out_c = 4, .kernel_h = 1, .kernel_w = 1, .stride = 1};
    struct conv_attributes b = a;
    b.groups = 2;
    int node;
    *f = (struct fixture){0};
    assert_ok(graph_begin(&f->graph, 1, 1, 2));
    assert_ok(graph_add_conv(&f->graph, "a", 0, &a, &node));
    assert_ok(graph_add_conv(&f->graph, "b", node, &b, &node));
    assert_ok(graph_add_conv(&f->graph, "c", node, &a, &node));
    assert_ok(graph_add_linear(&f->graph, "classes", node, 1, false, &node));
    assert_ok(graph_finish(&f->graph));
    assert_ok(groups_find(&f->graph, &f->groups));
    assert_int_equal(f->groups.n, 3);
}

// Widths 4 4 4 cost 8 + 8 + 16 + 4 = 36. Steps, least first: a's worse pair (mean 1.5), c's 2, c's
// 3, b's worse pair (4), a's better pair is never cut, c's 5 ...
static void test_by_hand(void **state)
{
    (void)state;
    static float a[] = {2, 9, 1, 9}, b[] = {4, 7, 7, 4}, c[] = {5, 2, 8, 3};
    float *scores[] = {a, b, c};
    static const struct {
        int64_t limit;
        int widths[3];
    } cases[] = {
        {36, {4, 4, 4}}, {35, {2, 4, 4}}, // 28: the pair goes at once; nothing fits in the 7 left
        {28, {2, 4, 4}}, {27, {2, 4, 3}}, // 23
        {22, {2, 4, 2}},                  // 18; c back to 3 would make 23
        {17, {2, 2, 3}}, // 10 at c 2, then one of c's fits again: 13, and another: 16, taken
        {12, {2, 2, 2}},
    };
    struct fixture f;
    build_small(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct wall_options options = {.round_to = 1};
        const struct wall_limit limit = {COST_MACS, cases[i].limit};
        struct wall *wall;
        int widths[3];
        assert_ok(wall_open(&f.graph, &f.groups, &options, &limit, 1, &f.arena, &wall));
        assert_ok(wall_global(wall, scores, widths));
        for (int g = 0; g < 3; g++) {
            if (widths[g] != cases[i].widths[g]) {
                fail_msg("limit %d: %d %d %d", (int)cases[i].limit, widths[0], widths[1],
                         widths[2]);
            }
        }
    }
    close_fixture(&f);
}

// The shares of a full network's costs that are one channel's, of each limit alike.
static void test_channel_costs(void **state)
{
    (void)state;
    struct fixture f;
    build_small(&f);
    const struct wall_options options = {.round_to = 1};
    const struct wall_limit limits[2] = {{COST_MACS, 30}, {COST_PARAMS, 30}};
    static const double expected[3] = {4.0 / 36, 6.0 / 36, 5.0 / 36}; // one pixel: both are alike
    for (int n = 0; n <= 2; n++) {
        struct wall *wall;
        double costs[3];
        assert_ok(wall_open(&f.graph, &f.groups, &options, limits, n, &f.arena, &wall));
        wall_channel_costs(wall, costs);
        for (int g = 0; g < 3; g++) {
            assert_true(fabs(costs[g] - (n == 0 ? 1 : n * expected[g])) < 1e-12);
        }
    }
    close_fixture(&f);
}

// Scores that say nothing cut every group alike.
static void test_equal_scores(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, "vgg16_bn");
    for (int g = 0; g < f.groups.n; g++) {
        for (int k = 0; k < f.groups.groups[g].channels; k++) {
            f.scores[g][k] = 1;
        }
    }
    const struct wall_options options = {.round_to = 8};
    const struct wall_limit limit = {COST_MACS, f.cost.macs / 2};
    struct wall *wall;
    int widths[MOST_GROUPS];
    assert_ok(wall_open(&f.graph, &f.groups, &options, &limit, 1, &f.arena, &wall));
    assert_ok(wall_global(wall, f.scores, widths));
    for (int g = 0; g < f.groups.n; g++) {
        assert_true(fabs((double)widths[g] / f.groups.groups[g].channels - 0.7) < 0.13);
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_budgets), cmocka_unit_test(test_monotone),
        cmocka_unit_test(test_by_hand),        cmocka_unit_test(test_channel_costs),
        cmocka_unit_test(test_equal_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
