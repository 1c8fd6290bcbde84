// What a task's candidates are rewarded with where costs count too.
#include "envs/objective.h"
#include "test_unit.h"

#include <math.h>

static const struct objective_range range = {.least = {.of = {10, 20, 80}},
                                             .whole = {.of = {1000, 500, 2000}}};

static struct objective made(const struct objective_options *options)
{
    struct objective objective;
    assert_ok(objective_make(options, &range, "t", &objective));
    return objective;
}

static struct objective_options usual(void)
{
    struct objective_options options;
    option_defaults(objective_option_table, &options);
    return options;
}

static void without_weights_the_reward_is_the_accuracy(void **state)
{
    (void)state;
    const struct objective_options options = usual();
    const struct objective objective = made(&options);
    for (int i = 0; i < 100; i++) {
        const double quality = sin(i) / 3;
        const struct nas_cost cost = {.of = {i * 37, i, 5}};
        assert_true(objective_reward(&objective, quality, &cost) == quality);
    }
}

static void forms_follow_their_formulas(void **state)
{
    (void)state;
    struct objective_options options = usual();
    options.accuracy = 2;
    options.weight[COST_MACS] = 0.1;
    options.weight[COST_PARAMS] = 0.5;
    options.target[COST_MACS] = 0.5;   // 500
    options.target[COST_PARAMS] = 100; // as a number
    const struct nas_cost cost = {.of = {600, 50, 1}};
    const double excess[][2] = {[OBJECTIVE_ABSOLUTE] = {0.2, 0.5},
                                [OBJECTIVE_HINGE] = {0.2, 0},
                                [OBJECTIVE_LINEAR] = {1.2, 0.5}};
    for (int form = OBJECTIVE_ABSOLUTE; form <= OBJECTIVE_LINEAR; form++) {
        options.form = (enum objective_form)form;
        const struct objective objective = made(&options);
        const double expected = 2 * 0.9 - 0.1 * excess[form][0] - 0.5 * excess[form][1];
        assert_true(fabs(objective_reward(&objective, 0.9, &cost) - expected) < 1e-12);
    }
}

static void senseless_objectives_are_refused(void **state)
{
    (void)state;
    struct objective_options options = usual();
    struct objective_range unknown = range;
    struct objective objective;
    options.weight[COST_BYTES] = 1;
    unknown.whole.of[COST_BYTES] = 0;
    assert_fails(objective_make(&options, &unknown, "small", &objective), ERR_CONFIG, "bytes");
    options = usual();
    options.accuracy = 0;
    assert_fails(objective_make(&options, &range, "small", &objective), ERR_CONFIG, "small");
}

static void episodes_draw_within_their_bounds(void **state)
{
    (void)state;
    struct objective_options options = usual();
    options.weight[COST_MACS] = 0.1;
    options.target[COST_MACS] = 0.5;
    struct objective own = made(&options), drawn, again;
    objective_of_episode(&own, 1, 5, &drawn);
    assert_true(objective_same(&own, &drawn));
    for (int draws = OBJECTIVE_DRAWS_TARGETS; draws <= OBJECTIVE_DRAWS_WEIGHTS; draws++) {
        double low = 1e9, high = 0;
        options.draws = (enum objective_draws)draws;
        own = made(&options);
        for (int64_t episode = 0; episode < 500; episode++) {
            objective_of_episode(&own, 1, episode, &drawn);
            objective_of_episode(&own, 1, episode, &again);
            assert_memory_equal(&drawn, &again, sizeof drawn);
            const bool targets = draws == OBJECTIVE_DRAWS_TARGETS;
            const double value = targets ? drawn.target[COST_MACS] : drawn.weight[0];
            assert_true(drawn.weight[COST_PARAMS] == 0 && drawn.accuracy == 1);
            assert_true(targets ? drawn.weight[0] == 0.1 : drawn.target[0] == 500);
            low = fmin(low, value);
            high = fmax(high, value);
        }
        const bool targets = draws == OBJECTIVE_DRAWS_TARGETS;
        assert_true(low >= (targets ? 10 : 0.0125 - 1e-9) && low < (targets ? 12 : 0.015));
        assert_true(high <= (targets ? 500 : 0.8 + 1e-9) && high > (targets ? 450 : 0.7));
    }
}

// What shapes the reward is seen, and what does not shape it is not.
static void features_tell_objectives_apart(void **state)
{
    (void)state;
    float plain[OBJECTIVE_FEATURES], other[OBJECTIVE_FEATURES];
    struct objective_options options = usual();
    options.form = OBJECTIVE_LINEAR;
    options.target[COST_MACS] = 0.3;
    struct objective own = made(&options);
    objective_features(&own, plain);
    for (int i = 0; i < OBJECTIVE_FEATURES; i++) {
        const bool target = i >= OBJECTIVE_TARGET && i < OBJECTIVE_IS_HINGE;
        assert_true(plain[i] == (target ? 1 : 0));
    }
    double last = 0;
    for (int i = 0; i < 12; i++) {
        options.weight[COST_MACS] = 0.001 * pow(3, i);
        own = made(&options);
        objective_features(&own, other);
        assert_true((double)other[OBJECTIVE_WEIGHT] > last && other[OBJECTIVE_WEIGHT] <= 1);
        assert_true(fabs((double)other[OBJECTIVE_TARGET] - 0.3) < 1e-6);
        assert_true(other[OBJECTIVE_IS_LINEAR] == 1 && other[OBJECTIVE_IS_HINGE] == 0);
        last = (double)other[OBJECTIVE_WEIGHT];
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_weights_the_reward_is_the_accuracy),
        cmocka_unit_test(forms_follow_their_formulas),
        cmocka_unit_test(senseless_objectives_are_refused),
        cmocka_unit_test(episodes_draw_within_their_bounds),
        cmocka_unit_test(features_tell_objectives_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
