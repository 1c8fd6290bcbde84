// The budget wall: exact legality by brute force, 100,000 random episodes without one violation,
// and the uniform baseline.
#include "core/rng.h"
#include "nn/zoo.h"
#include "search_space/slim.h"
#include "search_space/wall.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct space {
    struct graph graph;
    struct groups groups;
    struct network_cost cost; // of the full network
};

static struct space open_space(const char *name)
{
    struct space space = {0};
    assert_ok(zoo_build(name, 32, 32, 3, 10, &space.graph));
    assert_ok(groups_find(&space.graph, &space.groups));
    space.cost = cost_of_graph(&space.graph);
    return space;
}

static void close_space(struct space *space)
{
    groups_close(&space->groups);
    graph_close(&space->graph);
}

// The cost of the network that really has these widths: the first channels of each group stay.
static struct network_cost cost_of_widths(const struct space *space, const int *widths)
{
    struct arena arena = {0};
    int **keep = arena_alloc(&arena, (size_t)space->groups.n, sizeof *keep);
    for (int g = 0; g < space->groups.n; g++) {
        keep[g] = arena_alloc(&arena, (size_t)widths[g], sizeof *keep[g]);
        for (int k = 0; k < widths[g]; k++) {
            keep[g][k] = k;
        }
    }
    const struct keep all = {.keep = keep, .kept = widths};
    float *params = calloc(space->graph.n_floats, sizeof *params), *slimmed_params;
    struct graph slimmed = {0};
    assert_non_null(params);
    assert_ok(slim_network(&space->graph, &space->groups, params, &all, &slimmed, &slimmed_params));
    const struct network_cost cost = cost_of_graph(&slimmed);
    free(params);
    free(slimmed_params);
    graph_close(&slimmed);
    arena_close(&arena);
    return cost;
}

// Decides all groups in random order by random legal choices.
static void run_episode(struct wall *wall, struct rng *rng, int32_t *order)
{
    const int n = wall_groups(wall);
    for (int g = 0; g < n; g++) {
        order[g] = g;
    }
    rng_shuffle(rng, order, (size_t)n);
    wall_reset(wall);
    for (int i = 0; i < n; i++) {
        const int *widths;
        const int choices = wall_choices(wall, order[i], &widths);
        uint8_t legal[2048];
        assert_true(choices <= 2048);
        wall_legal(wall, order[i], legal);
        int n_legal = 0;
        while (n_legal < choices && legal[n_legal]) {
            n_legal++;
        }
        assert_true(n_legal > 0);
        wall_decide(wall, order[i], widths[rng_below(rng, (uint32_t)n_legal)]);
    }
}

static void check_widths(const struct space *space, const struct wall *wall,
                         const struct wall_options *options)
{
    for (int g = 0; g < space->groups.n; g++) {
        const int width = wall_widths(wall)[g], c = space->groups.groups[g].channels;
        assert_true(width == c || (width < c && width % options->round_to == 0));
        assert_true(width >= options->least_share * c - 1e-6 || width == c);
    }
}

static void test_many_episodes(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet20", "vgg16_bn", "mobilenet_v1", "mobilenet_v2",
                                        "densenet40"};
    static const struct wall_options options[] = {{1, 0.2}, {4, 0.1}, {8, 0.2}, {1, 0.05}};
    enum { EPISODES = 100000, NAMES = 5, RATIOS = 8, OPTIONS = 4, KINDS = 3 };
    enum { PER_SETTING = 250 };
    int episodes = 0, impossible = 0, settings = 0;
    int32_t order[128];
    for (int round = 0; episodes < EPISODES; round++) {
        for (int name = 0; name < NAMES; name++) {
            struct space space = open_space(names[name]);
            for (int setting = 0; setting < RATIOS * OPTIONS * KINDS; setting++) {
                const double ratio = 0.2 + 0.1 * (setting % RATIOS);
                const struct wall_options *with = &options[setting / RATIOS % OPTIONS];
                const int kinds = setting / RATIOS / OPTIONS; // 0 MACs, 1 parameters, 2 both
                const struct wall_limit both[2] = {
                    {COST_MACS, (int64_t)floor(ratio * (double)space.cost.macs)},
                    {COST_PARAMS, (int64_t)floor(ratio * (double)space.cost.params)}};
                struct arena arena = {0};
                struct wall *wall;
                const enum status status =
                    wall_open(&space.graph, &space.groups, with, kinds == 1 ? both + 1 : both,
                              kinds == 2 ? 2 : 1, &arena, &wall);
                assert_true(status == OK || status == ERR_CONFIG);
                settings++;
                impossible += status != OK;
                struct rng rng = rng_make(31, RNG_TEST, (uint64_t)name * 1000 + (uint64_t)setting,
                                          (uint32_t)round);
                for (int e = 0; status == OK && e < PER_SETTING; e++) {
                    run_episode(wall, &rng, order);
                    check_widths(&space, wall, with);
                    const int64_t macs = wall_cost(wall, COST_MACS);
                    const int64_t params = wall_cost(wall, COST_PARAMS);
                    assert_true(kinds == 1 || macs <= both[0].limit);
                    assert_true(kinds == 0 || params <= both[1].limit);
                    if (e == 0 && round == 0) { // against the real network
                        const struct network_cost cost = cost_of_widths(&space, wall_widths(wall));
                        assert_int_equal(cost.macs, macs);
                        assert_int_equal(cost.params, params);
                    }
                    episodes++;
                }
                arena_close(&arena);
            }
            close_space(&space);
        }
    }
    print_message("%d episodes, %d of %d settings out of reach\n", episodes, impossible, settings);
    assert_true(impossible < settings / 2);
}

