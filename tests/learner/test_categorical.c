// Steps whose choices have no order: candidates of them, with budgets and where not all exist,
// mixed with ordered ones; what a model learns of rewards with a heavy tail; what models of one
// family tell each other.
#include "core/rank_correlation.h"
#include "core/rng.h"
#include "learner/candidates.h"
#include "learner/model/advisor.h"
#include "learner/model/gp_targets.h"
#include "loop_case.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>

enum { TASKS = GAME_MOST_TASKS, STEPS = GAME_GROUPS, DRAWS = 400 };

static void check_candidate(const struct candidate_space *space, int task, const int16_t *choices)
{
    int16_t again[STEPS];
    assert_ok(candidate_check(space, task, choices));
    assert_true(space->holds(space->context, task, choices));
    memcpy(again, choices, sizeof again);
    candidate_canonical(space, task, again);
    assert_memory_equal(again, choices, sizeof again);
}

// All kinds of candidates of a space; seen [STEPS][most choices]: what random ones chose.
static void check_space(const struct candidate_space *space, bool seen[STEPS][GAME_CHOICES])
{
    for (int i = 0; i < DRAWS; i++) {
        const int task = i % TASKS;
        struct rng rng = rng_make(3, RNG_TEST, (uint64_t)i, 0);
        int16_t any[STEPS], choices[STEPS], other[STEPS];
        for (int s = 0; s < STEPS; s++) {
            any[s] = (int16_t)rng_below(&rng, (uint32_t)space->tasks[task].n_choices[s]);
        }
        candidate_uniform(space, task, choices);
        check_candidate(space, task, choices);
        candidate_near_uniform(space, task, 0.25, &rng, choices);
        check_candidate(space, task, choices);
        candidate_random(space, task, &rng, choices);
        check_candidate(space, task, choices);
        for (int s = 0; s < STEPS; s++) {
            seen[s][choices[s]] = true;
        }
        candidate_mutate(space, task, &rng, any, other); // any may cost too much
        check_candidate(space, task, other);
        candidate_change_one(space, task, &rng, choices, other);
        check_candidate(space, task, other);
        candidate_fill(space, task, &rng, other);
        check_candidate(space, task, other);
        candidate_shrink(space, task, &rng, any);
        check_candidate(space, task, any);
        for (int n = 0; n < candidate_neighbours(&space->tasks[task]); n++) {
            if (candidate_neighbour(space, task, n, &rng, choices, other)) {
                check_candidate(space, task, other);
                assert_memory_not_equal(other, choices, sizeof other);
            }
        }
    }
}

static void operations_keep_budgets(void **state)
{
    (void)state;
    bool seen[STEPS][GAME_CHOICES] = {0};
    check_space(game_cells(TASKS), seen);
    for (int s = 0; s < STEPS; s++) {
        for (int c = 0; c < GAME_CHOICES; c++) {
            assert_int_equal(seen[s][c], c < GAME_OPERATIONS);
        }
    }
}

// Without a budget: each neighbour once, at one edit.
static bool all_hold(void *context, int task, const int16_t *choices)
{
    (void)context, (void)task, (void)choices;
    return true;
}

static void neighbours_are_single_edits(void **state)
{
    (void)state;
    struct candidate_space space = *game_cells(TASKS);
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    const int16_t from[STEPS] = {1, 2, 3, 0, 1, 2};
    int16_t all[64][STEPS];
    space.holds = all_hold;
    space.canonical = NULL;
    const int n = candidate_neighbours(&space.tasks[0]);
    assert_int_equal(n, STEPS * (GAME_OPERATIONS - 1));
    for (int i = 0; i < n; i++) {
        assert_true(candidate_neighbour(&space, 0, i, &rng, from, all[i]));
        int edits = 0;
        for (int s = 0; s < STEPS; s++) {
            edits += all[i][s] != from[s];
        }
        assert_int_equal(edits, 1);
        for (int k = 0; k < i; k++) {
            assert_memory_not_equal(all[i], all[k], sizeof all[i]);
        }
    }
}

