// Walking the wall of real networks with any policy: no episode exceeds its budget, what the wall
// says a candidate costs is what the slimmed network costs, and the agent sees where it stands.
#include "core/log.h"
#include "core/rng.h"
#include "envs/prune/prune_features.h"
#include "envs/prune/prune_score.h"
#include "nn/zoo.h"
#include "search_space/slim.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>

struct studied {
    struct host_network network;
    struct space_options space;
    struct prune_study study;
    struct arena arena;
};

static void studied_open(struct studied *s, const char *architecture, int size,
                         enum group_range groups)
{
    *s = (struct studied){0};
    struct network_info *info = &s->network.subject.info;
    snprintf(info->architecture, sizeof info->architecture, "%s", architecture);
    info->h = info->w = size;
    info->c = 3;
    info->classes = size == 224 ? 1000 : 10;
    s->network.subject.base_accuracy = 0.9;
    option_defaults(space_option_table, &s->space);
    s->space.groups = groups;
    assert_ok(zoo_build(architecture, size, size, 3, info->classes, &s->network.graph));
    assert_ok(groups_find(&s->network.graph, &s->network.groups));
    float *params = arena_alloc(&s->arena, s->network.graph.n_floats, sizeof *params);
    assert_non_null(params);
    graph_init_params(&s->network.graph, 3, params);
    s->network.params = params;
    const struct criterion_input input = {
        .graph = &s->network.graph, .groups = &s->network.groups, .params = params};
    assert_ok(criterion_rank(criteria[CRITERION_L1], &input, &s->arena, &s->network.ranking));
    assert_ok(host_prior_make(&input, &s->network.ranking, NULL, &s->arena, &s->network.prior));
    assert_ok(prune_study_open(&s->network, &s->space, &s->arena, &s->study));
}

static void studied_close(struct studied *s)
{
    prune_study_close(&s->study);
    groups_close(&s->network.groups);
    graph_close(&s->network.graph);
    arena_close(&s->arena);
}

static void walk_open(struct studied *s, double macs, double params, struct prune_walk *walk)
{
    const struct prune_task task = {.name = "t", .budget = {macs, params}};
    assert_ok(prune_walk_open(&s->study, &task, &s->space, &s->arena, walk));
}

// Which choice: any legal one, or one that leans to an end of what is legal, as policies do.
static int pick(struct rng *rng, const uint8_t *legal, int n, int policy)
{
    int options[1024], n_options = 0;
    for (int i = 0; i < n; i++) {
        if (legal[i]) {
            options[n_options++] = i;
        }
    }
    assert_true(n_options >= 1);
    const int any = (int)rng_below(rng, (uint32_t)n_options);
    return policy == 0   ? options[any]
           : policy == 1 ? options[n_options - 1]
                         : options[any * any / n_options];
}

// One random episode; `seen` (NULL: not wanted) gets the features of each step.
static void walk_through(struct prune_walk *walk, int episode, float (*seen)[PRUNE_FEATURE_COUNT])
{
    struct rng rng = rng_make(3, RNG_TEST, (uint64_t)episode, 0);
    uint8_t legal[1024];
    prune_walk_reset(walk, 0);
    while (walk->step < walk->study->n_steps) {
        const int *widths, n = prune_walk_choices(walk, &widths);
        assert_in_range(n, 1, 1024);
        wall_legal(walk->wall, walk->study->steps[walk->step], legal);
        const int choice = pick(&rng, legal, n, episode % 3);
        if (seen != NULL) {
            prune_features(walk, widths[0], widths[choice], seen[walk->step]);
        }
        prune_walk_decide(walk, choice);
    }
}

// The cost of the network that these widths really make.
static struct network_cost built_cost(const struct studied *s, const int *widths)
{
    const struct groups *groups = &s->network.groups;
    struct arena arena = {0};
    int **keep = arena_alloc(&arena, (size_t)groups->n, sizeof *keep);
    float *params = calloc(s->network.graph.n_floats, sizeof *params), *slimmed_params;
    assert_non_null(keep);
    assert_non_null(params);
    for (int g = 0; g < groups->n; g++) {
        keep[g] = arena_alloc(&arena, (size_t)widths[g], sizeof **keep);
        assert_non_null(keep[g]);
        for (int i = 0; i < widths[g]; i++) {
            keep[g][i] = i;
        }
    }
    const struct keep kept = {.keep = keep, .kept = widths};
    struct graph slimmed;
    assert_ok(slim_network(&s->network.graph, groups, params, &kept, &slimmed, &slimmed_params));
    const struct network_cost cost = cost_of_graph(&slimmed);
    graph_close(&slimmed);
    free(slimmed_params);
    free(params);
    arena_close(&arena);
    return cost;
}

