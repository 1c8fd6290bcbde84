// Search methods on the made-up pruning problem, and their states through a kill.
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

static void amc_does_one_task_after_the_other(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome o;
    player_set_method(&c, &method_amc, 12);
    c.n_tasks = 2;
    c.learner.lag = 1;
    c.actors = 3;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &o);
    for (int64_t i = 1; i < o.n_episodes; i++) {
        assert_true(o.episodes[i].task >= o.episodes[i - 1].task);
    }
    assert_int_equal(learner_evaluations(c.opened, 1), 12);
    arena_close(&o.arena);
    loop_case_close(&c);
}

// The first candidates of a task, which it did not propose, are part of its warm-up.
static void amc_learns_from_first_candidates(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome o;
    int random[2] = {0};
    player_set_method(&c, &method_amc, 40); // a quarter of them is warm-up, eight are given
    c.n_tasks = 2;
    c.known = true;
    c.search.start = START_BOTH;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &o);
    for (int64_t i = 0; i < o.n_episodes; i++) {
        random[o.episodes[i].task] += o.episodes[i].source == ACTIONS_RANDOM;
    }
    for (int task = 0; task < 2; task++) {
        assert_in_range(random[task], 1, 2 + c.learner.batch);
    }
    arena_close(&o.arena);
    loop_case_close(&c);
}

static void amc_wants_its_own_agent(void **state)
{
    (void)state;
    struct loop_case c;
    struct agent other = player_amc.agent;
    other.options.distribution = DISTRIBUTION_GAUSSIAN;
    player_set_method(&c, &method_amc, 12);
    c.agent = &other;
    assert_fails(loop_case_open(&c), ERR_CONFIG, "agent.distribution");
    loop_case_close(&c);
}

// ---- with a reward model

enum { OWN_FROM = 10 }; // results of a model

static void set_assisted(struct loop_case *c, int evaluations)
{
    player_set_method(c, &method_impala, evaluations);
    c->known = true;
    c->imagine = player_imagine;
    c->search.start = START_BOTH;
    c->learner.taught_batches = c->learner.distilled_batches = 5;
    c->learner.on_policy_from = OWN_FROM;
}

static void a_model_makes_few_evaluations_enough(void **state)
{
    (void)state;
    double sum = 0.0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct loop_case c;
        struct run_outcome o;
        set_assisted(&c, 25);
        c.seed = seed;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        run_outcome_read(&c, &o);
        int policy = 0, imagined = 0, results[GAME_MODELS] = {0};
        for (int64_t i = 0; i < o.n_episodes; i++) {
            const int model = game_model(o.episodes[i].task);
            const bool own = o.episodes[i].source == ACTIONS_POLICY;
            assert_true(!own || results[model] >= OWN_FROM);
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

static void assisted_states_round_trip(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome whole, parts;
    size_t n, n_again;
    set_assisted(&c, 20);
    c.learner.lag = 1;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &whole);
    const float *weights = learner_weights(c.opened, &n);
    float *copy = malloc(n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, weights, n * sizeof *copy);
    loop_case_close(&c);

    set_assisted(&c, 20);
    c.learner.lag = 1;
    for (int64_t stop = 2; stop < whole.n_updates; stop += 3) {
        c.actors = 1 + (int)(stop % 3);
        c.stop_after = stop;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, true));
        loop_case_drop(&c);
    }
    c.stop_after = 0;
    for (int again = 0; again < 2; again++) { // what is done is not distilled twice
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        run_outcome_read(&c, &parts);
        run_outcome_assert_same(&whole, &parts);
        weights = learner_weights(c.opened, &n_again);
        assert_true(n_again == n && memcmp(weights, copy, n * sizeof *copy) == 0);
        arena_close(&parts.arena);
        loop_case_drop(&c);
    }
    free(copy);
    arena_close(&whole.arena);
    loop_case_close(&c);
}

static void set_short(struct loop_case *c, const struct method_ops *method)
{
    player_set_method(c, method, 24);
    c->search.episodes = 32;
    c->learner.lag = 1;
}

static void states_round_trip(void **state)
{
    (void)state;
    static const struct method_ops *const all[] = {&method_impala, &method_random,
                                                   &method_evolution, &method_amc};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        run_outcome_assert_resumes(set_short, all[i], 2, 4);
    }
}

static void methods_have_their_names(void **state)
{
    (void)state;
    for (const struct option *row = search_option_table; row->key != NULL; row++) {
        for (int i = 0; strcmp(row->key, "method") == 0 && row->choices[i] != NULL; i++) {
            assert_string_equal(row->choices[i], methods[i]->name);
        }
    }
    assert_ptr_equal(methods[METHOD_EVOLUTION], &method_evolution);
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_have_their_names),
        cmocka_unit_test(learning_beats_chance),
        cmocka_unit_test(amc_improves),
        cmocka_unit_test(amc_does_one_task_after_the_other),
        cmocka_unit_test(amc_learns_from_first_candidates),
        cmocka_unit_test(amc_wants_its_own_agent),
        cmocka_unit_test(states_round_trip),
        cmocka_unit_test(a_model_makes_few_evaluations_enough),
        cmocka_unit_test(assisted_states_round_trip),
    };
    return cmocka_run_group_tests(tests, players_open, players_close);
}
