// Tasks whose episodes draw what they are played for: the advisor learns accuracy from rewards that
// hold costs, and proposes and predicts for the objective aimed at. On the made-up pruning problem,
// of which every episode weighs what a candidate uses of its budget by a weight of its own.
#include "core/rng.h"
#include "learner/candidates.h"
#include "learner/model/advisor.h"
#include "loop_case.h"
#include "test_unit.h"

#include <math.h>

enum { EVALUATIONS = 60, TASK = 0 };
static const double own_weight = 0.3;

// Weights of episodes: even ones want accuracy only, odd ones little cost.
static double weight_of(int64_t episode)
{
    return episode < 0 ? own_weight : episode % 2 == 0 ? 0.0 : 5.0;
}

static double value(void *context, int task, int64_t episode, const int16_t *choices,
                    double quality)
{
    const struct candidate_space *space = game_space(1);
    (void)context;
    return 2.0 * quality - weight_of(episode) * space->use(NULL, task, choices);
}

static struct advisor *open_advisor(bool draws)
{
    static struct candidate_task tasks[2];
    static struct candidate_space spaces[2]; // of one that draws and one that does not
    struct candidate_space *space = &spaces[draws];
    *space = *game_space(1);
    tasks[draws] = space->tasks[0];
    tasks[draws].draws = draws;
    space->tasks = &tasks[draws];
    space->noise = 0.01;
    space->value = draws ? value : NULL;
    const struct advisor_options options = {.space = space,
                                            .kind = REWARD_MODEL_GP,
                                            .share = true,
                                            .refinements = 2,
                                            .evaluations = EVALUATIONS,
                                            .under_way = 8,
                                            .seed = 3};
    struct advisor *advisor;
    assert_ok(advisor_open(&options, &advisor));
    return advisor;
}

static double score_of(const int16_t *choices)
{
    static _Alignas(8) char block[1 << 14];
    struct trajectory_shape shape;
    struct trajectory trajectory;
    const struct game_policy nobody = {0};
    struct ticket ticket = {.task = TASK, .source = ACTIONS_GIVEN, .n_given = GAME_GROUPS};
    game_shape(true, &shape);
    assert_true(trajectory_bytes(&shape) <= sizeof block);
    memcpy(ticket.given, choices, GAME_GROUPS * sizeof *choices);
    game_play(&shape, &ticket, NULL, &nobody, 0, block);
    trajectory_view(&shape, block, &trajectory);
    return trajectory.header->score;
}

// score: of all of them; NAN = each one's own.
static void tell(struct advisor *advisor, bool draws, double score_of_all)
{
    for (int i = 0; i < 40; i++) {
        struct rng rng = rng_make(1, RNG_TEST, (uint64_t)i, 0);
        int16_t choices[GAME_GROUPS];
        candidate_random(game_space(1), TASK, &rng, choices);
        const double score = isnan(score_of_all) ? score_of(choices) : score_of_all;
        advisor_know(advisor, TASK, choices, draws ? value(NULL, TASK, -1, choices, score) : score);
    }
    advisor_fit(advisor);
}

static void tell_random(struct advisor *advisor, bool draws)
{
    tell(advisor, draws, (double)NAN);
}

// Whatever is aimed at, what is said is the value of what an advisor of accuracies says.
static void predictions_follow_the_aim(void **state)
{
    (void)state;
    struct advisor *drawn = open_advisor(true), *plain = open_advisor(false);
    tell_random(drawn, true);
    tell_random(plain, false);
    for (int64_t aim = -1; aim < 4; aim++) {
        struct rng rng = rng_make(2, RNG_TEST, (uint64_t)(aim + 1), 0);
        int16_t choices[GAME_GROUPS];
        double quality, mean, sd, deviation;
        candidate_random(game_space(1), TASK, &rng, choices);
        advisor_aim(drawn, aim);
        advisor_predict(plain, TASK, choices, 1, 0, &quality, &deviation);
        advisor_predict(drawn, TASK, choices, 1, 0, &mean, &sd);
        if (!(fabs(mean - value(NULL, TASK, aim, choices, quality)) < 1e-6)) {
            fail_msg("aim %d: %.9g, expected %.9g", (int)aim, mean,
                     value(NULL, TASK, aim, choices, quality));
        }
        assert_true(fabs(quality - score_of(choices)) < 0.1);
    }
    advisor_close(drawn);
    advisor_close(plain);
}

static double mean_use(struct advisor *advisor, int64_t first)
{
    const struct candidate_space *space = game_space(1);
    double sum = 0;
    for (int64_t episode = first; episode < first + 16; episode += 2) {
        int16_t choices[GAME_GROUPS];
        advisor_propose(advisor, TASK, episode, NULL, choices);
        assert_true(space->holds(NULL, TASK, choices));
        sum += space->use(NULL, TASK, choices) / 8;
        advisor_lost(advisor, TASK, episode);
    }
    return sum;
}

static void proposals_follow_their_episodes(void **state)
{
    (void)state;
    struct advisor *advisor = open_advisor(true);
    tell_random(advisor, true);
    const double dear = mean_use(advisor, 1000), cheap = mean_use(advisor, 1001);
    if (!(dear > 0.9 && cheap < 0.6)) {
        fail_msg("for accuracy %g of the budget, for costs %g", dear, cheap);
    }
    advisor_close(advisor);
}

// Where all are equally good, what is left to look for is what costs least.
static void costs_count_where_scores_are_alike(void **state)
{
    (void)state;
    struct advisor *advisor = open_advisor(true), *plain = open_advisor(false);
    tell(advisor, true, 0.5);
    tell(plain, false, 0.5);
    assert_true(advisor_is_flat(plain, TASK));
    assert_false(advisor_is_flat(advisor, TASK));
    const double cheap = mean_use(advisor, 1001);
    if (!(cheap < 0.6)) {
        fail_msg("for costs %g of the budget", cheap);
    }
    advisor_close(advisor);
    advisor_close(plain);
}

// The best known for each objective, and the aim goes back to the task's own after a proposal.
static void the_best_is_of_the_aim(void **state)
{
    (void)state;
    struct advisor *advisor = open_advisor(true);
    const struct candidate_space *space = game_space(1);
    const int16_t *best[2];
    double use[3];
    tell_random(advisor, true);
    for (int64_t aim = -1; aim < 2; aim++) {
        advisor_aim(advisor, aim);
        assert_int_equal(advisor_best(advisor, TASK, 2, best), 2);
        const double first = value(NULL, TASK, aim, best[0], score_of(best[0]));
        assert_true(first >= value(NULL, TASK, aim, best[1], score_of(best[1])));
        use[aim + 1] = space->use(NULL, TASK, best[0]);
    }
    assert_true(use[2] < use[0] && use[0] <= use[1]);
    int16_t choices[GAME_GROUPS];
    advisor_propose(advisor, TASK, 7, NULL, choices);
    assert_int_equal(advisor_best(advisor, TASK, 2, best), 2);
    assert_true(space->use(NULL, TASK, best[0]) == use[0]);
    advisor_close(advisor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_follow_the_aim),
        cmocka_unit_test(proposals_follow_their_episodes),
        cmocka_unit_test(costs_count_where_scores_are_alike),
        cmocka_unit_test(the_best_is_of_the_aim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
