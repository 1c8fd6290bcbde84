// The advisor on the made-up pruning problem: proposals keep budgets and are new, good ones come
// soon, states come back to the byte; and the check of the model by samples.
#include "core/rng.h"
#include "learner/candidates.h"
#include "learner/methods/model_check.h"
#include "learner/model/advisor.h"
#include "loop_case.h"
#include "test_unit.h"

#include <math.h>

enum { TASKS = GAME_MOST_TASKS, EVALUATIONS = 40, UNDER_WAY = 6 };

static struct trajectory_shape shape;

// A guess of what a candidate loses that thinks too much of some groups and too little of others.
static void losses(void *context, int task, const int16_t *choices, double *losses);

static struct candidate_space guessed_space;

static struct advisor *open_guessing(bool share, bool guess)
{
    guessed_space = *game_space(TASKS);
    guessed_space.losses = losses;
    const struct advisor_options options = {.space = &guessed_space,
                                            .kind = REWARD_MODEL_GP,
                                            .share = share,
                                            .informed = guess,
                                            .refinements = 2,
                                            .evaluations = EVALUATIONS,
                                            .under_way = UNDER_WAY,
                                            .seed = 3};
    struct advisor *advisor;
    game_shape(true, &shape);
    assert_ok(advisor_open(&options, &advisor));
    return advisor;
}

static struct advisor *open_advisor(bool share)
{
    return open_guessing(share, false);
}

// What an actor makes of choices.
static const struct trajectory *play(int task, int64_t episode, const int16_t *choices)
{
    static _Alignas(8) char block[1 << 14];
    static struct trajectory trajectory;
    const struct game_policy nobody = {0};
    struct ticket ticket = {
        .task = task, .episode = episode, .source = ACTIONS_GIVEN, .n_given = GAME_GROUPS};
    assert_true(trajectory_bytes(&shape) <= sizeof block);
    memcpy(ticket.given, choices, GAME_GROUPS * sizeof *choices);
    game_play(&shape, &ticket, NULL, &nobody, 0, block);
    trajectory_view(&shape, block, &trajectory);
    return &trajectory;
}

static void losses(void *context, int task, const int16_t *choices, double *losses)
{
    (void)context;
    const double all = 1.01 - play(task, 0, choices)->header->score;
    for (int g = 0; g < GAME_GROUPS; g++) {
        const double lean = (g % 2 == 0 ? 0.1 : -0.1) * (choices[g] - 4) / GAME_CHOICES;
        losses[g] = all / GAME_GROUPS * exp(GAME_GROUPS * lean);
    }
}

static void candidates_keep_budgets(void **state)
{
    (void)state;
    const struct candidate_space *space = game_space(TASKS);
    for (int i = 0; i < 300; i++) {
        const int task = i % TASKS;
        struct rng rng = rng_make(1, RNG_TEST, (uint64_t)i, 0);
        int16_t full[GAME_GROUPS], choices[GAME_GROUPS], filled[GAME_GROUPS];
        for (int g = 0; g < GAME_GROUPS; g++) {
            full[g] = (int16_t)rng_below(&rng, GAME_CHOICES); // may cost too much
        }
        candidate_uniform(space, task, choices);
        assert_true(space->holds(NULL, task, choices));
        for (int g = 1; g < GAME_GROUPS; g++) {
            assert_int_equal(choices[g], choices[0]);
        }
        candidate_near_uniform(space, task, 0.25, &rng, choices);
        assert_true(space->holds(NULL, task, choices));
        candidate_random(space, task, &rng, choices);
        assert_true(space->holds(NULL, task, choices));
        memcpy(filled, choices, sizeof filled);
        candidate_fill(space, task, &rng, filled);
        assert_true(space->holds(NULL, task, filled));
        assert_true(space->use(NULL, task, filled) >= space->use(NULL, task, choices));
        candidate_mutate(space, task, &rng, full, choices);
        assert_true(space->holds(NULL, task, choices));
        candidate_shrink(space, task, &rng, full);
        assert_true(space->holds(NULL, task, full));
    }
}

static void proposals_are_new_and_within_budget(void **state)
{
    (void)state;
    for (int share = 0; share < 2; share++) {
        struct advisor *advisor = open_advisor(share == 1);
        const struct candidate_space *space = game_space(TASKS);
        int16_t tried[TASKS * EVALUATIONS][GAME_GROUPS];
        int n = 0, models[TASKS * EVALUATIONS];
        for (int round = 0; round < EVALUATIONS / 2; round++) {
            int64_t first = n; // two tickets of two tasks at a time, one of them lost
            for (int k = 0; k < 4; k++, n++) {
                const int task = (round + k / 2) % TASKS;
                models[n] = share ? game_model(task) : task;
                assert_int_equal(advisor_propose(advisor, task, n, NULL, tried[n]), GAME_GROUPS);
                assert_true(space->holds(NULL, task, tried[n]));
                for (int i = 0; i < n; i++) {
                    assert_true(models[i] != models[n] ||
                                memcmp(tried[i], tried[n], sizeof tried[n]) != 0);
                }
            }
            for (int k = 0; k < 4; k++) {
                const int task = (round + k / 2) % TASKS;
                if (k < 3) {
                    advisor_take(advisor, play(task, first + k, tried[first + k]));
                } else {
                    advisor_lost(advisor, task, first + k);
                    tried[first + k][0] = -1; // may come up again
                }
            }
            advisor_fit(advisor);
        }
        advisor_close(advisor);
    }
}