static void budgets_hold(const char *architecture, int size, enum group_range groups, double macs,
                         double params)
{
    enum { EPISODES = 300, BUILT = 6 };
    struct studied s;
    struct prune_walk walk;
    studied_open(&s, architecture, size, groups);
    walk_open(&s, macs, params, &walk);
    const struct network_cost whole = cost_of_graph(&s.network.graph);
    assert_true(s.study.full[COST_MACS] == whole.macs && s.study.full[COST_PARAMS] == whole.params);
    for (int e = 0; e < EPISODES; e++) {
        walk_through(&walk, e, NULL);
        const int64_t cost[2] = {wall_cost(walk.wall, COST_MACS),
                                 wall_cost(walk.wall, COST_PARAMS)};
        assert_true(macs == 0 || (double)cost[COST_MACS] <= macs * (double)whole.macs);
        assert_true(params == 0 || (double)cost[COST_PARAMS] <= params * (double)whole.params);
        if (e < BUILT) {
            const struct network_cost built = built_cost(&s, wall_widths(walk.wall));
            assert_true(built.macs == cost[COST_MACS] && built.params == cost[COST_PARAMS]);
        }
    }
    studied_close(&s);
}

static void no_episode_exceeds_its_budget(void **state)
{
    (void)state;
    budgets_hold("resnet20", 32, GROUPS_INNER, 0.6, 0);
    budgets_hold("resnet20", 32, GROUPS_ALL, 0.3, 0.3);
    budgets_hold("resnet56", 32, GROUPS_INNER, 0.5, 0.5);
    budgets_hold("resnet56", 32, GROUPS_ALL, 0.2, 0);
    budgets_hold("vgg16_bn", 32, GROUPS_INNER, 0.3, 0.2);
    budgets_hold("densenet40", 32, GROUPS_INNER, 0.5, 0);
    budgets_hold("mobilenet_v1", 32, GROUPS_INNER, 0.25, 0.4);
}

// The published pruned MobileNetV2s exceeded all four of their budgets.
static void mobilenet_v2_keeps_every_published_budget(void **state)
{
    (void)state;
    static const double budgets[] = {0.70, 0.80, 0.65, 0.75};
    for (int i = 0; i < 4; i++) {
        budgets_hold("mobilenet_v2", 32, GROUPS_ALL, budgets[i], 0);
        budgets_hold("mobilenet_v2", 224, GROUPS_INNER, budgets[i], 0);
    }
}

// ImageNet's strides would leave 11.6 M multiply-adds and a 1x1 map at 32x32.
static void mobilenet_at_32_is_the_wide_one(void **state)
{
    (void)state;
    struct studied s;
    studied_open(&s, "mobilenet_v1", 32, GROUPS_ALL);
    assert_true(s.study.full[COST_MACS] == 46354432);
    assert_true(s.study.full[COST_PARAMS] == 3217226);
    studied_close(&s);
}

// A residual stream is one choice that all its members follow; with "inner" it is none.
static void residual_members_share_one_choice(void **state)
{
    (void)state;
    struct studied all, inner;
    struct prune_walk walk;
    studied_open(&all, "resnet20", 32, GROUPS_ALL);
    studied_open(&inner, "resnet20", 32, GROUPS_INNER);
    assert_int_equal(inner.study.n_steps, 9);                     // one in each block
    assert_true(all.study.n_steps > 9 && all.study.n_steps < 19); // fewer than convolutions
    walk_open(&all, 0.4, 0, &walk);
    int streams = 0;
    for (int s = 0; s < all.study.n_steps; s++) {
        streams += all.network.groups.groups[all.study.steps[s]].n_members > 1;
    }
    assert_true(streams >= 3);
    // Sums of unequal operands would not build: built_cost shows that all members followed.
    for (int e = 0; e < 20; e++) {
        walk_through(&walk, e, NULL);
        assert_true(built_cost(&all, wall_widths(walk.wall)).macs ==
                    wall_cost(walk.wall, COST_MACS));
    }
    walk_open(&inner, 0.7, 0, &walk);
    walk_through(&walk, 0, NULL);
    for (int g = 0; g < inner.network.groups.n; g++) {
        const struct channel_group *group = &inner.network.groups.groups[g];
        assert_true(group->inner || wall_widths(walk.wall)[g] == group->channels);
    }
    studied_close(&all);
    studied_close(&inner);
}

