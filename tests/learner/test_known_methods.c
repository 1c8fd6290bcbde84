// Search methods that know the candidates of the made-up pruning problem: what they ask and pay
// for, and their states through a kill.
#include "core/log.h"
#include "learner/methods/method.h"
#include "run_outcome.h"
#include "test_unit.h"

// Candidates that were scored in more than one model, as a share of all.
static double repeated_elsewhere(const struct method_ops *method)
{
    struct loop_case c;
    struct run_outcome o;
    int repeated = 0;
    loop_case_cells(&c, method, 40);
    c.n_tasks = GAME_MODELS;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &o);
    for (int64_t a = 0; a < o.n_episodes; a++) {
        bool again = false;
        for (int64_t b = 0; b < a && !again; b++) {
            again = o.episodes[a].task != o.episodes[b].task &&
                    memcmp(o.episodes[a].widths, o.episodes[b].widths,
                           sizeof o.episodes[a].widths) == 0;
        }
        repeated += again ? 1 : 0;
    }
    const double share = (double)repeated / (double)o.n_episodes;
    arena_close(&o.arena);
    loop_case_close(&c);
    return share;
}

static void copies_what_is_best_elsewhere(void **state)
{
    (void)state;
    const double copied = repeated_elsewhere(&method_copy);
    const double local = repeated_elsewhere(&method_local);
    if (!(copied > 0.25 && copied < 0.75 && copied > local + 0.1)) {
        fail_msg("%g of the candidates were copied, local %g", copied, local);
    }
}

// It pays for the game's suggestions, those that differ, and for nothing else.
static void oneshot_tries_the_suggestions(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome o;
    loop_case_known(&c, &method_oneshot, 100);
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &o);
    const struct candidate_space *space = game_space(c.n_tasks);
    int64_t paid = 0;
    for (int task = 0; task < c.n_tasks; task++) {
        assert_in_range(learner_evaluations(c.opened, task), 1, GAME_SUGGESTIONS);
        paid += learner_evaluations(c.opened, task);
    }
    assert_true(paid > 2 * c.n_tasks);
    for (int64_t i = 0; i < o.n_episodes; i++) {
        bool same = false;
        int16_t choices[GAME_GROUPS];
        for (int n = 0; space->suggest(NULL, o.episodes[i].task, n, choices); n++) {
            bool all = true;
            for (int group = 0; group < GAME_GROUPS; group++) {
                all = all && o.episodes[i].widths[group] == 4 * (choices[group] + 1);
            }
            same = same || all;
        }
        assert_true(same);
    }
    arena_close(&o.arena);
    loop_case_close(&c);
}

// The first suggestion stands, even where another task's candidate would do better.
static void uniform_tries_one(void **state)
{
    (void)state;
    struct loop_case c;
    loop_case_known(&c, &method_uniform, 100);
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    const struct candidate_space *space = game_space(c.n_tasks);
    for (int task = 0; task < c.n_tasks; task++) {
        struct learner_candidate best[2];
        int16_t choices[GAME_GROUPS];
        assert_true(space->suggest(NULL, task, 0, choices));
        assert_int_equal(learner_evaluations(c.opened, task), 1);
        assert_int_equal(learner_best(c.opened, task, 2, best), 1);
        assert_memory_equal(best[0].choices, choices, sizeof choices);
    }
    loop_case_close(&c);
}

static void they_want_to_know_the_candidates(void **state)
{
    (void)state;
    static const struct method_ops *const known[] = {
        &method_bayes, &method_oneshot, &method_sensitivity, &method_local,
        &method_copy,  &method_nsga2,   &method_uniform};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct loop_case c;
        loop_case_known(&c, known[i], 20);
        c.known = false;
        c.n_tasks = GAME_TASKS;
        assert_fails(loop_case_open(&c), ERR_CONFIG, known[i]->name);
        loop_case_close(&c);
    }
    static const struct method_ops *const triers[] = {&method_oneshot, &method_uniform};
    for (size_t i = 0; i < sizeof triers / sizeof *triers; i++) {
        struct loop_case c;
        loop_case_cells(&c, triers[i], 20);
        assert_fails(loop_case_open(&c), ERR_CONFIG, "suggests nothing");
        loop_case_close(&c);
    }
}

static void check_nothing_twice(void (*set)(struct loop_case *c, const struct method_ops *method,
                                            int evaluations),
                                const struct method_ops *method)
{
    struct loop_case c;
    struct run_outcome o;
    int twice = 0, first[GAME_MOST_TASKS] = {0};
    set(&c, method, 40);
    c.actors = 5; // many under way
    c.learner.lag = 2;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &o);
    for (int64_t a = 0; a < o.n_episodes; a++) {
        const bool proposed = ++first[o.episodes[a].task] > 4;
        for (int64_t b = 0; b < a && proposed; b++) {
            const struct episode_row *x = &o.episodes[a], *y = &o.episodes[b];
            twice += game_model(x->task) == game_model(y->task) &&
                     memcmp(x->widths, y->widths, sizeof x->widths) == 0;
        }
    }
    if (twice != 0) {
        fail_msg("%s tried %d candidates twice", method->name, twice);
    }
    arena_close(&o.arena);
    loop_case_close(&c);
}

static void sensitivity_wants_an_order(void **state)
{
    (void)state;
    struct loop_case c;
    loop_case_cells(&c, &method_sensitivity, 20);
    assert_fails(loop_case_open(&c), ERR_CONFIG, "no order");
    loop_case_close(&c);
}

