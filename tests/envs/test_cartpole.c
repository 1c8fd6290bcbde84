// The cart and pole against episodes computed independently (cartpole_golden.py), and its ends.
#include "cartpole_golden.h"
#include "env_case.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>

static const double sizes[4] = {2.4, 2.0, 12.0 * 3.14159265358979323846 / 180.0, 2.0};

// From rounding to float32 in the row.
static void check_near(float got, double expected)
{
    if (!(fabs((double)got - expected) < 1e-5)) {
        fail_msg("got %.9g, expected %.9g", (double)got, expected);
    }
}

static void check_shown(const struct env_case *c, const double *expected, bool hidden)
{
    for (int i = 0; i < 4; i++) {
        if (!hidden) {
            check_near(c->row.obs[i], expected[i] / sizes[i]);
        } else if (i % 2 == 0) {
            check_near(c->row.obs[i / 2], expected[i] / sizes[i]);
        }
    }
}

static void replay(const struct golden_episode *golden, bool hidden)
{
    struct env_case c;
    char json[96];
    snprintf(json, sizeof json, "{\"steps\": %d, \"hide_velocity\": %s}", golden->limit,
             hidden ? "true" : "false");
    env_case_open(&c, "cartpole", json, golden->seed);
    assert_int_equal(c.spec.n_obs, hidden ? 2 : 4);
    env_case_reset(&c, 0, golden->episode);
    check_shown(&c, golden->states[0], hidden);
    const int n = (int)strlen(golden->actions);
    for (int t = 0; t < n; t++) {
        env_case_step(&c, golden->actions[t] - '0');
        assert_true(c.reward == 1.0F);
        assert_int_equal(c.end, t == n - 1 ? golden->end : ENV_RUNNING);
        if (c.end != ENV_TERMINATED) {
            check_shown(&c, golden->states[t + 1], hidden);
        }
    }
    assert_true(env_case_outcome(&c).score == n);
    env_case_close(&c);
}

static void episodes_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof golden_episodes / sizeof *golden_episodes; i++) {
        replay(&golden_episodes[i], false);
        replay(&golden_episodes[i], true);
    }
}

// Pushed towards where it falls, the pole stays up to the time limit: 500 steps, then TRUNCATED.
static void balancing_reaches_the_limit(void **state)
{
    (void)state;
    struct env_case c;
    env_case_open(&c, "cartpole", "{}", 4);
    assert_int_equal(c.spec.most_steps, 500);
    for (int64_t episode = 0; episode < 20; episode++) {
        env_case_reset(&c, 0, episode);
        for (int t = 0; t < 500; t++) {
            double seen[4];
            for (int i = 0; i < 4; i++) {
                seen[i] = (double)c.row.obs[i] * sizes[i];
            }
            const double lean = seen[2] + 0.5 * seen[3] + 0.02 * seen[0] + 0.05 * seen[1];
            env_case_step(&c, lean > 0.0);
            assert_int_equal(c.end, t == 499 ? ENV_TRUNCATED : ENV_RUNNING);
        }
        assert_true(env_case_outcome(&c).score == 500.0);
    }
    env_case_close(&c);
}

// A step that falls and is the last one allowed has fallen: one end, not two.
static void falling_comes_before_the_limit(void **state)
{
    (void)state;
    const struct golden_episode *golden = &golden_episodes[0];
    const int n = (int)strlen(golden->actions);
    struct env_case c;
    char json[32];
    snprintf(json, sizeof json, "{\"steps\": %d}", n);
    env_case_open(&c, "cartpole", json, golden->seed);
    env_case_reset(&c, 0, golden->episode);
    for (int t = 0; t < n; t++) {
        env_case_step(&c, golden->actions[t] - '0');
    }
    assert_int_equal(c.end, ENV_TERMINATED);
    env_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(episodes_match),
        cmocka_unit_test(balancing_reaches_the_limit),
        cmocka_unit_test(falling_comes_before_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
