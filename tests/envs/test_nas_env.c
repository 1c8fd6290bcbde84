// The architecture environment as its users see it: rows, rewards, budgets, and accuracies that
// equal those of the long way round.
#include "envs/candidate_env.h"
#include "envs/nas/nas_features.h"
#include "envs/network_env.h"
#include "nas_env_case.h"
#include "search_space/supernet.h"

#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void rewards_come_at_the_end_within_budget(void **state)
{
    const struct nas_env_case *c = *state;
    struct env_case env;
    nas_env_case_env(c, 1, -1, &env);
    assert_int_equal(env.spec.n_tasks, NAS_CASE_TASKS);
    assert_int_equal(env.spec.n_obs, NAS_FEATURE_COUNT);
    for (int episode = 0; episode < 12; episode++) {
        const int task = episode % NAS_CASE_TASKS;
        struct network_task_facts facts;
        struct rng rng = rng_make(4, RNG_TEST, (uint64_t)episode, 0);
        env_nas.network->facts(env.env, task, &facts);
        env_case_reset(&env, task, episode);
        int steps = 0;
        for (; env.end == ENV_RUNNING; steps++) {
            assert_int_equal(*env.row.categorical, task == 4);
            for (int i = 0; i < env.spec.n_obs; i++) {
                assert_true(env.row.obs[i] >= 0 && env.row.obs[i] <= 1);
            }
            env_case_step(&env, env_case_draw(&env, &rng));
            assert_true(env.end == ENV_TERMINATED || env.reward == 0);
        }
        const struct env_outcome outcome = env_case_outcome(&env);
        assert_int_equal(steps, facts.n_steps);
        assert_int_equal(outcome.n_result, facts.n_steps);
        assert_true(outcome.score > 0 && !outcome.diverged &&
                    nas_env_case_within(&outcome, &facts));
        assert_true(task == 5 || (env.reward == (float)outcome.score && outcome.off_task == 0));
        assert_true(outcome.macs <= facts.full[COST_MACS]);
        assert_true(outcome.arithmetic_seconds > 0 || outcome.cached);
    }
    env_case_close(&env);
}

// Imagined ones, so that there can be many: each keeps every limit, its cost is that of its graph.
static void no_episode_breaks_the_wall(void **state)
{
    enum { EPISODES = 3000 };
    const struct nas_env_case *c = *state;
    struct env_case env;
    struct supernet supernets[NAS_CASE_NETWORKS];
    nas_env_case_env(c, 1, -1, &env);
    for (int n = 0; n < NAS_CASE_NETWORKS; n++) {
        assert_ok(supernet_load(c->files[n], &supernets[n]));
    }
    for (int episode = 0; episode < EPISODES; episode++) {
        const int task = episode % NAS_CASE_TASKS;
        const struct env_start start = {.task = task, .episode = episode, .imagined = true};
        struct network_task_facts facts;
        struct rng rng = rng_make(6, RNG_TEST, (uint64_t)episode, 0);
        env_nas.network->facts(env.env, task, &facts);
        env_case_start(&env, &start);
        while (env.end == ENV_RUNNING) {
            env_case_step(&env, env_case_draw(&env, &rng));
        }
        const struct env_outcome outcome = env_case_outcome(&env);
        assert_true(nas_env_case_within(&outcome, &facts));
        if (episode % 50 < NAS_CASE_TASKS) {
            int16_t choice[NAS_MOST_DECISIONS];
            struct graph graph;
            for (int d = 0; d < outcome.n_result; d++) {
                choice[d] = (int16_t)outcome.result[d];
            }
            assert_ok(nas_space_build(&supernets[c->tasks[task].network].space, choice, &graph));
            const struct network_cost cost = cost_of_graph(&graph);
            assert_true(cost.macs == outcome.macs && cost.params == outcome.params);
            assert_true(cost.bytes == outcome.bytes);
            assert_true(cost.bytes == (int64_t)(graph.n_floats * sizeof(float)));
            graph_close(&graph);
        }
    }
    for (int n = 0; n < NAS_CASE_NETWORKS; n++) {
        supernet_close(&supernets[n]);
    }
    env_case_close(&env);
}

static void budgets_can_be_other_ones(void **state)
{
    struct env_case env;
    nas_env_case_env(*state, 1, -1, &env);
    env_case_check_budgets(&env);
    env_case_close(&env);
}