// What is known in one task of a model is not tried again in another one, nor is what comes to the
// same thing.
static void nothing_is_tried_twice(void **state)
{
    (void)state;
    static const struct method_ops *const all[] = {&method_bayes, &method_evolution,
                                                   &method_local, &method_copy,
                                                   &method_nsga2, &method_sensitivity};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        check_nothing_twice(loop_case_known, all[i]);
        if (all[i] != &method_sensitivity) {
            check_nothing_twice(loop_case_cells, all[i]);
        }
    }
}

// Three quarters of what the first candidates leave at most go to measurements, which know no
// budget; tasks of one model share them.
static void sensitivity_measures_first(void **state)
{
    (void)state;
    static const int evaluations[] = {9, 14, 40};
    for (size_t i = 0; i < sizeof evaluations / sizeof *evaluations; i++) {
        struct loop_case c;
        struct run_outcome o;
        int measured[GAME_MODELS] = {0};
        loop_case_known(&c, &method_sensitivity, evaluations[i]);
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        run_outcome_read(&c, &o);
        for (int64_t e = 0; e < o.n_episodes; e++) {
            measured[game_model(o.episodes[e].task)] += o.episodes[e].budget > 0.0 ? 1 : 0;
        }
        for (int model = 0; model < GAME_MODELS; model++) { // 2 tasks, 4 first candidates each
            const int left = 2 * (evaluations[i] - 4);
            assert_true(measured[model] <= 0.75 * left);
            assert_true(measured[model] >= (left > 12 ? 1 + GAME_GROUPS : 0.75 * left - 1.0));
        }
        for (int task = 0; task < c.n_tasks; task++) {
            assert_int_equal(learner_evaluations(c.opened, task), evaluations[i]);
        }
        arena_close(&o.arena);
        loop_case_close(&c);
    }
}

static const struct method_ops *const known_methods[] = {
    &method_random, &method_bayes, &method_evolution, &method_oneshot, &method_sensitivity,
    &method_local,  &method_copy,  &method_nsga2,     &method_uniform};
static const struct method_ops *const cell_methods[] = {
    &method_random, &method_bayes, &method_evolution, &method_local, &method_copy, &method_nsga2};

// And ends when it has.
static bool tries_suggestions(const struct method_ops *method)
{
    return method == &method_oneshot || method == &method_uniform;
}

// Episodes that fail are lost, and that is all.
static void failures_do_not_stall(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known_methods / sizeof *known_methods; i++) {
        struct loop_case c;
        loop_case_known(&c, known_methods[i], 24);
        c.fail_every = 3;
        c.learner.lag = 1;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        for (int task = 0; task < c.n_tasks; task++) {
            assert_true(learner_evaluations(c.opened, task) == 24 ||
                        tries_suggestions(known_methods[i]));
        }
        loop_case_close(&c);
    }
    for (size_t i = 0; i < sizeof cell_methods / sizeof *cell_methods; i++) {
        struct loop_case c;
        loop_case_cells(&c, cell_methods[i], 24);
        c.fail_every = 3;
        c.learner.lag = 1;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        for (int task = 0; task < c.n_tasks; task++) {
            assert_int_equal(learner_evaluations(c.opened, task), 24);
        }
        loop_case_close(&c);
    }
}

static void set_short(struct loop_case *c, const struct method_ops *method)
{
    loop_case_known(c, method, 24);
    c->learner.lag = 1;
}

static void set_short_cells(struct loop_case *c, const struct method_ops *method)
{
    loop_case_cells(c, method, 24);
    c->learner.lag = 1;
}

static void states_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cell_methods / sizeof *cell_methods; i++) {
        run_outcome_assert_resumes(set_short_cells, cell_methods[i], 1, 5);
    }
    for (size_t i = 0; i < sizeof known_methods / sizeof *known_methods; i++) {
        run_outcome_assert_resumes(set_short, known_methods[i], 1, 5);
    }
}

// async: what was under way when the run was killed is not run again, but all is found all the
// same.
static void async_goes_on_after_a_kill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known_methods / sizeof *known_methods; i++) {
        struct loop_case c;
        loop_case_known(&c, known_methods[i], 24);
        c.learner.mode = MODE_ASYNC;
        c.actors = 7;
        for (int64_t stop = 2; stop >= 0; stop -= 2) {
            c.stop_after = stop;
            assert_ok(loop_case_open(&c));
            assert_ok(loop_case_run(&c, true));
            if (stop > 0) {
                loop_case_drop(&c);
            }
        }
        for (int task = 0; task < c.n_tasks; task++) {
            const int64_t n = learner_evaluations(c.opened, task);
            assert_true(n == 24 || (tries_suggestions(known_methods[i]) && n >= 1));
        }
        loop_case_close(&c);
    }
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_what_is_best_elsewhere),
        cmocka_unit_test(oneshot_tries_the_suggestions),
        cmocka_unit_test(uniform_tries_one),
        cmocka_unit_test(they_want_to_know_the_candidates),
        cmocka_unit_test(sensitivity_wants_an_order),
        cmocka_unit_test(nothing_is_tried_twice),
        cmocka_unit_test(sensitivity_measures_first),
        cmocka_unit_test(failures_do_not_stall),
        cmocka_unit_test(states_round_trip),
        cmocka_unit_test(async_goes_on_after_a_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
