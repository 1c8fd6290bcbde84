// The pruning environment as its users see it: rows, rewards, budgets, and accuracies that equal
// those of the long way round.
#include "envs/candidate_env.h"
#include "envs/network_env.h"
#include "envs/prune/prune_score.h"
#include "prune_case.h"
#include "search_space/cost.h"

#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_case(void **state)
{
    static struct prune_case c;
    prune_case_open(&c);
    *state = &c;
    return 0;
}

static int close_case(void **state)
{
    prune_case_close(*state);
    return 0;
}

static void rewards_come_at_the_end_within_budget(void **state)
{
    const struct prune_case *c = *state;
    struct env_case env;
    prune_case_env(c, 1, -1, &env);
    assert_int_equal(env.spec.n_tasks, PRUNE_CASE_TASKS);
    for (int episode = 0; episode < 12; episode++) {
        const int task = episode % PRUNE_CASE_TASKS;
        struct network_task_facts facts;
        struct rng rng = rng_make(4, RNG_TEST, (uint64_t)episode, 0);
        env_prune.network->facts(env.env, task, &facts);
        env_case_reset(&env, task, episode);
        int steps = 0;
        for (; env.end == ENV_RUNNING; steps++) {
            for (int i = 0; i < env.spec.n_obs; i++) {
                assert_true(env.row.obs[i] >= 0 && env.row.obs[i] <= 1);
            }
            env_case_step(&env, env_case_draw(&env, &rng));
            assert_true(env.end == ENV_TERMINATED || env.reward == 0);
        }
        const struct env_outcome outcome = env_case_outcome(&env);
        assert_int_equal(steps, facts.n_steps);
        assert_int_equal(outcome.n_result, facts.n_steps); // "all"
        assert_true(env.reward == (float)outcome.score && outcome.score > 0 && !outcome.diverged);
        assert_true(outcome.macs <= facts.most[COST_MACS] &&
                    outcome.params <= facts.most[COST_PARAMS]);
        assert_true(outcome.macs < facts.full[COST_MACS] &&
                    outcome.params < facts.full[COST_PARAMS]);
        assert_true(outcome.arithmetic_seconds > 0 && !outcome.cached);
    }
    env_case_close(&env);
}

static void budgets_can_be_other_ones(void **state)
{
    struct env_case env;
    prune_case_env(*state, 1, -1, &env);
    env_case_check_budgets(&env);
    env_case_close(&env);
}

// What was written down of an episode says which steps it was; what no episode could leave does
// not.
static void check_written_down(struct env *env, int task, const struct env_outcome *outcome,
                               const int16_t *choices, int steps)
{
    int16_t read[64];
    int32_t other[64];
    double losses[64];
    const int n = outcome->n_result;
    assert_true(n <= 64 && env_prune.candidates->steps_of(env, task, outcome->result, n, read));
    assert_memory_equal(read, choices, (size_t)steps * sizeof *read);
    assert_false(env_prune.candidates->steps_of(env, task, outcome->result, n - 1, read));
    for (int g = 0; g < n; g++) {
        memcpy(other, outcome->result, (size_t)n * sizeof *other);
        other[g] += 10000;
        assert_false(env_prune.candidates->steps_of(env, task, other, n, read));
    }
    env_prune.candidates->losses(env, task, choices, losses);
    for (int s = 0; s < steps; s++) {
        assert_true(losses[s] >= 0.0 && isfinite(losses[s]));
    }
}