// A policy sees the same of a task whatever else the run searches.
static void observations_do_not_depend_on_other_tasks(void **state)
{
    const struct nas_env_case *c = *state;
    struct nas_env_case alone = *c;
    struct env_case all, one;
    alone.config.networks = &c->networks[1];
    alone.config.n_networks = alone.config.n_tasks = 1;
    alone.tasks[0] = c->tasks[3];
    alone.tasks[0].network = 0;
    alone.config.tasks = alone.tasks;
    nas_env_case_env(c, 1, -1, &all);
    nas_env_case_env(&alone, 1, -1, &one);
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
    const struct nas_env_case *c = *state;
    struct env_case env;
    nas_env_case_env(c, 1, -1, &env);
    for (int task = 0; task < NAS_CASE_TASKS; task++) {
        struct network_task_facts facts;
        const int network = c->tasks[task].network;
        const struct env_outcome outcome = nas_env_case_play(&env, task, task);
        assert_true(outcome.score == nas_env_case_long_way(c, network, outcome.result, 70, 90));
        env_nas.network->facts(env.env, task, &facts);
        assert_true(facts.base_accuracy == nas_env_case_long_way(c, network, NULL, 70, 0));
        assert_true(facts.unseen);
    }
    env_case_close(&env);
}

// Scores depend on nothing but the choice: not on threads, nor on what was scored before, nor on
// what is scored at the same time.
static void threads_history_and_company_change_nothing(void **state)
{
    enum { EPISODES = 8 };
    const struct nas_env_case *c = *state;
    struct env_case one, two, slots[ENV_CASE_SLOTS], *at_once[ENV_CASE_SLOTS];
    struct env_outcome forward[EPISODES];
    nas_env_case_env(c, 1, -1, &one);
    nas_env_case_env(c, 2, -1, &two);
    for (int e = 0; e < EPISODES; e++) {
        forward[e] = nas_env_case_play(&one, e % NAS_CASE_TASKS, e);
    }
    for (int i = 0; i < ENV_CASE_SLOTS; i++) {
        env_case_share(&slots[i], &two, i);
        slots[i].waits = true;
        at_once[i] = &slots[i];
    }
    for (int first = EPISODES - ENV_CASE_SLOTS; first >= 0; first -= ENV_CASE_SLOTS) {
        struct rng rngs[ENV_CASE_SLOTS];
        bool runs = true;
        for (int i = 0; i < ENV_CASE_SLOTS; i++) {
            rngs[i] = rng_make(9, RNG_TEST, (uint64_t)first + (uint64_t)i, 0);
            env_case_reset(&slots[i], (first + i) % NAS_CASE_TASKS, first + i);
        }
        while (runs) { // in turn
            runs = false;
            for (int i = 0; i < ENV_CASE_SLOTS; i++) {
                if (slots[i].end == ENV_RUNNING) {
                    env_case_step(&slots[i], env_case_draw(&slots[i], &rngs[i]));
                    runs = true;
                }
            }
        }
        env_case_evaluate(at_once, ENV_CASE_SLOTS);
        for (int i = 0; i < ENV_CASE_SLOTS; i++) {
            const struct env_outcome outcome = env_case_outcome(&slots[i]);
            assert_true(outcome.score == forward[first + i].score);
            assert_true(outcome.reward == forward[first + i].reward);
            assert_true(outcome.macs == forward[first + i].macs);
        }
    }
    for (int i = 0; i < ENV_CASE_SLOTS; i++) {
        env_case_close(&slots[i]);
    }
    env_case_close(&one);
    env_case_close(&two);
}

