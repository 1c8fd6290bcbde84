// What the method must be able to learn with more patience: long episodes, memory, old data.
#include "learning_case.h"
#include "test_unit.h"

#include <stdio.h>

// The defaults are made for few evaluations; games have more, and gain from larger, gentler
// updates.
#define GENTLE "\"batch\": 8, \"learning_rate\": 3e-3, \"imitation\": 0"
static const char long_episodes[] =
    "{" GENTLE ", \"discount\": 0.99, \"lambda\": 0.95, \"entropy\": 0.001}";

static void test_cartpole(void **state)
{
    (void)state;
    struct learning_result result;
    learning_run(&(struct learning_job){.environment = "cartpole",
                                        .config = "{}",
                                        .agent = "{\"distribution\": \"categorical\"}",
                                        .learner = long_episodes,
                                        .episodes = 1200,
                                        .lag = 1,
                                        .seed = 1,
                                        .window = 40},
                 &result);
    assert_true(result.score[0] >= 450.0);
}

// Velocities are not shown: without memory the pole falls within some 50 steps.
static void test_memory(void **state)
{
    (void)state;
    struct learning_result result;
    learning_run(
        &(struct learning_job){.environment = "cartpole",
                               .config = "{\"hide_velocity\": true}",
                               .agent = "{\"distribution\": \"categorical\", \"core\": \"lstm\"}",
                               .learner = long_episodes,
                               .episodes = 1200,
                               .lag = 1,
                               .seed = 1,
                               .window = 40},
        &result);
    assert_true(result.score[0] >= 150.0);
}

// Two games with rewards times 1e-3 and 1e3 in one network.
static void test_scales(void **state)
{
    (void)state;
    struct learning_result result;
    learning_run(&(struct learning_job){.environment = "cartpole",
                                        .config = "{\"scales\": [1e-3, 1e3]}",
                                        .agent = "{\"distribution\": \"categorical\"}",
                                        .learner = long_episodes,
                                        .episodes = 1600,
                                        .lag = 1,
                                        .seed = 1,
                                        .window = 80},
                 &result);
    assert_true(result.score[0] >= 400.0 && result.score[1] >= 400.0);
}

// Acting with weights of 20 updates ago: corrected, the game is learnt; uncorrected it is not.
static void test_lag(void **state)
{
    (void)state;
    enum { SEEDS = 4 };
    double mean[2] = {0};
    for (int correct = 0; correct < 2; correct++) {
        char learner[120];
        snprintf(learner, sizeof learner,
                 "{" GENTLE ", \"reuse\": 1, \"entropy\": 0.01, \"correct\": %s}",
                 correct ? "true" : "false");
        for (int seed = 1; seed <= SEEDS; seed++) {
            struct learning_result result;
            learning_run(&(struct learning_job){.environment = "catch",
                                                .config = "{}",
                                                .agent = "{\"distribution\": \"categorical\"}",
                                                .learner = learner,
                                                .episodes = 3200,
                                                .lag = 20,
                                                .seed = (uint64_t)seed,
                                                .window = 160},
                         &result);
            mean[correct] += result.score[0] / SEEDS;
        }
    }
    assert_true(mean[1] > 0.7);
    assert_true(mean[0] < 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cartpole),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_lag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