static void choices_are_known_without_playing(void **state)
{
    const struct prune_case *c = *state;
    struct env_case env;
    prune_case_env(c, 1, -1, &env);
    for (int task = 0; task < PRUNE_CASE_TASKS; task++) {
        struct candidate_env_space space;
        struct network_task_facts facts;
        int16_t choices[64];
        env_prune.network->facts(env.env, task, &facts);
        env_prune.candidates->space(env.env, task, &space);
        assert_int_equal(space.steps, facts.n_steps);
        int held = 0;
        for (int episode = 0; episode < 40; episode++) { // freely: what costs too much shows
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
            const bool holds =
                outcome.macs <= facts.most[COST_MACS] && outcome.params <= facts.most[COST_PARAMS];
            const double use = fmax((double)outcome.macs / (double)facts.most[COST_MACS],
                                    (double)outcome.params / (double)facts.most[COST_PARAMS]);
            assert_int_equal(env_prune.candidates->holds(env.env, task, choices), holds);
            assert_true(fabs(env_prune.candidates->use(env.env, task, choices) - use) < 1e-9);
            check_written_down(env.env, task, &outcome, choices, space.steps);
            held += holds;
        }
        assert_true(task == 0 ? held > 0 && held < 40 : true);
        int16_t uniform[64], again[64];
        assert_true(env_prune.candidates->suggest(env.env, task, 0, uniform));
        int n = 0;
        for (; env_prune.candidates->suggest(env.env, task, n, choices); n++) {
            assert_true(env_prune.candidates->holds(env.env, task, choices));
            assert_true(n == 0 || memcmp(choices, uniform, (size_t)space.steps * 2) != 0);
            assert_true(env_prune.candidates->suggest(env.env, task, n, again));
            assert_memory_equal(choices, again, (size_t)space.steps * sizeof *choices);
        }
        assert_true(n >= 2 || task != 3);
    }
    env_case_close(&env);
}

// A policy sees the same of a network whatever else the run prunes, and something else of each
// network.
static void observations_do_not_depend_on_other_tasks(void **state)
{
    const struct prune_case *c = *state;
    struct prune_case alone = *c;
    struct env_case all, one;
    alone.config.networks = &c->networks[1];
    alone.config.n_networks = alone.config.n_tasks = 1;
    alone.tasks[0] = c->tasks[3];
    alone.tasks[0].network = 0;
    alone.config.tasks = alone.tasks;
    prune_case_env(c, 1, -1, &all);
    prune_case_env(&alone, 1, -1, &one);
    assert_int_equal(all.spec.n_obs, one.spec.n_obs);
    struct rng rng = rng_make(4, RNG_TEST, 70, 0);
    const struct env_start start = {.task = 3, .imagined = true};
    env_case_start(&all, &start);
    env_case_start(&one, &(struct env_start){.task = 0, .imagined = true});
    while (all.end == ENV_RUNNING) {
        assert_memory_equal(all.row.obs, one.row.obs, (size_t)one.spec.n_obs * sizeof(float));
        const int choice = env_case_draw(&all, &rng);
        env_case_step(&all, choice);
        env_case_step(&one, choice);
    }
    assert_true(one.end == ENV_TERMINATED);
    env_case_close(&all);
    env_case_close(&one);
}

static void accuracies_are_those_of_the_long_way(void **state)
{
    struct prune_case c = *(struct prune_case *)*state;
    for (int variant = 0; variant < 3; variant++) { // float32, int8, refit
        c.config.scoring.dtype = variant == 1 ? SCORING_AUTO : SCORING_FLOAT32;
        c.config.scoring.refit = variant == 2 ? REFIT_AUTO : REFIT_OFF;
        struct backend *backend;
        const struct backend_options options = {.threads = 1};
        assert_ok(backend_open("cpu", &options, &backend));
        const bool int8 = variant == 1 && backend->int8;
        backend_close(backend);
        struct env_case env;
        prune_case_env(&c, 1, -1, &env);
        double first = -1;
        bool varies = false;
        for (int episode = 0; episode < 5; episode++) {
            const int task = episode == 4 ? 3 : episode % 3;
            const struct env_outcome outcome = prune_case_play(&env, task, episode);
            const struct long_way way = {.int8 = int8,
                                         .refit = variant == 2,
                                         .calibration_images = 70,
                                         .images = 90,
                                         .widths = outcome.result};
            const double expected = prune_case_long_way(&c, c.tasks[task].network, &way);
            assert_true(outcome.score == expected);
            varies = varies || (first >= 0 && outcome.score != first);
            first = outcome.score;
        }
        assert_true(varies);
        env_case_close(&env);
    }
}

static void base_accuracy_is_the_same_in_every_task(void **state)
{
    const struct prune_case *c = *state;
    struct env_case env;
    prune_case_env(c, 2, -1, &env);
    for (int task = 0; task < PRUNE_CASE_TASKS; task++) {
        struct network_task_facts facts;
        const struct long_way way = {.images = 0};
        env_prune.network->facts(env.env, task, &facts);
        assert_true(facts.base_accuracy == prune_case_long_way(c, c->tasks[task].network, &way));
        assert_true(task == 3 || facts.base_accuracy > 0.75); // trained a little: chance is 0.5
    }
    env_case_close(&env);
}