// On a small network with equal parts: a choice is legal exactly when some completion fits.
static bool can_finish(const struct cost_model *model, const struct wall *wall, int *widths,
                       int decided, int64_t limit)
{
    if (decided == wall_groups(wall)) {
        return cost_model_total(model, widths) <= limit;
    }
    const int *choices;
    const int n = wall_choices(wall, decided, &choices);
    for (int i = 0; i < n; i++) {
        widths[decided] = choices[i];
        if (can_finish(model, wall, widths, decided + 1, limit)) {
            return true;
        }
    }
    return false;
}

static void build_small(struct space *space)
{
    struct graph *graph = &space->graph;
    assert_ok(graph_begin(graph, 6, 6, 3));
    const struct conv_attributes stem = {
        .out_c = 6, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
    struct conv_attributes grouped = stem, wide = stem;
    grouped.groups = 2;
    grouped.out_c = 4;
    wide.out_c = 7;
    int a, b, c, d;
    assert_ok(graph_add_conv(graph, "a", 0, &stem, &a));
    assert_ok(graph_add_conv(graph, "b", a, &grouped, &b));
    assert_ok(graph_add_conv(graph, "c", b, &wide, &c));
    assert_ok(graph_add_linear(graph, "d", c, 2, true, &d));
    assert_ok(graph_finish(graph));
    assert_ok(groups_find(graph, &space->groups));
    space->cost = cost_of_graph(graph);
}

static void test_exact(void **state)
{
    (void)state;
    struct space space = {0};
    build_small(&space);
    assert_int_equal(space.groups.n, 3);
    struct rng rng = rng_make(32, RNG_TEST, 0, 0);
    int legal_seen = 0, illegal_seen = 0;
    for (int trial = 0; trial < 200; trial++) {
        struct arena arena = {0};
        const struct wall_options options = {.round_to = 1, .least_share = 0.0};
        const double ratio = 0.2 + 0.75 * (double)rng_uniform(&rng);
        const struct wall_limit limit = {COST_MACS, (int64_t)(ratio * (double)space.cost.macs)};
        struct wall *wall;
        struct cost_model *model;
        assert_ok(wall_open(&space.graph, &space.groups, &options, &limit, 1, &arena, &wall));
        assert_ok(cost_model_open(&space.graph, &space.groups, COST_MACS, &arena, &model));
        int widths[3];
        for (int g = 0; g < 3; g++) { // in order, as can_finish does
            const int *choices;
            const int n = wall_choices(wall, g, &choices);
            uint8_t legal[16];
            wall_legal(wall, g, legal);
            int pick = 0;
            for (int i = 0; i < n; i++) {
                assert_int_equal(choices[i] % space.groups.groups[g].equal_parts, 0);
                for (int k = 0; k < g; k++) {
                    widths[k] = wall_widths(wall)[k];
                }
                widths[g] = choices[i];
                assert_int_equal(legal[i], can_finish(model, wall, widths, g + 1, limit.limit));
                legal_seen += legal[i];
                illegal_seen += !legal[i];
                pick = legal[i] && rng_below(&rng, 3) > 0 ? i : pick;
            }
            wall_decide(wall, g, choices[pick]);
        }
        arena_close(&arena);
    }
    assert_true(legal_seen > 500 && illegal_seen > 500);
    close_space(&space);
}

static void test_choices(void **state)
{
    (void)state;
    struct space space = {0};
    build_small(&space); // 6 channels in 2 parts, 4 in 2 parts, 7
    struct arena arena = {0};
    struct wall *wall;
    const struct wall_limit none = {COST_MACS, INT64_MAX - 1};
    const struct wall_options threes = {.round_to = 3, .least_share = 0.2};
    assert_ok(wall_open(&space.graph, &space.groups, &threes, &none, 1, &arena, &wall));
    const int *widths;
    assert_int_equal(wall_choices(wall, 0, &widths), 1); // 3 does not divide into 2 parts
    assert_int_equal(widths[0], 6);
    assert_int_equal(wall_choices(wall, 1, &widths), 1);
    assert_int_equal(widths[0], 4);
    assert_int_equal(wall_choices(wall, 2, &widths), 3);
    assert_int_equal(widths[0], 3);
    assert_int_equal(widths[1], 6);
    assert_int_equal(widths[2], 7);
    const struct wall_options half = {.round_to = 1, .least_share = 0.5};
    assert_ok(wall_open(&space.graph, &space.groups, &half, NULL, 0, &arena, &wall));
    assert_int_equal(wall_choices(wall, 0, &widths), 2); // 3 is the least, but odd
    assert_int_equal(widths[0], 4);
    assert_int_equal(wall_choices(wall, 2, &widths), 4); // 4, 5, 6, 7
    assert_int_equal(widths[0], 4);
    arena_close(&arena);
    close_space(&space);
}

static void test_errors(void **state)
{
    (void)state;
    struct space space = open_space("resnet20");
    struct arena arena = {0};
    struct wall *wall;
    const struct wall_options good = {1, 0.2}, no_round = {0, 0.2}, no_share = {1, 1.5};
    const struct wall_limit tiny = {COST_PARAMS, 1000}, zero = {COST_MACS, 0};
    assert_fails(wall_open(&space.graph, &space.groups, &good, &tiny, 1, &arena, &wall), ERR_CONFIG,
                 "1000 parameters cannot be met");
    assert_fails(wall_open(&space.graph, &space.groups, &good, &zero, 1, &arena, &wall), ERR_CONFIG,
                 "0 multiply-adds");
    assert_fails(wall_open(&space.graph, &space.groups, &no_round, NULL, 0, &arena, &wall),
                 ERR_CONFIG, "round_to");
    assert_fails(wall_open(&space.graph, &space.groups, &no_share, NULL, 0, &arena, &wall),
                 ERR_CONFIG, "least_share");
    arena_close(&arena);
    close_space(&space);
}

// The baseline meets the limit and no group can be raised any more; with no limit it is the full
// network.
static void test_uniform(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet20", "vgg16_bn", "mobilenet_v2", "densenet40"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct space space = open_space(names[i]);
        struct arena arena = {0};
        for (int step = 0; step < 4; step++) {
            const int64_t limit = space.cost.macs * (3 + 2 * step) / 10;
            const struct wall_options options = {.round_to = step % 2 == 0 ? 1 : 4,
                                                 .least_share = 0.1};
            const struct wall_limit macs = {COST_MACS, limit};
            struct wall *wall;
            struct cost_model *model;
            assert_ok(wall_open(&space.graph, &space.groups, &options, &macs, 1, &arena, &wall));
            assert_ok(cost_model_open(&space.graph, &space.groups, COST_MACS, &arena, &model));
            int widths[128];
            assert_ok(wall_uniform(wall, widths));
            const int64_t total = cost_model_total(model, widths);
            assert_true(total <= limit);
            double least = 1, most = 0;
            for (int g = 0; g < space.groups.n; g++) {
                const int *choices;
                const int n = wall_choices(wall, g, &choices);
                int at = 0;
                while (choices[at] != widths[g]) {
                    assert_true(++at < n);
                }
                assert_true(at + 1 == n ||
                            cost_model_with(model, widths, total, g, choices[at + 1]) > limit);
                const double share = (double)widths[g] / space.groups.groups[g].channels;
                least = fmin(least, share);
                most = fmax(most, share);
            }
            // Uniform up to rounding and the few raised steps of small groups.
            assert_true(options.round_to > 1 || most - least < 0.25);
        }
        struct wall *wall;
        const struct wall_options options = {.round_to = 1, .least_share = 0.1};
        assert_ok(wall_open(&space.graph, &space.groups, &options, NULL, 0, &arena, &wall));
        int widths[128];
        assert_ok(wall_uniform(wall, widths));
        for (int g = 0; g < space.groups.n; g++) {
            assert_int_equal(widths[g], space.groups.groups[g].channels);
        }
        arena_close(&arena);
        close_space(&space);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_episodes), cmocka_unit_test(test_exact),
        cmocka_unit_test(test_choices),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
