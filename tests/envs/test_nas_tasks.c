// What is known of the architecture environment's tasks and candidates without any being played.
#include "envs/candidate_env.h"
#include "envs/network_env.h"
#include "nas_env_case.h"

#include <math.h>

static int open_case(void **state)
{
    static struct nas_env_case c;
    nas_env_case_open(&c);
    *state = &c;
    return 0;
}

static int close_case(void **state)
{
    nas_env_case_close(*state);
    return 0;
}

// What was written down of an episode says which steps it was; what no episode could leave does
// not.
static void check_written_down(struct env *env, int task, const struct env_outcome *outcome,
                               const int16_t *canonical, const int *n_choices)
{
    int16_t read[NAS_MOST_DECISIONS];
    int32_t other[NAS_MOST_DECISIONS];
    const int n = outcome->n_result;
    assert_true(env_nas.candidates->steps_of(env, task, outcome->result, n, read));
    assert_memory_equal(read, canonical, (size_t)n * sizeof *read);
    assert_false(env_nas.candidates->steps_of(env, task, outcome->result, n - 1, read));
    for (int d = 0; d < n; d++) {
        memcpy(other, outcome->result, (size_t)n * sizeof *other);
        other[d] = d % 2 == 0 ? -1 : n_choices[d];
        assert_false(env_nas.candidates->steps_of(env, task, other, n, read));
    }
}

static void check_suggestions(struct env *env, int task, int steps, int least)
{
    int16_t found[16][NAS_MOST_DECISIONS], again[NAS_MOST_DECISIONS];
    const size_t bytes = (size_t)steps * sizeof **found;
    int n = 0;
    for (; n < 16 && env_nas.candidates->suggest(env, task, n, found[n]); n++) {
        assert_true(env_nas.candidates->holds(env, task, found[n]));
        memcpy(again, found[n], bytes);
        env_nas.candidates->canonical(env, task, again);
        assert_memory_equal(again, found[n], bytes);
        assert_true(env_nas.candidates->suggest(env, task, n, again));
        assert_memory_equal(again, found[n], bytes);
        for (int i = 0; i < n; i++) {
            assert_true(memcmp(found[i], found[n], bytes) != 0);
        }
    }
    assert_true(n >= least && n < 16);
    assert_true(env_nas.candidates->use(env, task, found[0]) > 0.75 || task == 5);
}

static void choices_are_known_without_playing(void **state)
{
    const struct nas_env_case *c = *state;
    struct env_case env;
    nas_env_case_env(c, 1, -1, &env);
    for (int task = 0; task < NAS_CASE_TASKS; task++) {
        struct candidate_env_space space;
        struct network_task_facts facts;
        int16_t choices[NAS_MOST_DECISIONS];
        env_nas.network->facts(env.env, task, &facts);
        env_nas.candidates->space(env.env, task, &space);
        assert_int_equal(space.steps, facts.n_steps);
        assert_int_equal(space.categorical != NULL, task == 4);
        int held = 0;
        for (int episode = 0; episode < 60; episode++) { // freely: what costs too much shows
            struct rng rng = rng_make(5, RNG_TEST, (uint64_t)episode, (uint32_t)task);
            const struct env_start start = {
                .task = task, .budget = (double)INFINITY, .imagined = true};
            env_case_start(&env, &start);
            for (int s = 0; s < space.steps; s++) {
                assert_int_equal(*env.row.choices, space.n_choices[s]);
                choices[s] = (int16_t)env_case_draw(&env, &rng);
                assert_true(env.row.position[choices[s]] == space.position[s][choices[s]]);
                env_case_step(&env, choices[s]);
            }
            const struct env_outcome outcome = env_case_outcome(&env);
            const bool holds = nas_env_case_within(&outcome, &facts);
            double use = 0;
            const int64_t costs[COST_KINDS] = {outcome.macs, outcome.params, outcome.bytes};
            for (int k = 0; k < COST_KINDS; k++) {
                use = facts.most[k] != INT64_MAX
                          ? fmax(use, (double)costs[k] / (double)facts.most[k])
                          : use;
            }
            assert_int_equal(env_nas.candidates->holds(env.env, task, choices), holds);
            assert_true(fabs(env_nas.candidates->use(env.env, task, choices) - use) < 1e-12);
            env_nas.candidates->canonical(env.env, task, choices);
            check_written_down(env.env, task, &outcome, choices, space.n_choices);
            held += holds;
        }
        assert_true(task == 5 ? held == 60 : held > 0 && held < 60);
        check_suggestions(env.env, task, space.steps, task == 4 ? 1 : 4);
    }
    env_case_close(&env);
}