static void known_candidates_are_not_scored_again(void **state)
{
    const struct nas_env_case *c = *state;
    struct env_case env, later;
    const int fd = memfd_create("dikdik-test", 0);
    assert_true(fd >= 0);
    nas_env_case_env(c, 1, fd, &env);
    const struct env_outcome first = nas_env_case_play(&env, 0, 3);
    assert_false(first.cached);
    const struct env_outcome again = nas_env_case_play(&env, 0, 3);
    assert_true(again.cached && again.score == first.score && again.arithmetic_seconds == 0);
    // The same choice under another budget; the same choice of another network.
    const struct env_outcome least = nas_env_case_play(&env, 0, -1);
    const struct env_outcome other_task = nas_env_case_play(&env, 1, -1);
    assert_true(!least.cached && other_task.cached && other_task.score == least.score);
    assert_false(nas_env_case_play(&env, 3, -1).cached);
    // Another worker of the host.
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        nas_env_case_env(c, 1, fd, &later);
        const struct env_outcome there = nas_env_case_play(&later, 0, 3);
        const struct env_outcome fresh = nas_env_case_play(&later, 0, 77);
        _exit(there.cached && there.score == first.score && !fresh.cached ? 0 : 1);
    }
    int child;
    assert_int_equal(waitpid(pid, &child, 0), pid);
    assert_true(WIFEXITED(child) && WEXITSTATUS(child) == 0);
    assert_true(nas_env_case_play(&env, 0, 77).cached); // and back
    env_case_close(&env);
    close(fd);
}

static void candidates_become_networks(void **state)
{
    struct nas_env_case c = *(struct nas_env_case *)*state;
    const char *path = test_folder_path(&c.folder, "built.safetensors");
    const struct network_env_ops *ops = env_nas.network;
    struct env_case env;
    nas_env_case_env(&c, 2, -1, &env);
    for (int task = 0; task < NAS_CASE_TASKS; task += 4) {
        const struct env_outcome outcome = nas_env_case_play(&env, task, 1);
        for (int images = 40; images <= 200; images += 160) { // fewer and more than the host holds
            struct network built, loaded;
            struct network_score score, score_loaded;
            assert_ok(ops->build(env.env, task, outcome.result, images, &built));
            const struct network_cost cost = cost_of_graph(&built.graph);
            assert_true(cost.macs == outcome.macs && cost.params == outcome.params);
            assert_ok(ops->score(env.env, task, &built, &score));
            assert_true(score.accuracy == nas_env_case_long_way(&c, c.tasks[task].network,
                                                                outcome.result, images, 0));
            assert_ok(network_save(&built, path));
            assert_ok(network_load(path, NULL, &loaded));
            assert_ok(ops->score(env.env, task, &loaded, &score_loaded));
            assert_true(score_loaded.accuracy == score.accuracy);
            assert_true(score.loss > 0 && score_loaded.loss == score.loss);
            network_close(&built);
            network_close(&loaded);
        }
    }
    env_case_close(&env);
}

// What was chosen is told by the names of decisions.
static void choices_are_described(void **state)
{
    const struct nas_env_case *c = *state;
    struct env_case env;
    nas_env_case_env(c, 1, -1, &env);
    for (int task = 0; task < NAS_CASE_TASKS; task += 4) {
        const struct env_outcome outcome = nas_env_case_play(&env, task, -1);
        struct text text = {0};
        struct json *document;
        struct json_writer writer = {.out = &text};
        json_write_begin(&writer, '{', NULL);
        assert_ok(
            env_nas.network->describe(&c->config, task, outcome.result, outcome.n_result, &writer));
        json_write_end(&writer, '}');
        assert_ok(json_parse(text.bytes, text.length, "description", &document));
        const struct json *choice = json_get(document, "choice");
        assert_int_equal(json_count(choice), outcome.n_result);
        if (task == 0) {
            assert_true(json_number(json_get(choice, "stage1.width")) == 8);
        } else {
            // All edges are none: none of them alone makes another network.
            assert_int_equal(json_kind(json_get(choice, "edge0-1")), JSON_NULL);
        }
        json_close(document);
        text_close(&text);
    }
    env_case_close(&env);
}

// Weights so large that float32 overflows: worth nothing, but no error.
static void divergence_is_a_score_of_zero(void **state)
{
    struct nas_env_case c = *(struct nas_env_case *)*state;
    struct supernet supernet;
    assert_ok(supernet_load(c.files[0], &supernet));
    for (size_t i = 0; i < supernet.n_plain; i++) {
        supernet.params[i] *= 1e25F;
    }
    c.networks[0].scored.file = test_folder_path(&c.folder, "huge.safetensors");
    assert_ok(supernet_save(&supernet, c.networks[0].scored.file));
    supernet_close(&supernet);
    c.config.networks = c.networks;
    for (int variant = 0; variant < 2; variant++) {
        c.config.scoring.dtype = variant == 0 ? SCORING_FLOAT32 : SCORING_AUTO;
        struct env_case env;
        nas_env_case_env(&c, 1, -1, &env);
        const struct env_outcome outcome = nas_env_case_play(&env, 0, 1);
        assert_true(outcome.diverged && outcome.score == 0 && env.reward == 0);
        const struct env_outcome again = nas_env_case_play(&env, 0, 1);
        assert_true(again.cached && again.diverged && again.score == 0);
        env_case_close(&env);
    }
}