// Two thirds of the combinations are not there, those of the least choices among them.
static bool exists(const int16_t *choices)
{
    uint32_t mixed = 17;
    int sum = 0;
    for (int s = 0; s < STEPS; s++) {
        mixed = (mixed ^ (uint32_t)choices[s]) * 2654435761U;
        sum += choices[s];
    }
    return sum > 3 && (mixed >> 16) % 3 == 0;
}

static bool some_hold(void *context, int task, const int16_t *choices)
{
    (void)context, (void)task;
    return exists(choices);
}

static double some_use(void *context, int task, const int16_t *choices)
{
    (void)context, (void)task;
    return exists(choices) ? 0.5 : (double)INFINITY;
}

static void holes_are_kept_clear_of(void **state)
{
    (void)state;
    bool seen[STEPS][GAME_CHOICES] = {0};
    struct candidate_space space = *game_cells(TASKS);
    struct candidate_task tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = space.tasks[i];
        tasks[i].least = NULL;
    }
    space.tasks = tasks;
    space.holds = some_hold;
    space.use = some_use;
    space.canonical = NULL;
    check_space(&space, seen);
}

// Shares and operations in turn: only shares are filled up.
static void ordered_steps_stay_ordered(void **state)
{
    (void)state;
    static const bool categorical[STEPS] = {true, false, true, false, true, false};
    bool seen[STEPS][GAME_CHOICES] = {0};
    struct candidate_space space = *game_space(TASKS);
    struct candidate_task tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = space.tasks[i];
        tasks[i].categorical = categorical;
    }
    space.tasks = tasks;
    check_space(&space, seen);
    for (int i = 0; i < DRAWS; i++) {
        struct rng rng = rng_make(5, RNG_TEST, (uint64_t)i, 0);
        int16_t choices[STEPS], filled[STEPS];
        candidate_random(&space, i % TASKS, &rng, choices);
        memcpy(filled, choices, sizeof filled);
        candidate_fill(&space, i % TASKS, &rng, filled);
        for (int s = 0; s < STEPS; s++) {
            assert_true(categorical[s] ? filled[s] == choices[s] : filled[s] >= choices[s]);
        }
    }
    assert_int_equal(candidate_neighbours(&tasks[0]), 3 * (GAME_CHOICES - 1) + 3 * 2);
}

// ---- what is learnt of rewards

static void quantiles_are_normal(void **state)
{
    (void)state;
    assert_true(fabs(normal_quantile(0.5)) < 1e-15);
    assert_true(fabs(normal_quantile(0.975) - 1.959963984540054) < 1e-12);
    assert_true(fabs(normal_quantile(0.001) + 3.090232306167813) < 1e-12);
    for (int i = 1; i < 4000; i++) {
        const double p = i / 4000.0, z = normal_quantile(p);
        assert_true(fabs(0.5 * erfc(-z / sqrt(2.0)) - p) < 1e-14);
        assert_true(fabs(z + normal_quantile(1.0 - p)) < 1e-11);
    }
}

