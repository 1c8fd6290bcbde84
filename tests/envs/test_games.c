// bandit, catch and sleep by their rules: played well, badly and by chance.
#include "core/clock.h"
#include "env_case.h"
#include "test_unit.h"

#include <math.h>

static int shown_context(const struct env_case *c)
{
    int context = -1, ones = 0;
    for (int i = 0; i < c->spec.n_obs; i++) {
        if (c->row.obs[i] == 1.0F) {
            context = i;
            ones++;
        }
    }
    assert_int_equal(ones, 1);
    return context;
}

static void bandit_pays_for_the_best_arm(void **state)
{
    (void)state;
    struct env_case c;
    env_case_open(&c, "bandit", "{\"arms\": 5, \"contexts\": 4, \"steps\": 20, \"blocked\": 0.5}",
                  1);
    int contexts[4] = {0}, blocked = 0;
    for (int64_t episode = 0; episode < 50; episode++) {
        int right = 0;
        env_case_reset(&c, 0, episode);
        for (int t = 0; t < 20; t++) {
            const int context = shown_context(&c), best = (2 * context + 1) % 5;
            contexts[context]++;
            assert_int_equal(c.row.legal[best], 1);
            for (int arm = 0; arm < 5; arm++) {
                blocked += c.row.legal[arm] == 0;
            }
            int choice = best;
            for (int arm = 0; episode % 2 == 1 && t % 4 == 0 && arm < 5; arm++) {
                choice = arm != best && c.row.legal[arm] != 0 ? arm : choice;
            }
            env_case_step(&c, choice);
            assert_true(c.reward == (choice == best ? 1.0F : 0.0F));
            right += choice == best;
            assert_int_equal(c.end, t == 19 ? ENV_TERMINATED : ENV_RUNNING);
        }
        assert_true(fabs(env_case_outcome(&c).score - right / 20.0) < 1e-12);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(contexts[i] > 180 && contexts[i] < 320); // 250 expected, deviation 14
    }
    assert_true(blocked > 1850 && blocked < 2150); // 2000 expected, deviation 32
    env_case_close(&c);
}

static void bandit_noise_has_its_size(void **state)
{
    (void)state;
    struct env_case c;
    env_case_open(&c, "bandit", "{\"contexts\": 1, \"steps\": 20000, \"noise\": 0.5}", 1);
    double sum = 0.0, squares = 0.0;
    env_case_reset(&c, 0, 0);
    while (c.end == ENV_RUNNING) {
        env_case_step(&c, 1);
        sum += (double)c.reward;
        squares += (double)c.reward * (double)c.reward;
    }
    const double mean = sum / 20000, deviation = sqrt(squares / 20000 - mean * mean);
    assert_true(fabs(mean - 1.0) < 0.02 && fabs(deviation - 0.5) < 0.02);
    assert_true(env_case_outcome(&c).score == 1.0); // the share of best arms has no noise
    env_case_close(&c);
}

// Column of the only 1 in a row of the board; -1 if there is none.
static int column_of(const struct env_case *c, int row, int columns)
{
    int found = -1;
    for (int i = 0; i < columns; i++) {
        const float value = c->row.obs[row * columns + i];
        assert_true(value == 0.0F || value == 1.0F);
        if (value == 1.0F) {
            assert_int_equal(found, -1);
            found = i;
        }
    }
    return found;
}

// sign 1: towards the ball, -1: away from it.
static float play_catch(struct env_case *c, int64_t episode, int sign)
{
    env_case_reset(c, 0, episode);
    assert_int_equal(column_of(c, 9, 5), 2);
    const int ball = column_of(c, 0, 5);
    assert_true(ball >= 0);
    for (int t = 0; t < 9; t++) {
        const int paddle = column_of(c, 9, 5);
        assert_int_equal(column_of(c, t, 5), ball); // it falls straight, one row each step
        const int way = ball > paddle ? 1 : ball < paddle ? -1 : sign > 0 ? 0 : 1;
        env_case_step(c, 1 + sign * way);
        assert_int_equal(c->end, t == 8 ? ENV_TERMINATED : ENV_RUNNING);
        assert_true(t == 8 || c->reward == 0.0F);
    }
    return c->reward;
}

static void catch_pays_for_the_ball(void **state)
{
    (void)state;
    struct env_case c;
    env_case_open(&c, "catch", "{}", 1);
    assert_int_equal(c.spec.n_obs, 50);
    int starts[5] = {0};
    for (int64_t episode = 0; episode < 200; episode++) {
        assert_true(play_catch(&c, episode, 1) == 1.0F);
        assert_true(env_case_outcome(&c).score == 1.0);
        assert_true(play_catch(&c, episode, -1) == -1.0F);
        assert_true(env_case_outcome(&c).score == -1.0);
        env_case_reset(&c, 0, episode);
        starts[column_of(&c, 0, 5)]++;
    }
    for (int i = 0; i < 5; i++) {
        assert_true(starts[i] > 15 && starts[i] < 70); // 40 expected, deviation 6
    }
    env_case_close(&c);
}

static void sleep_sleeps_and_scores(void **state)
{
    (void)state;
    struct env_case c;
    env_case_open(&c, "sleep", "{\"seconds\": 0.02, \"spread\": 0.5, \"steps\": 3}", 1);
    static const int choices[] = {4, 0, 1};
    for (int64_t episode = 0; episode < 3; episode++) {
        const double start = clock_seconds();
        env_case_reset(&c, 0, episode);
        for (int t = 0; t < 3; t++) {
            env_case_step(&c, choices[t]);
        }
        assert_true(clock_seconds() - start >= 0.0099); // at least seconds x (1 - spread)
        assert_int_equal(c.end, ENV_TERMINATED);
        const struct env_outcome outcome = env_case_outcome(&c);
        assert_true(fabs(outcome.score - 5.0 / 12.0) < 1e-12);
        assert_true(c.reward == (float)outcome.score);
        assert_int_equal(outcome.n_result, 3);
        for (int t = 0; t < 3; t++) {
            assert_int_equal(outcome.result[t], choices[t]);
        }
    }
    env_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bandit_pays_for_the_best_arm),
        cmocka_unit_test(bandit_noise_has_its_size),
        cmocka_unit_test(catch_pays_for_the_ball),
        cmocka_unit_test(sleep_sleeps_and_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