// Features are real numbers in [0, 1] that tell steps, tasks and histories apart (they once were
// stored as bytes: all zero).
static void features_tell_states_apart(void **state)
{
    (void)state;
    static float seen[64][PRUNE_FEATURE_COUNT], other[64][PRUNE_FEATURE_COUNT];
    struct studied s;
    struct prune_walk walk, tighter;
    studied_open(&s, "vgg16_bn", 32, GROUPS_ALL);
    walk_open(&s, 0.7, 0, &walk);
    walk_open(&s, 0.5, 0.9, &tighter);
    walk_through(&walk, 0, seen);
    bool varies[PRUNE_FEATURE_COUNT] = {false};
    for (int i = 0; i < s.study.n_steps; i++) {
        int fractions = 0;
        for (int f = 0; f < PRUNE_FEATURE_COUNT; f++) {
            assert_true(seen[i][f] >= 0 && seen[i][f] <= 1);
            fractions += seen[i][f] > 0 && seen[i][f] < 1;
            varies[f] = varies[f] || seen[i][f] != seen[0][f];
        }
        assert_true(fractions > PRUNE_FEATURE_COUNT / 2);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(seen[i], seen[j], sizeof seen[i]);
        }
    }
    static const enum prune_feature moving[] = {
        PRUNE_FEATURE_LAYER,     PRUNE_FEATURE_IN_CHANNELS, PRUNE_FEATURE_OUT_CHANNELS,
        PRUNE_FEATURE_HEIGHT,    PRUNE_FEATURE_MACS_HERE,   PRUNE_FEATURE_MACS_REDUCED,
        PRUNE_FEATURE_MACS_REST, PRUNE_FEATURE_LAST_SHARE,  PRUNE_FEATURE_PARAMS_HERE,
        PRUNE_FEATURE_UNIFORM,   PRUNE_FEATURE_SLACK,       PRUNE_FEATURE_LOW,
        PRUNE_FEATURE_STAGE,     PRUNE_FEATURE_MACS_LEFT,   PRUNE_FEATURE_PARAMS_LEFT,
        PRUNE_FEATURE_TIGHT,     PRUNE_FEATURE_COVER,       PRUNE_FEATURE_NORM_4,
        PRUNE_FEATURE_ERROR_2,   PRUNE_FEATURE_RELATIVE,    PRUNE_FEATURE_ERROR_UNIFORM,
        PRUNE_FEATURE_HINT_REST};
    for (size_t i = 0; i < sizeof moving / sizeof *moving; i++) {
        assert_true(varies[moving[i]]);
    }
    walk_through(&tighter, 0, other);
    assert_true(other[0][PRUNE_FEATURE_MACS_BUDGET] < seen[0][PRUNE_FEATURE_MACS_BUDGET]);
    assert_true(other[0][PRUNE_FEATURE_PARAMS_BUDGET] < seen[0][PRUNE_FEATURE_PARAMS_BUDGET]);
    assert_true(other[0][PRUNE_FEATURE_UNIFORM] < seen[0][PRUNE_FEATURE_UNIFORM]);
    studied_close(&s);
}

static void set_widths(const struct studied *s, double share, int *widths)
{
    for (int g = 0; g < s->network.groups.n; g++) {
        const int channels = s->network.groups.groups[g].channels;
        const int width = (int)(share * channels + 0.5);
        widths[g] = width > 1 ? width : 1;
    }
}

// At the first step the wall is where wall_uniform would be with widths of any number.
static void uniform_says_where_the_wall_is(void **state)
{
    (void)state;
    struct studied s;
    struct prune_walk walk;
    float obs[PRUNE_FEATURE_COUNT];
    studied_open(&s, "vgg16_bn", 32, GROUPS_ALL);
    s.space.round_to = 1;
    s.space.least_share = 0;
    for (int tenths = 1; tenths < 10; tenths += 2) {
        walk_open(&s, tenths / 10.0, 0, &walk);
        prune_features(&walk, 8, 8, obs);
        const double share = (double)obs[PRUNE_FEATURE_UNIFORM];
        int widths[64];
        assert_in_range(s.network.groups.n, 1, 64);
        set_widths(&s, share, widths);
        assert_true(cost_model_total(s.study.models[COST_MACS], widths) <= walk.limits[COST_MACS]);
        set_widths(&s, share + 0.004, widths);
        assert_true(cost_model_total(s.study.models[COST_MACS], widths) > walk.limits[COST_MACS]);
    }
    walk_open(&s, 0, 0, &walk); // no budget: no wall
    prune_features(&walk, 8, 8, obs);
    assert_true(obs[PRUNE_FEATURE_UNIFORM] == 1.0F && obs[PRUNE_FEATURE_SLACK] == 1.0F);
    studied_close(&s);
}