static void scores_go_by_rank_and_back(void **state)
{
    (void)state;
    enum { N = 9 };
    static const double y[N] = {0.9, 0.1, 70.0, 0.91, 0.92, 50.0, 0.92, 60.0, 0.93};
    static const int32_t tasks[N] = {0, 0, 1, 0, 0, 1, 0, 1, 0};
    struct arena arena = {0};
    struct gp_targets targets;
    assert_ok(gp_targets_open(true, 3, N, &arena, &targets));
    assert_false(gp_targets_fit(&targets, N, y, tasks, 1.0));
    const double *scores = targets.values;
    assert_true(fabs(scores[1] - normal_quantile(0.5 / 6)) < 1e-12); // the tail is but one rank
    assert_true(fabs(scores[0] - normal_quantile(1.5 / 6)) < 1e-12);
    assert_true(scores[4] == scores[6] && fabs(scores[4] - normal_quantile(4.0 / 6)) < 1e-12);
    assert_true(fabs(scores[7]) < 1e-12 && fabs(scores[2] - normal_quantile(2.5 / 3)) < 1e-12);
    double before = -(double)INFINITY;
    for (int i = 0; i < N; i++) {
        assert_true(fabs(gp_targets_reward(&targets, tasks[i], y, scores[i]) - y[i]) < 1e-12);
    }
    for (int i = -400; i < 400; i++) { // beyond both ends, too
        const double reward = gp_targets_reward(&targets, 0, y, i / 100.0);
        assert_true(reward >= before);
        before = reward;
    }
    assert_true(before > 0.93);
    // Equal rewards, and a task that nothing is known of.
    const double equal[2] = {0.5, 0.5};
    assert_true(gp_targets_fit(&targets, 2, equal, tasks, 0.1));
    assert_true(targets.values[0] == 0.0 && targets.values[1] == 0.0);
    assert_true(gp_targets_reward(&targets, 2, equal, 1.0) == 0.1);
    arena_close(&arena);
}

// ---- families

static struct advisor *open_family(bool share)
{
    const struct advisor_options options = {.space = game_cells(TASKS),
                                            .kind = REWARD_MODEL_GP,
                                            .share = share,
                                            .refinements = 2,
                                            .evaluations = 100,
                                            .under_way = 4,
                                            .keep_under_way = true,
                                            .seed = 3};
    struct advisor *advisor;
    assert_ok(advisor_open(&options, &advisor));
    return advisor;
}

// What the game says of a candidate; models have scales of their own.
static double score(int task, const int16_t *choices)
{
    static _Alignas(8) char block[1 << 14];
    struct trajectory_shape shape;
    struct trajectory trajectory;
    const struct game_policy nobody = {.cells = true};
    struct ticket ticket = {.task = task, .source = ACTIONS_GIVEN, .n_given = STEPS};
    game_shape(true, &shape);
    assert_true(trajectory_bytes(&shape) <= sizeof block);
    memcpy(ticket.given, choices, STEPS * sizeof *choices);
    game_play(&shape, &ticket, NULL, &nobody, 0, block);
    trajectory_view(&shape, block, &trajectory);
    return game_model(task) == 1 ? 500.0 + 20.0 * trajectory.header->score
                                 : trajectory.header->score;
}

static void draw(int task, uint64_t stream, int i, int16_t *choices)
{
    struct rng rng = rng_make(6, RNG_TEST, stream, (uint32_t)i);
    candidate_random(game_cells(TASKS), task, &rng, choices);
}

// Rank correlation of what is predicted for a task with what is so, and the error against the
// deviation, after few results of it and many of another model.
static double predicts(bool share, double *error)
{
    enum { CHECKED = 80, FEW = 6, MANY = 60 };
    struct advisor *advisor = open_family(share);
    double predicted[CHECKED], real[CHECKED], scratch[2 * CHECKED], mean = 0.0, square = 0.0;
    int16_t choices[STEPS];
    for (int i = 0; i < FEW + MANY; i++) {
        const int task = i < FEW ? 1 : 2;
        draw(task, (uint64_t)task, i, choices);
        advisor_know(advisor, task, choices, score(task, choices));
    }
    advisor_fit(advisor);
    assert_true(advisor_knows(advisor, 1) && advisor_knows(advisor, 0) == share);
    *error = 0.0;
    for (int i = 0; i < CHECKED; i++) {
        draw(1, 9, i, choices);
        real[i] = score(1, choices);
        advisor_predict(advisor, 1, choices, 1, 0, &predicted[i], NULL);
        mean += real[i] / CHECKED;
        *error += (predicted[i] - real[i]) * (predicted[i] - real[i]) / CHECKED;
    }
    for (int i = 0; i < CHECKED; i++) {
        square += (real[i] - mean) * (real[i] - mean) / CHECKED;
    }
    *error = sqrt(*error / square);
    advisor_close(advisor);
    return rank_spearman(predicted, real, CHECKED, scratch);
}

