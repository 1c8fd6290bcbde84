// What the method must be able to learn within a second, with fixed seeds. All tests that learn
// print the mean scores of their last episodes.
#include "learning_case.h"
#include "test_unit.h"

#include <stdio.h>

static const char categorical[] = "{\"distribution\": \"categorical\"}";

// The best arm depends on what is seen; with some arms illegal; and with distributions that find
// needles among their choices only by luck, since they are made for smooth rewards: one is kept
// broad for longer, the other learns from larger batches, and one seed of several has to do. (The
// same seed is luck on one processor and none on another, as sums are rounded otherwise.)
static void test_bandit(void **state)
{
    (void)state;
    static const struct {
        const char *config, *agent, *learner;
        double least;
        int seeds;
    } cases[] = {{"{}", categorical, "{\"imitation\": 0}", 0.95, 1},
                 {"{\"blocked\": 0.2}", "{\"distribution\": \"categorical\", \"core\": \"lstm\"}",
                  "{\"imitation\": 0}", 0.95, 1},
                 {"{}", "{\"distribution\": \"gaussian\", \"core\": \"lstm\"}",
                  "{\"imitation\": 0, \"entropy\": 0.03}", 0.85, 8},
                 {"{}", "{\"distribution\": \"squashed\"}",
                  "{\"imitation\": 0, \"batch\": 8, \"learning_rate\": 3e-3}", 0.95, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct learning_result result = {0};
        for (int seed = 1; seed <= cases[i].seeds && result.score[0] <= cases[i].least; seed++) {
            learning_run(&(struct learning_job){.environment = "bandit",
                                                .config = cases[i].config,
                                                .agent = cases[i].agent,
                                                .learner = cases[i].learner,
                                                .episodes = 1200,
                                                .seed = (uint64_t)seed,
                                                .window = 80},
                         &result);
        }
        assert_true(result.score[0] > cases[i].least);
    }
}

// One reward at the end, with each rule.
static void test_catch(void **state)
{
    (void)state;
    const char *const rule_names[] = {"vtrace", "mc_is"};
    for (int i = 0; i < 2; i++) {
        char learner[100];
        struct learning_result result;
        snprintf(learner, sizeof learner, "{\"imitation\": 0, \"rule\": \"%s\"}", rule_names[i]);
        learning_run(&(struct learning_job){.environment = "catch",
                                            .config = "{}",
                                            .agent = categorical,
                                            .learner = learner,
                                            .episodes = 2000,
                                            .lag = 1,
                                            .seed = 1,
                                            .window = 200},
                     &result);
        assert_true(result.score[0] > 0.9);
    }
}

// Two tasks, rewards times 1e-3 and times 1e3: both are learnt alike, and neither is without the
// normaliser.
static void test_scales(void **state)
{
    (void)state;
    for (int popart = 0; popart < 2; popart++) {
        struct learning_result result;
        learning_run(
            &(struct learning_job){.environment = "catch",
                                   .config = "{\"scales\": [1e-3, 1e3]}",
                                   .agent = categorical,
                                   .learner = popart ? "{\"imitation\": 0}"
                                                     : "{\"imitation\": 0, \"popart\": false}",
                                   .episodes = 4000,
                                   .lag = 1,
                                   .seed = 1,
                                   .window = 400},
            &result);
        for (int task = 0; task < 2; task++) {
            assert_true(popart ? result.score[task] > 0.9 : result.score[task] < 0.5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bandit),
        cmocka_unit_test(test_catch),
        cmocka_unit_test(test_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
