// Search methods on the made-up pruning problem: what they ask for, and their states through a
// kill.
#include "core/log.h"
#include "learner/methods/method.h"
#include "player_case.h"
#include "run_outcome.h"
#include "test_unit.h"

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

static void assisted_states_round_trip(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome whole, parts;
    size_t n, n_again;
    player_set_assisted(&c, 20);
    c.learner.lag = 1;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &whole);
    const float *weights = learner_weights(c.opened, &n);
    float *copy = malloc(n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, weights, n * sizeof *copy);
    loop_case_close(&c);

    player_set_assisted(&c, 20);
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
        cmocka_unit_test(amc_does_one_task_after_the_other),
        cmocka_unit_test(amc_learns_from_first_candidates),
        cmocka_unit_test(amc_wants_its_own_agent),
        cmocka_unit_test(states_round_trip),
        cmocka_unit_test(assisted_states_round_trip),
    };
    return cmocka_run_group_tests(tests, players_open, players_close);
}