// A task that weighs costs is rewarded by its objective; one that draws targets says how far its
// reward is from that of its own.
static void objectives_weigh_costs(void **state)
{
    const struct nas_env_case *c = *state;
    struct env_case env;
    struct network_task_facts facts;
    nas_env_case_env(c, 1, -1, &env);
    env_nas.network->facts(env.env, 5, &facts);
    const double full = (double)facts.full[COST_MACS];
    bool draws = false;
    for (int episode = 0; episode < 6; episode++) {
        const struct env_outcome outcome = nas_env_case_play(&env, 5, episode);
        const double cost = (double)outcome.macs / (0.4 * full);
        const double own = outcome.score - 0.3 * fabs(cost - 1);
        assert_true(fabs((double)outcome.reward - outcome.off_task - own) < 1e-6);
        draws = draws || fabs(outcome.off_task) > 1e-3;
        // Reward models are told the same.
        const struct candidate_env_ops *known = env.env->ops->candidates;
        int16_t steps[64];
        assert_true(outcome.n_result <= 64);
        for (int i = 0; i < outcome.n_result; i++) {
            steps[i] = (int16_t)outcome.result[i];
        }
        const double value = known->value(env.env, 5, episode, steps, outcome.score);
        assert_true(fabs(value - (double)outcome.reward) < 1e-6);
        assert_true(fabs(known->value(env.env, 5, -1, steps, outcome.score) - own) < 1e-6);
    }
    assert_true(draws);
    struct candidate_env_space space;
    env.env->ops->candidates->space(env.env, 5, &space);
    assert_true(space.draws);
    env.env->ops->candidates->space(env.env, 0, &space);
    assert_false(space.draws);
    env_case_close(&env);
}

// A network that is built from a choice is worth what its episode was rewarded with, where both are
// scored on the same images in the same way.
static void built_networks_are_worth_their_reward(void **state)
{
    struct nas_env_case c = *(struct nas_env_case *)*state;
    static const enum scoring_reward rewards[] = {REWARD_ACCURACY, REWARD_LOSS,
                                                  REWARD_DISTILLATION};
    c.config.scoring.images = 0;
    for (int i = 0; i < 3; i++) {
        struct env_case env;
        c.config.scoring.reward = rewards[i];
        nas_env_case_env(&c, 1, -1, &env);
        for (int task = 0; task < NAS_CASE_TASKS; task += 5) { // the last one weighs costs
            const struct env_outcome outcome = nas_env_case_play(&env, task, 1);
            const double own = (double)env.reward - outcome.off_task;
            struct network built;
            struct network_score score;
            assert_ok(env_nas.network->build(env.env, task, outcome.result,
                                             c.config.scoring.calibration_images, &built));
            assert_ok(env_nas.network->score(env.env, task, &built, &score));
            assert_true(fabs(score.reward - own) < 1e-6);
            network_close(&built);
        }
        env_case_close(&env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewards_come_at_the_end_within_budget),
        cmocka_unit_test(no_episode_breaks_the_wall),
        cmocka_unit_test(budgets_can_be_other_ones),
        cmocka_unit_test(observations_do_not_depend_on_other_tasks),
        cmocka_unit_test(accuracies_are_those_of_the_long_way),
        cmocka_unit_test(threads_history_and_company_change_nothing),
        cmocka_unit_test(known_candidates_are_not_scored_again),
        cmocka_unit_test(candidates_become_networks),
        cmocka_unit_test(choices_are_described),
        cmocka_unit_test(divergence_is_a_score_of_zero),
        cmocka_unit_test(objectives_weigh_costs),
        cmocka_unit_test(built_networks_are_worth_their_reward),
    };
    return cmocka_run_group_tests(tests, open_case, close_case);
}