static double error_of(const struct studied *s, const int *widths)
{
    double sum = 0;
    for (int i = 0; i < s->study.n_steps; i++) {
        const int group = s->study.steps[i];
        sum += prune_error_at(&s->network, s->study.first[i], group, widths[group]);
    }
    return sum;
}

// The least sum of errors of all combinations of three groups' choices within the limits.
static double least_error(const struct studied *s, const struct prune_walk *walk)
{
    const int *choices[3];
    int n[3], widths[3];
    double best = (double)INFINITY;
    for (int g = 0; g < 3; g++) {
        n[g] = wall_choices(walk->wall, g, &choices[g]);
    }
    for (int i = 0; i < n[0] * n[1] * n[2]; i++) {
        widths[0] = choices[0][i % n[0]];
        widths[1] = choices[1][i / n[0] % n[1]];
        widths[2] = choices[2][i / n[0] / n[1]];
        bool holds = true;
        for (int k = 0; k < 2; k++) {
            holds = holds && (walk->limits[k] == INT64_MAX ||
                              cost_model_total(s->study.models[k], widths) <= walk->limits[k]);
        }
        best = holds ? fmin(best, error_of(s, widths)) : best;
    }
    return best;
}

static void hints_are_close_to_the_least_error(void **state)
{
    (void)state;
    static const double budgets[][2] = {{0.2, 0}, {0.4, 0},   {0.6, 0},   {0.9, 0},  {0, 0.3},
                                        {0, 0.7}, {0.5, 0.3}, {0.3, 0.6}, {0.7, 0.7}};
    struct studied s;
    studied_open(&s, "convnet", 32, GROUPS_ALL);
    assert_int_equal(s.study.n_steps, 3);
    s.space.round_to = 1;
    s.space.least_share = 0.1;
    assert_ok(prune_study_open(&s.network, &s.space, &s.arena, &s.study));
    double sum = 0;
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        struct prune_walk walk;
        int widths[3], uniform[3];
        walk_open(&s, budgets[i][0], budgets[i][1], &walk);
        for (int g = 0; g < 3; g++) {
            widths[g] = walk.hint.widths[g];
        }
        prune_hint_fill(&walk.hint, &s.study, walk.wall, walk.limits, widths);
        for (int k = 0; k < 2; k++) {
            assert_true(walk.limits[k] == INT64_MAX ||
                        cost_model_total(s.study.models[k], widths) <= walk.limits[k]);
        }
        const double least = least_error(&s, &walk), found = error_of(&s, widths);
        assert_true(found >= least && found < 1.1 * least);
        assert_ok(wall_uniform(walk.wall, uniform));
        assert_true(found <= error_of(&s, uniform));
        sum += found / least;
    }
    assert_true(sum < 1.03 * sizeof budgets / sizeof budgets[0]);
    studied_close(&s);
}

// The hint is always legal, says all channels where there is no limit, and is what is decided where
// that was followed.
static void hints_follow_decisions(void **state)
{
    (void)state;
    struct studied s;
    struct prune_walk walk;
    uint8_t legal[1024];
    studied_open(&s, "resnet56", 32, GROUPS_INNER);
    for (int episode = 0; episode < 8; episode++) {
        struct rng rng = rng_make(8, RNG_TEST, (uint64_t)episode, 0);
        walk_open(&s, episode == 7 ? 0 : 0.35 + 0.1 * episode, episode % 2 == 1 ? 0.6 : 0, &walk);
        while (walk.step < s.study.n_steps) {
            const int group = s.study.steps[walk.step];
            const int *widths, n = prune_walk_choices(&walk, &widths);
            wall_legal(walk.wall, group, legal);
            int hint = 0;
            while (hint < n && widths[hint] != walk.hint.widths[group]) {
                hint++;
            }
            assert_true(hint < n && legal[hint]);
            float obs[PRUNE_FEATURE_COUNT];
            prune_features(&walk, widths[0], widths[n - 1], obs);
            assert_true(obs[PRUNE_FEATURE_HINT] ==
                        (float)widths[hint] / (float)s.network.groups.groups[group].channels);
            const bool follows = episode == 0 || episode == 7;
            assert_true(episode != 7 || hint == n - 1 || walk.limits[COST_PARAMS] != INT64_MAX);
            prune_walk_decide(&walk, follows ? hint : pick(&rng, legal, n, episode % 3));
        }
        for (int g = 0; g < s.network.groups.n; g++) {
            assert_true(walk.hint.widths[g] == wall_widths(walk.wall)[g]);
        }
    }
    studied_close(&s);
}