// A search of one proposal at a time; the score found as a share of the best there is.
static double search(struct advisor *advisor, int task, int evaluations)
{
    double best = 0.0;
    for (int i = 0; i < evaluations; i++) {
        int16_t choices[GAME_GROUPS];
        advisor_propose(advisor, task, 1000 * task + i, NULL, choices);
        const struct trajectory *t = play(task, 1000 * task + i, choices);
        best = fmax(best, t->header->score);
        advisor_take(advisor, t);
        advisor_fit(advisor);
    }
    return best / game_best_score(task);
}

static void other_budgets_help(void **state)
{
    (void)state;
    double alone = 0.0, after = 0.0;
    for (int task = 0; task < GAME_MODELS; task++) {
        struct advisor *shared = open_advisor(true), *own = open_advisor(false);
        alone += search(own, task + GAME_MODELS, 6) / GAME_MODELS;
        (void)search(shared, task, 25); // another budget of the same model first
        after += search(shared, task + GAME_MODELS, 6) / GAME_MODELS;
        assert_true(search(own, task, 25) > 0.985);
        advisor_close(shared);
        advisor_close(own);
    }
    if (!(after > alone + 0.005 && after > 0.985)) {
        fail_msg("after another budget %g, alone %g", after, alone);
    }
}

// What another run evaluated is as good as having done it: the surest candidate of a budget that
// nobody has searched.
static void results_of_others_help(void **state)
{
    (void)state;
    for (int task = 0; task < GAME_MODELS; task++) {
        const int other = task + GAME_MODELS;
        const struct advisor_wishes surest = {.surest = true};
        struct advisor *told = open_advisor(true);
        int16_t choices[GAME_GROUPS];
        for (int i = 0; i < EVALUATIONS; i++) {
            struct rng rng = rng_make(9, RNG_TEST, (uint64_t)task, (uint32_t)i);
            candidate_near_uniform(game_space(TASKS), task, 0.25, &rng, choices);
            advisor_know(told, task, choices, play(task, 0, choices)->header->score);
        }
        advisor_fit(told);
        assert_true(advisor_knows(told, other) && advisor_results(told, other) > EVALUATIONS / 2);
        advisor_propose(told, other, 0, &surest, choices);
        assert_true(game_space(TASKS)->holds(NULL, other, choices));
        const double found = play(other, 0, choices)->header->score / game_best_score(other);
        if (!(found > 0.97)) {
            fail_msg("task %d: %g of the best score", other, found);
        }
        advisor_close(told);
    }
}

static void guesses_help(void **state)
{
    (void)state;
    double with = 0.0, without = 0.0;
    for (int task = 0; task < TASKS; task++) {
        struct advisor *guessing = open_guessing(false, true), *plain = open_advisor(false);
        with += search(guessing, task, 5) / TASKS;
        without += search(plain, task, 5) / TASKS;
        advisor_close(guessing);
        advisor_close(plain);
    }
    if (!(with > without + 0.003)) {
        fail_msg("with guesses %g, without %g", with, without);
    }
}

static void the_best_are_by_mean_and_within_budget(void **state)
{
    (void)state;
    struct advisor *advisor = open_advisor(true);
    const struct candidate_space *space = game_space(TASKS);
    (void)search(advisor, 0, 20);
    (void)search(advisor, GAME_MODELS, 20);
    for (int task = 0; task < TASKS; task += GAME_MODELS) {
        const int16_t *best[8];
        double before = (double)INFINITY;
        const int n = advisor_best(advisor, task, 8, best);
        assert_int_equal(n, 8);
        for (int i = 0; i < n; i++) {
            double mean, sd;
            assert_true(space->holds(NULL, task, best[i]));
            advisor_predict(advisor, task, best[i], 1, 0, &mean, &sd);
            assert_true(mean <= before + 1e-9 && sd >= 0.0);
            guessed_space.noise = 0.01; // a reward says less than all of them do
            assert_true(fabs(advisor_worth(advisor, task, best[i], -5.0) - mean) < 1e-9);
            guessed_space.noise = 0.0; // a reward says it all
            assert_true(advisor_worth(advisor, task, best[i], -5.0) == -5.0);
            before = mean;
        }
    }
    assert_false(advisor_knows(advisor, 1));
    assert_true(advisor_worth(advisor, 1, (int16_t[GAME_GROUPS]){0}, 0.25) == 0.25);
    advisor_close(advisor);
}