// Of choices that no step could tell apart, one stands for all, in the cache too.
static void equal_networks_are_one_candidate(void **state)
{
    const struct nas_env_case *c = *state;
    struct env_case env;
    nas_env_case_env(c, 1, -1, &env);
    int equal = 0, steps = 0;
    for (int episode = 0; episode < 200; episode++) {
        const struct env_start start = {
            .task = 4, .episode = episode, .budget = (double)INFINITY, .imagined = true};
        struct rng rng = rng_make(8, RNG_TEST, (uint64_t)episode, 0);
        int16_t taken[NAS_MOST_DECISIONS], canonical[NAS_MOST_DECISIONS];
        env_case_start(&env, &start);
        for (steps = 0; env.end == ENV_RUNNING; steps++) {
            taken[steps] = (int16_t)env_case_draw(&env, &rng);
            env_case_step(&env, taken[steps]);
        }
        const struct env_outcome outcome = env_case_outcome(&env);
        memcpy(canonical, taken, (size_t)steps * sizeof *taken);
        env_nas.candidates->canonical(env.env, 4, canonical);
        for (int d = 0; d < steps; d++) {
            assert_int_equal(outcome.result[d], canonical[d]);
        }
        if (memcmp(taken, canonical, (size_t)steps * sizeof *taken) == 0 || equal == 3) {
            continue;
        }
        equal++;
        double scores[2];
        for (int way = 0; way < 2; way++) { // as taken, then as what stands for it
            const struct env_start real = {.task = 4, .budget = (double)INFINITY};
            env_case_start(&env, &real);
            for (int s = 0; s < steps; s++) {
                env_case_step(&env, way == 0 ? taken[s] : canonical[s]);
            }
            scores[way] = env_case_outcome(&env).score;
            assert_true(way == 0 || env_case_outcome(&env).cached);
        }
        assert_true(scores[0] == scores[1]);
    }
    assert_int_equal(equal, 3);
    env_case_close(&env);
}

static void tasks_share_what_they_can(void **state)
{
    static const int models[NAS_CASE_TASKS] = {0, 0, 0, 1, 2, 3};
    static const int families[NAS_CASE_TASKS] = {0, 0, 0, 0, 1, 0};
    const struct nas_env_case *c = *state;
    struct env_case env;
    nas_env_case_env(c, 1, -1, &env);
    for (int task = 0; task < NAS_CASE_TASKS; task++) {
        struct candidate_env_space space;
        env_nas.candidates->space(env.env, task, &space);
        assert_int_equal(space.model, models[task]);
        assert_int_equal(space.family, families[task]);
    }
    assert_true(env_nas.candidates->noise(env.env) > 0);
    env_case_close(&env);
}

static void refuse(const struct nas_env_case *c, enum status code, const char *text,
                   const char *who)
{
    const struct env_job job = {.config = &c->config, .threads = 1, .shared_fd = -1};
    struct env *env;
    assert_fails(env_nas.open(&job, &env), code, text);
    if (strstr(status_message(), who) == NULL) {
        fail_msg("'%s' is not in the message '%s'", who, status_message());
    }
}

static void bad_configs_are_named(void **state)
{
    struct nas_env_case c = *(struct nas_env_case *)*state, good = c;
    c.config.networks = c.networks;
    c.config.tasks = c.tasks;
    c.networks[1].scored.file = "/nowhere/net.safetensors";
    refuse(&c, ERR_INPUT, "/nowhere/net.safetensors", "network \"three\"");
    memcpy(c.networks, good.networks, sizeof c.networks);
    c.networks[1].scored.data.size = 16;
    refuse(&c, ERR_INPUT, "16 x 16", "network \"three\"");
    memcpy(c.networks, good.networks, sizeof c.networks);
    c.tasks[2].budget[COST_BYTES] = 1e-4;
    refuse(&c, ERR_CONFIG, "least possible", "task \"both\"");
    c.tasks[2].budget[COST_BYTES] = -1;
    refuse(&c, ERR_CONFIG, "bytes is -1", "task \"both\"");
    c.tasks[2].budget[COST_BYTES] = 0.6;
    c.tasks[5].objective.accuracy = c.tasks[5].objective.weight[NAS_COST_MACS] = 0;
    refuse(&c, ERR_CONFIG, "weights", "task \"front\"");
    c.config.n_tasks = 0;
    refuse(&c, ERR_CONFIG, "at least one network and one task", "");
}

// What can be known from the space alone is said before anything is trained.
static void tasks_are_checked_beforehand(void **state)
{
    struct nas_env_case c = *(struct nas_env_case *)*state;
    struct network_info info = {.h = 12, .w = 12, .c = 3, .classes = 2};
    const struct graph none = {0};
    c.config.tasks = c.tasks;
    assert_ok(env_nas.network->check_tasks(&c.config, 0, &info, &none));
    c.tasks[1].budget[COST_MACS] = 0.001;
    assert_fails(env_nas.network->check_tasks(&c.config, 0, &info, &none), ERR_CONFIG,
                 "task \"most\": macs of 0.001");
    assert_ok(env_nas.network->check_tasks(&c.config, 1, &info, &none)); // not its network
    c.config.scoring.refit = REFIT_ON;
    assert_fails(env_nas.network->check_tasks(&c.config, 1, &info, &none), ERR_CONFIG,
                 "scoring.refit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_are_known_without_playing),
        cmocka_unit_test(equal_networks_are_one_candidate),
        cmocka_unit_test(tasks_share_what_they_can),
        cmocka_unit_test(bad_configs_are_named),
        cmocka_unit_test(tasks_are_checked_beforehand),
    };
    return cmocka_run_group_tests(tests, open_case, close_case);
}