static void refuse(struct studied *s, double macs, double params, const char *text)
{
    struct prune_walk walk;
    const struct prune_task task = {.name = "tiny", .budget = {macs, params}};
    assert_fails(prune_walk_open(&s->study, &task, &s->space, &s->arena, &walk), ERR_CONFIG, text);
    assert_non_null(strstr(status_message(), "task \"tiny\""));
}

static void impossible_budgets_are_refused(void **state)
{
    (void)state;
    struct studied s;
    struct prune_walk walk;
    studied_open(&s, "resnet20", 32, GROUPS_INNER);
    char least[32], asked[32];
    snprintf(least, sizeof least, "%lld", (long long)s.study.least[COST_MACS]);
    snprintf(asked, sizeof asked, "at most %d", (int)(0.05 * 40551040));
    refuse(&s, 0.05, 0, least);
    refuse(&s, 0.05, 0, asked);
    refuse(&s, 0, 0.01, "parameters");
    refuse(&s, -1, 0, "macs is -1");
    refuse(&s, 0, (double)NAN, "params is");
    refuse(&s, 1e300, 0, "macs is 1e+300");
    refuse(&s, (double)(s.study.least[COST_MACS] - 1), 0, "least possible");
    // The least itself, as a number, leaves one way.
    walk_open(&s, (double)s.study.least[COST_MACS], 0, &walk);
    walk_through(&walk, 0, NULL);
    assert_true(wall_cost(walk.wall, COST_MACS) == s.study.least[COST_MACS]);
    studied_close(&s);
}

// Refit is for every network that it can be done for, unless somebody says otherwise.
static void refit_asks_what_the_matrices_need(void **state)
{
    (void)state;
    const struct scoring_network network = {.name = "wide"};
    const struct prune_task task = {.name = "t", .budget = {0.9}};
    struct prune_config config = {
        .networks = &network, .tasks = &task, .n_networks = 1, .n_tasks = 1};
    const struct conv_attributes wide = {
        .out_c = 600, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1};
    struct network_info info = {.h = 4, .w = 4, .c = 3, .classes = 2};
    struct graph graph, small;
    struct groups groups;
    int node;
    assert_ok(graph_begin(&graph, 4, 4, 3));
    assert_ok(graph_add_conv(&graph, "a", 0, &wide, &node));
    assert_ok(graph_add_conv(&graph, "b", node, &wide, &node));
    assert_ok(graph_add_linear(&graph, "classes", node, 2, true, &node));
    assert_ok(graph_finish(&graph));
    assert_ok(groups_find(&graph, &groups));
    option_defaults(space_option_table, &config.space);
    option_defaults(scoring_option_table, &config.scoring);
    config.space.groups = GROUPS_ALL;
    log_set_level(LOG_QUIET);
    assert_int_equal(config.scoring.refit, REFIT_AUTO);
    assert_ok(prune_check_tasks(&config, 0, &info, &graph));
    assert_false(prune_refits(&config.scoring, &graph, &groups));
    config.scoring.refit = REFIT_ON;
    assert_fails(prune_check_tasks(&config, 0, &info, &graph), ERR_UNSUPPORTED, "b has 5400");
    config.scoring.refit = REFIT_OFF;
    assert_ok(prune_check_tasks(&config, 0, &info, &graph));
    assert_false(prune_refits(&config.scoring, &graph, &groups));
    groups_close(&groups);
    graph_close(&graph);
    config.scoring.refit = REFIT_AUTO;
    assert_ok(zoo_build("convnet", 12, 12, 3, 2, &small));
    assert_ok(groups_find(&small, &groups));
    assert_true(prune_refits(&config.scoring, &small, &groups));
    groups_close(&groups);
    graph_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_episode_exceeds_its_budget),
        cmocka_unit_test(mobilenet_v2_keeps_every_published_budget),
        cmocka_unit_test(mobilenet_at_32_is_the_wide_one),
        cmocka_unit_test(residual_members_share_one_choice),
        cmocka_unit_test(features_tell_states_apart),
        cmocka_unit_test(uniform_says_where_the_wall_is),
        cmocka_unit_test(hints_are_close_to_the_least_error),
        cmocka_unit_test(hints_follow_decisions),
        cmocka_unit_test(impossible_budgets_are_refused),
        cmocka_unit_test(refit_asks_what_the_matrices_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
