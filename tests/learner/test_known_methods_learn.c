// What search methods that know the candidates of the made-up pruning problem find.
#include "core/log.h"
#include "learner/methods/method.h"
#include "run_outcome.h"
#include "test_unit.h"

// Every candidate keeps its budget; a measurement is no candidate.
static void check_budgets(const struct run_outcome *o)
{
    for (int64_t i = 0; i < o->n_episodes; i++) {
        const struct episode_row *row = &o->episodes[i];
        assert_true(row->budget > 0.0 || row->failure != 0 ||
                    (double)row->macs <= 1000.0 * game_budget(row->task) + 1.0);
    }
}

// Mean over tasks and seeds of the best score found, as a share of the best there is.
static double found_by(void (*set)(struct loop_case *c, const struct method_ops *method,
                                   int evaluations),
                       const struct method_ops *method, int n_tasks, int evaluations, int seeds)
{
    double sum = 0.0;
    for (int seed = 1; seed <= seeds; seed++) {
        struct loop_case c;
        struct run_outcome o;
        set(&c, method, evaluations);
        c.seed = (uint64_t)seed;
        c.n_tasks = n_tasks;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        run_outcome_read(&c, &o);
        check_budgets(&o);
        for (int task = 0; task < n_tasks; task++) {
            struct learner_candidate best;
            assert_int_equal(learner_best(c.opened, task, 1, &best), 1);
            assert_true(learner_evaluations(c.opened, task) <= evaluations);
            sum += best.score / (c.cells ? game_cells_best_score(task) : game_best_score(task)) /
                   (seeds * n_tasks);
        }
        arena_close(&o.arena);
        loop_case_close(&c);
    }
    return sum;
}

static double found(const struct method_ops *method, int n_tasks, int evaluations)
{
    return found_by(loop_case_known, method, n_tasks, evaluations, 3);
}

static void each_beats_random_with_less(void **state)
{
    (void)state;
    static const struct method_ops *const better[] = {&method_bayes, &method_evolution,
                                                      &method_local, &method_sensitivity};
    const double random = found(&method_random, GAME_MOST_TASKS, 60);
    const double alone = found(&method_random, 1, 60);
    assert_true(random > 0.8 && random < 0.99);
    for (size_t i = 0; i < sizeof better / sizeof *better; i++) {
        const double shared = found(better[i], GAME_MOST_TASKS, 30);
        const double one = found(better[i], 1, 30);
        if (!(shared > random + 0.003 && one > alone + 0.003)) {
            fail_msg("%s %g and alone %g, random %g and %g", better[i]->name, shared, one, random,
                     alone);
        }
    }
}

static void set_alone(struct loop_case *c, const struct method_ops *method, int evaluations)
{
    loop_case_cells(c, method, evaluations);
    c->search.share = false;
}

// Operations, of which none is more than another. What is shared over the models of a family tells
// at once.
static void operations_are_searched(void **state)
{
    (void)state;
    static const struct method_ops *const better[] = {&method_bayes, &method_evolution,
                                                      &method_local, &method_copy};
    const double random = found_by(loop_case_cells, &method_random, GAME_MOST_TASKS, 40, 4);
    assert_true(random > 0.8 && random < 0.999);
    for (size_t i = 0; i < sizeof better / sizeof *better; i++) {
        const double share = found_by(loop_case_cells, better[i], GAME_MOST_TASKS, 40, 4);
        if (!(share > random + 0.004)) {
            fail_msg("%s %g, random %g", better[i]->name, share, random);
        }
    }
    const double shared = found_by(loop_case_cells, &method_bayes, GAME_MODELS, 20, 8);
    const double alone = found_by(set_alone, &method_bayes, GAME_MODELS, 20, 8);
    if (!(shared > alone)) {
        fail_msg("bayes %g and alone %g", shared, alone);
    }
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_beats_random_with_less),
        cmocka_unit_test(operations_are_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