static void flat_rewards_teach_nothing(void **state)
{
    (void)state;
    struct advisor *advisor = open_advisor(true);
    const struct candidate_space *space = game_space(TASKS);
    for (int i = 0; i < 12; i++) {
        int16_t choices[GAME_GROUPS];
        assert_true(advisor_is_flat(advisor, 0));
        advisor_propose(advisor, 0, i, NULL, choices);
        assert_true(space->holds(NULL, 0, choices));
        const struct trajectory *t = play(0, i, choices);
        t->reward[GAME_GROUPS - 1] = 0.1F; // chance
        advisor_take(advisor, t);
        advisor_fit(advisor);
    }
    int16_t choices[GAME_GROUPS];
    advisor_propose(advisor, 0, 50, NULL, choices);
    advisor_take(advisor, play(0, 50, choices)); // the first that tells something
    assert_false(advisor_is_flat(advisor, 0));
    advisor_close(advisor);
}

// What a long search found, wished for in another one, is tried sooner than that one finds it.
static void a_good_wish_is_taken(void **state)
{
    (void)state;
    int16_t wish[GAME_GROUPS];
    const int16_t *best[1];
    struct advisor *teacher = open_advisor(true);
    (void)search(teacher, 0, EVALUATIONS);
    assert_int_equal(advisor_best(teacher, 0, 1, best), 1);
    memcpy(wish, best[0], sizeof wish);
    advisor_close(teacher);
    int until[2];
    for (int wishing = 0; wishing < 2; wishing++) {
        struct advisor *advisor = open_advisor(false); // its own random numbers
        const struct advisor_wishes wishes = {wishing, GAME_GROUPS, wish, false};
        until[wishing] = EVALUATIONS;
        for (int i = 0; i < EVALUATIONS && until[wishing] == EVALUATIONS; i++) {
            int16_t choices[GAME_GROUPS];
            advisor_propose(advisor, 0, 5000 + i, &wishes, choices);
            until[wishing] = memcmp(choices, wish, sizeof wish) == 0 ? i : EVALUATIONS;
            advisor_take(advisor, play(0, 5000 + i, choices));
            advisor_fit(advisor);
        }
        advisor_close(advisor);
    }
    if (!(until[1] < until[0])) {
        fail_msg("taken after %d, without the wish after %d", until[1], until[0]);
    }
}

static void samples_judge_the_model(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct model_check check;
    struct update_row row = {0};
    struct advisor *advisor = open_advisor(true);
    assert_ok(model_check_open(&arena, &check));
    assert_true(model_check_rank(&check) == 0.0 && model_check_trust(&check) == 1.0);
    (void)search(advisor, 0, 20);
    for (int i = 0; i < 60; i++) {
        struct rng rng = rng_make(2, RNG_TEST, (uint64_t)i, 0);
        int16_t choices[GAME_GROUPS];
        candidate_random(game_space(TASKS), 0, &rng, choices);
        model_check_take(&check, advisor, play(0, i, choices));
        model_check_take(&check, advisor, play(1, i, choices)); // nothing is known there
    }
    model_check_describe(&check, &row);
    assert_int_equal(row.model_checked, MODEL_CHECK_MOST);
    assert_true(row.model_rank > 0.7 && row.model_rank <= 1.0 && row.model_error > 0.0);
    assert_true(model_check_trust(&check) == 1.0);
    for (int i = 0; i < MODEL_CHECK_MOST; i++) {
        check.tasks[i] = i % 2; // a mean of its own for each task changes no rank
        const int place = i / 2;
        check.real[i] = place + 100.0 * (i % 2);
        check.predicted[i] = place;
    }
    assert_true(fabs(model_check_rank(&check) - 1.0) < 1e-12);
    for (int i = 0; i < MODEL_CHECK_MOST; i++) {
        const int place = i / 2;
        check.predicted[i] = -place;
    }
    assert_true(fabs(model_check_rank(&check) + 1.0) < 1e-12);
    assert_true(model_check_trust(&check) == 0.0);
    *check.n = -1;
    assert_fails(model_check_restore(&check), ERR_INPUT, "samples");
    advisor_close(advisor);
    arena_close(&arena);
}

static void damaged_states_are_refused(void **state)
{
    (void)state;
    struct advisor *advisor = open_advisor(true);
    struct state_list *list = calloc(1, sizeof *list);
    assert_non_null(list);
    (void)search(advisor, 0, 5);
    advisor_state(advisor, list);
    assert_ok(advisor_restore(advisor));
    for (int i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].name, "advisor0.choices") == 0) {
            ((int16_t *)list->items[i].data)[1] = GAME_CHOICES;
        }
    }
    assert_fails(advisor_restore(advisor), ERR_INPUT, "choice");
    free(list);
    advisor_close(advisor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_keep_budgets),
        cmocka_unit_test(proposals_are_new_and_within_budget),
        cmocka_unit_test(other_budgets_help),
        cmocka_unit_test(results_of_others_help),
        cmocka_unit_test(guesses_help),
        cmocka_unit_test(the_best_are_by_mean_and_within_budget),
        cmocka_unit_test(flat_rewards_teach_nothing),
        cmocka_unit_test(a_good_wish_is_taken),
        cmocka_unit_test(samples_judge_the_model),
        cmocka_unit_test(damaged_states_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