// Scores depend on nothing but the widths: not on threads, nor on what was scored before.
static void threads_and_history_change_nothing(void **state)
{
    enum { EPISODES = 8 };
    const struct prune_case *c = *state;
    struct env_case one, two;
    float obs[EPISODES];
    struct env_outcome forward[EPISODES];
    prune_case_env(c, 1, -1, &one);
    prune_case_env(c, 2, -1, &two);
    for (int e = 0; e < EPISODES; e++) {
        forward[e] = prune_case_play(&one, e % PRUNE_CASE_TASKS, e);
        env_case_reset(&one, e % PRUNE_CASE_TASKS, e);
        obs[e] = one.row.obs[0] + 2 * one.row.obs[one.spec.n_obs - 1];
    }
    for (int e = EPISODES - 1; e >= 0; e--) {
        const struct env_outcome back = prune_case_play(&two, e % PRUNE_CASE_TASKS, e);
        assert_true(back.score == forward[e].score && back.macs == forward[e].macs);
        env_case_reset(&two, e % PRUNE_CASE_TASKS, e);
        assert_true(obs[e] == two.row.obs[0] + 2 * two.row.obs[two.spec.n_obs - 1]);
    }
    env_case_close(&one);
    env_case_close(&two);
}

// The backend asked for is the one that scores: plain loops agree but for images on an edge. In its
// check mode, whatever would touch its memory past its table dies.
static void backends_agree(void **state)
{
    struct prune_case c = *(struct prune_case *)*state;
    c.config.n_networks = 1;
    c.config.n_tasks = 2;
    c.config.scoring.images = 40;
    c.config.scoring.calibration_images = 64;
    const struct env_job job = {.config = &c.config,
                                .seed = PRUNE_CASE_SEED,
                                .backend = "ref",
                                .threads = 1,
                                .check = true,
                                .shared_fd = -1};
    struct env_case fast, plain;
    prune_case_env(&c, 1, -1, &fast);
    env_case_open_job(&plain, &env_prune, &job);
    for (int task = 0; task < 2; task++) {
        const double score = prune_case_play(&fast, task, task).score;
        assert_true(fabs(prune_case_play(&plain, task, task).score - score) < 1.5 / 40);
    }
    env_case_close(&fast);
    env_case_close(&plain);
    const struct env_job unknown = {.config = &c.config, .backend = "abacus", .shared_fd = -1};
    struct env *env;
    assert_int_not_equal(env_prune.open(&unknown, &env), OK);
    assert_non_null(strstr(status_message(), "abacus"));
}

static void known_candidates_are_not_scored_again(void **state)
{
    const struct prune_case *c = *state;
    struct env_case env, later;
    const int fd = memfd_create("dikdik-test", 0);
    assert_true(fd >= 0);
    prune_case_env(c, 1, fd, &env);
    const struct env_outcome first = prune_case_play(&env, 0, 3);
    assert_false(first.cached);
    const struct env_outcome again = prune_case_play(&env, 0, 3);
    assert_true(again.cached && again.score == first.score && again.arithmetic_seconds == 0);
    // The same widths under another budget.
    const struct env_outcome least = prune_case_play(&env, 0, -1);
    const struct env_outcome other_task = prune_case_play(&env, 1, -1);
    assert_true(!least.cached && other_task.cached && other_task.score == least.score);
    // Another worker of the host.
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prune_case_env(c, 1, fd, &later);
        const struct env_outcome there = prune_case_play(&later, 0, 3);
        const struct env_outcome fresh = prune_case_play(&later, 0, 77);
        _exit(there.cached && there.score == first.score && !fresh.cached ? 0 : 1);
    }
    int child;
    assert_int_equal(waitpid(pid, &child, 0), pid);
    assert_true(WIFEXITED(child) && WEXITSTATUS(child) == 0);
    assert_true(prune_case_play(&env, 0, 77).cached); // and back
    env_case_close(&env);
    close(fd);
}