static void models_of_a_family_tell_each_other(void **state)
{
    (void)state;
    double error, error_alone;
    const double shared = predicts(true, &error), alone = predicts(false, &error_alone);
    if (!(shared > 0.9 && shared > alone + 0.08 && error < 0.75 && error < error_alone)) {
        fail_msg("ranks %g, alone %g; errors %g, alone %g", shared, alone, error, error_alone);
    }
}

// Proposals are new in their model, whatever others tried; what is best elsewhere is a parent.
static void families_propose_per_model(void **state)
{
    (void)state;
    struct advisor *advisor = open_family(true);
    const struct candidate_space *space = game_cells(TASKS);
    int16_t tried[TASKS * 20][STEPS];
    int n = 0, elsewhere = 0;
    for (int round = 0; round < 20; round++) {
        for (int task = 0; task < TASKS; task++, n++) {
            assert_int_equal(advisor_propose(advisor, task, n, NULL, tried[n]), STEPS);
            check_candidate(space, task, tried[n]);
            for (int i = 0; i < n; i++) {
                const bool same = memcmp(tried[i], tried[n], sizeof tried[n]) == 0;
                assert_false(same && game_model(i % TASKS) == game_model(task));
                elsewhere += same;
            }
            advisor_lost(advisor, task, n); // no longer under way
            advisor_know(advisor, task, tried[n], score(task, tried[n]));
            advisor_fit(advisor);
        }
    }
    assert_true(elsewhere > 10);
    assert_int_equal(advisor_results(advisor, 0), n);
    const int16_t *best[8];
    assert_int_equal(advisor_best(advisor, 0, 8, best), 8);
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < i; k++) {
            assert_memory_not_equal(best[i], best[k], sizeof tried[0]);
        }
    }
    advisor_close(advisor);
}

static void damaged_families_are_refused(void **state)
{
    (void)state;
    struct advisor *advisor = open_family(true);
    struct state_list *list = calloc(1, sizeof *list);
    int16_t choices[STEPS];
    int refused = 0;
    assert_non_null(list);
    for (int i = 0; i < 30; i++) {
        draw(i % TASKS, 2, i, choices);
        advisor_know(advisor, i % TASKS, choices, score(i % TASKS, choices));
    }
    advisor_fit(advisor);
    (void)advisor_propose(advisor, 1, 7, NULL, choices);
    advisor_state(advisor, list);
    assert_ok(advisor_restore(advisor));
    for (int i = 0; i < list->n; i++) {
        const char *name = list->items[i].name;
        if (strcmp(name, "advisor0.codes") == 0 || strcmp(name, "advisor0.under_way_codes") == 0) {
            int32_t *codes = list->items[i].data;
            const int32_t kept = codes[0];
            codes[0] = GAME_MODELS;
            assert_fails(advisor_restore(advisor), ERR_INPUT, "model 3, of 3");
            codes[0] = kept;
            refused++;
        }
        if (strcmp(name, "advisor0.model.x") == 0) {
            double *task = (double *)list->items[i].data + STEPS;
            static const double bad[] = {-1.0, 3.0, 0.5};
            const double kept = *task;
            for (int k = 0; k < 3; k++) {
                *task = bad[k];
                assert_fails(advisor_restore(advisor), ERR_INPUT, "damaged");
            }
            *task = kept;
            refused++;
        }
    }
    assert_int_equal(refused, 3);
    assert_ok(advisor_restore(advisor));
    free(list);
    advisor_close(advisor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_keep_budgets),
        cmocka_unit_test(neighbours_are_single_edits),
        cmocka_unit_test(holes_are_kept_clear_of),
        cmocka_unit_test(ordered_steps_stay_ordered),
        cmocka_unit_test(quantiles_are_normal),
        cmocka_unit_test(scores_go_by_rank_and_back),
        cmocka_unit_test(models_of_a_family_tell_each_other),
        cmocka_unit_test(families_propose_per_model),
        cmocka_unit_test(damaged_families_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
