// What search methods with a policy find on the made-up pruning problem.
#include "core/log.h"
#include "learner/methods/method.h"
#include "player_case.h"
#include "run_outcome.h"
#include "test_unit.h"

// Mean over tasks and seeds of the best score found, as a share of the best there is.
static double found(const struct method_ops *method, int evaluations)
{
    double sum = 0.0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct loop_case c;
        player_set_method(&c, method, evaluations);
        c.seed = seed;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        for (int task = 0; task < GAME_TASKS; task++) {
            struct learner_candidate best[2];
            assert_int_equal(learner_best(c.opened, task, 2, best), 2);
            assert_true(best[0].score >= best[1].score);
            assert_true((double)best[0].macs <= 1000.0 * game_budget(task) + 1.0);
            sum += best[0].score / game_best_score(task);
        }
        loop_case_close(&c);
    }
    return sum / (3 * GAME_TASKS);
}

static void learning_beats_chance(void **state)
{
    (void)state;
    const double random = found(&method_random, 100), evolution = found(&method_evolution, 100);
    const double policy = found(&method_impala, 100);
    assert_true(random > 0.8 && random < 0.985); // it does try, and there is room above it
    if (!(evolution > random + 0.01 && evolution > 0.98)) {
        fail_msg("evolution %g, random %g", evolution, random);
    }
    if (!(policy > random + 0.005)) {
        fail_msg("policy %g, random %g", policy, random);
    }
}

static void amc_improves(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome o;
    player_set_method(&c, &method_amc, 120);
    c.n_tasks = 1;
    c.search.episodes = 170;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &o);
    double warmup = 0.0, late = 0.0;
    int n_warmup = 0, n_late = 0;
    for (int64_t i = 0; i < o.n_episodes; i++) {
        const struct episode_row *row = &o.episodes[i];
        if (row->source == ACTIONS_RANDOM) {
            warmup += row->accuracy;
            n_warmup++;
        } else if (i >= o.n_episodes - 40) {
            late += row->accuracy;
            n_late++;
        }
    }
    assert_true(n_warmup >= 30 && n_warmup < 30 + 8); // a quarter of the evaluations, whole batches
    assert_int_equal(n_late, 40);
    if (!(late / n_late > warmup / n_warmup + 0.03)) {
        fail_msg("late %g, warm-up %g", late / n_late, warmup / n_warmup);
    }
    arena_close(&o.arena);
    loop_case_close(&c);
}

static void a_model_makes_few_evaluations_enough(void **state)
{
    (void)state;
    double sum = 0.0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct loop_case c;
        struct run_outcome o;
        player_set_assisted(&c, 25);
        c.seed = seed;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        run_outcome_read(&c, &o);
        int policy = 0, imagined = 0, results[GAME_MODELS] = {0};
        for (int64_t i = 0; i < o.n_episodes; i++) {
            const int model = game_model(o.episodes[i].task);
            const bool own = o.episodes[i].source == ACTIONS_POLICY;
            assert_true(!own || results[model] >= PLAYER_OWN_FROM);
            results[model] += o.episodes[i].fresh;
            policy += own;
            assert_true((double)o.episodes[i].macs <=
                        1000.0 * game_budget(o.episodes[i].task) + 1.0);
        }
        for (int64_t i = 0; i < o.n_updates; i++) {
            imagined += o.updates[i].imagined;
        }
        // A tenth of what is left then, and some of that known already.
        assert_in_range(policy, 1, 14);
        assert_true(imagined > 8 * 3 * (int)o.n_updates);
        for (int task = 0; task < GAME_TASKS; task++) {
            struct learner_candidate best;
            assert_int_equal(learner_best(c.opened, task, 1, &best), 1);
            sum += best.score / game_best_score(task) / (3 * GAME_TASKS);
        }
        arena_close(&o.arena);
        loop_case_close(&c);
    }
    if (!(sum > 0.99)) {
        fail_msg("found %g of the best", sum);
    }
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learning_beats_chance),
        cmocka_unit_test(amc_improves),
        cmocka_unit_test(a_model_makes_few_evaluations_enough),
    };
    return cmocka_run_group_tests(tests, players_open, players_close);
}