static void candidates_become_networks(void **state)
{
    struct prune_case c = *(struct prune_case *)*state;
    const char *path = test_folder_path(&c.folder, "built.safetensors");
    const struct network_env_ops *network_env = env_prune.network;
    struct env_case env;
    prune_case_env(&c, 2, -1, &env);
    for (int task = 0; task < PRUNE_CASE_TASKS; task += 3) {
        const struct env_outcome outcome = prune_case_play(&env, task, 1);
        for (int images = 40; images <= 400; images += 360) { // fewer and more than the host holds
            struct network built, loaded;
            struct network_score score, score_loaded;
            assert_ok(network_env->build(env.env, task, outcome.result, images, &built));
            const struct network_cost cost = cost_of_graph(&built.graph);
            assert_true(cost.macs == outcome.macs && cost.params == outcome.params);
            assert_ok(network_env->score(env.env, task, &built, &score));
            const struct long_way way = {.calibration_images = images, .widths = outcome.result};
            assert_true(score.accuracy == prune_case_long_way(&c, c.tasks[task].network, &way));
            assert_ok(network_save(&built, path));
            assert_ok(network_load(path, NULL, &loaded));
            assert_ok(network_env->score(env.env, task, &loaded, &score_loaded));
            assert_true(score_loaded.accuracy == score.accuracy);
            assert_true(score.loss > 0 && score_loaded.loss == score.loss);
            network_close(&built);
            network_close(&loaded);
        }
    }
    env_case_close(&env);
}

// Weights so large that float32 overflows: worth nothing, but no error.
static void divergence_is_a_score_of_zero(void **state)
{
    struct prune_case c = *(struct prune_case *)*state;
    const char *path = test_folder_path(&c.folder, "huge.safetensors");
    struct network network;
    assert_ok(network_load(c.files[0], NULL, &network));
    for (size_t i = 0; i < network.graph.n_trainable; i++) {
        network.params[i] *= 1e25F;
    }
    assert_ok(network_save(&network, path));
    network_close(&network);
    c.networks[0].file = path;
    for (int variant = 0; variant < 2; variant++) {
        c.config.scoring.dtype = variant == 0 ? SCORING_FLOAT32 : SCORING_AUTO;
        c.config.networks = c.networks;
        struct env_case env;
        prune_case_env(&c, 1, -1, &env);
        const struct env_outcome outcome = prune_case_play(&env, 0, 1);
        assert_true(outcome.diverged && outcome.score == 0 && env.reward == 0);
        const struct env_outcome again = prune_case_play(&env, 0, 1);
        assert_true(again.cached && again.diverged && again.score == 0);
        env_case_close(&env);
    }
}

static void refuse(const struct prune_case *c, enum status code, const char *text, const char *who)
{
    const struct env_job job = {.config = &c->config, .threads = 1, .shared_fd = -1};
    struct env *env;
    assert_fails(env_prune.open(&job, &env), code, text);
    if (strstr(status_message(), who) == NULL) {
        fail_msg("'%s' is not in the message '%s'", who, status_message());
    }
}

static void bad_configs_are_named(void **state)
{
    struct prune_case c = *(struct prune_case *)*state, good = c;
    c.config.networks = c.networks;
    c.config.tasks = c.tasks;
    c.networks[1].file = "/nowhere/net.safetensors";
    refuse(&c, ERR_INPUT, "/nowhere/net.safetensors", "network \"resnet20\"");
    memcpy(c.networks, good.networks, sizeof c.networks);
    c.networks[1].data.size = 16;
    refuse(&c, ERR_INPUT, "16 x 16", "network \"resnet20\"");
    memcpy(c.networks, good.networks, sizeof c.networks);
    c.tasks[2].budget[COST_PARAMS] = 1e-4;
    refuse(&c, ERR_CONFIG, "least possible", "task \"both\"");
    c.tasks[2].budget[COST_PARAMS] = 0.5;
    c.config.n_tasks = 0;
    refuse(&c, ERR_CONFIG, "at least one network and one task", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewards_come_at_the_end_within_budget),
        cmocka_unit_test(budgets_can_be_other_ones),
        cmocka_unit_test(choices_are_known_without_playing),
        cmocka_unit_test(observations_do_not_depend_on_other_tasks),
        cmocka_unit_test(accuracies_are_those_of_the_long_way),
        cmocka_unit_test(base_accuracy_is_the_same_in_every_task),
        cmocka_unit_test(threads_and_history_change_nothing),
        cmocka_unit_test(backends_agree),
        cmocka_unit_test(known_candidates_are_not_scored_again),
        cmocka_unit_test(candidates_become_networks),
        cmocka_unit_test(divergence_is_a_score_of_zero),
        cmocka_unit_test(bad_configs_are_named),
    };
    return cmocka_run_group_tests(tests, open_case, close_case);
}
