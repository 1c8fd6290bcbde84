#include "learning_case.h"

#include "agent/distribution.h"
#include "core/config.h"
#include "envs/env_list.h"
#include "learner/method.h"
#include "test_unit.h"

#include <stdio.h>

struct learning {
    const struct learning_job *job;
    struct arena arena;
    struct env *env;
    struct env_spec spec;
    struct agent_options agent_options;
    struct agent agent;
    struct learner_options options;
    struct backend *backend;
    struct agent_player *player;
    struct method *method;
    struct trajectory trajectory;
    float *weights; // [lag + 1][n] of version v at v modulo lag + 1
    size_t n_weights;
};

static void *get_memory(struct learning *l, size_t n, size_t size)
{
    void *memory = arena_alloc(&l->arena, n, size);
    assert_non_null(memory);
    return memory;
}

static void read_options(struct learning *l, const char *text, const struct option *table,
                         void *values)
{
    struct json *document;
    assert_ok(json_parse(text, strlen(text), "the test", &document));
    assert_ok(config_read(document, "the test", table, values, &l->arena));
    json_close(document);
}

static void open_environment(struct learning *l)
{
    const struct env_ops *ops = env_find(l->job->environment);
    assert_non_null(ops);
    void *config = get_memory(l, 1, ops->options_bytes);
    read_options(l, l->job->config, ops->options, config);
    const struct env_job job = {
        .config = config, .seed = l->job->seed, .threads = 1, .shared_fd = -1};
    assert_ok(ops->open(&job, &l->env));
    ops->spec(l->env, &l->spec);
    assert_true(l->spec.n_tasks <= LEARNING_TASKS);
}

static void open_method(struct learning *l)
{
    const struct trajectory_shape shape = {.rows = l->spec.most_steps + 1,
                                           .n_obs = l->spec.n_obs,
                                           .n_choices = l->spec.n_choices,
                                           .n_result = l->spec.n_result};
    const struct agent_shape sizes = {
        .n_obs = l->spec.n_obs, .n_choices = l->spec.n_choices, .n_tasks = l->spec.n_tasks};
    read_options(l, l->job->agent, agent_option_table, &l->agent_options);
    read_options(l, l->job->learner, learner_option_table, &l->options);
    assert_ok(agent_make(&l->agent_options, &sizes, &l->agent));
    assert_ok(backend_open("cpu", &(struct backend_options){.threads = 1}, &l->backend));
    assert_ok(agent_player_open(l->backend, &l->agent, &l->player));
    trajectory_view(&shape, get_memory(l, trajectory_bytes(&shape), 1), &l->trajectory);
    const struct method_job job = {.learner = &l->options,
                                   .shape = &shape,
                                   .agent = &l->agent,
                                   .backend = l->backend,
                                   .n_tasks = l->spec.n_tasks,
                                   .updates = l->job->episodes / l->options.batch,
                                   .seed = l->job->seed};
    assert_ok(method_impala.open(&job, &l->method));
    method_impala.weights(l->method, &l->n_weights);
    l->weights = get_memory(l, (size_t)(l->job->lag + 1) * l->n_weights, sizeof(float));
}

static struct env_row row_at(const struct learning *l, int t)
{
    const struct trajectory *to = &l->trajectory;
    const size_t row = (size_t)t;
    return (struct env_row){.obs = to->obs + row * (size_t)l->spec.n_obs,
                            .position = to->position + row * (size_t)l->spec.n_choices,
                            .legal = to->legal + row * (size_t)l->spec.n_choices,
                            .choices = to->choices + t};
}

// One step of the policy and the environment.
static enum env_end run_step(struct learning *l, int64_t episode, int t, float last_action)
{
    const struct trajectory *to = &l->trajectory;
    const struct env_row row = row_at(l, t), next = row_at(l, t + 1);
    const struct offer offer = {*row.choices, row.position, row.legal};
    struct rng rng = rng_make(l->job->seed, RNG_ACTION, (uint64_t)episode, (uint32_t)t);
    struct chosen chosen;
    const float *output =
        agent_player_step(l->player, row.obs, last_action, t > 0 ? to->reward[t - 1] : 0.0F);
    l->agent.distribution->sample(output, &offer, false, 0.0F, &rng, &chosen);
    to->action[t] = chosen.choice;
    to->raw[t] = chosen.raw;
    to->logp[t] = chosen.logp;
    to->flags[t] = t == 0 ? FLAG_FIRST : 0;
    enum env_end end;
    assert_ok(l->env->ops->step(l->env, chosen.choice, &next, &to->reward[t], &end));
    return end;
}

static double run_episode(struct learning *l, int64_t episode, int64_t version)
{
    const int task = (int)(episode % l->spec.n_tasks);
    const struct env_row first = row_at(l, 0);
    agent_player_load(l->player, l->weights + (size_t)(version % (l->job->lag + 1)) * l->n_weights);
    agent_player_begin(l->player);
    assert_ok(l->env->ops->reset(l->env, task, episode, &first));
    enum env_end end = ENV_RUNNING;
    float last_action = 0.0F;
    int t = 0;
    while (end == ENV_RUNNING) {
        end = run_step(l, episode, t, last_action);
        last_action = row_at(l, t).position[l->trajectory.action[t]];
        t++;
    }
    struct trajectory_header *header = l->trajectory.header;
    if (end == ENV_TERMINATED) {
        l->trajectory.flags[t - 1] |= FLAG_TERMINATED;
    } else {
        l->trajectory.flags[t] = FLAG_TRUNCATED;
        l->trajectory.reward[t] = 0.0F;
        t++;
    }
    struct env_outcome outcome;
    l->env->ops->outcome(l->env, &outcome);
    *header = (struct trajectory_header){
        .episode = episode, .version = version, .task = task, .rows = t, .score = outcome.score};
    return outcome.score;
}

static void publish(struct learning *l, int64_t version)
{
    size_t n;
    const float *weights = method_impala.weights(l->method, &n);
    memcpy(l->weights + (size_t)(version % (l->job->lag + 1)) * n, weights, n * sizeof *weights);
}

void learning_run(const struct learning_job *job, struct learning_result *result)
{
    struct learning l = {.job = job};
    int64_t version = 0;
    int counts[LEARNING_TASKS] = {0};
    *result = (struct learning_result){0};
    open_environment(&l);
    open_method(&l);
    publish(&l, 0);
    for (int64_t episode = 0; episode < job->episodes; episode++) {
        const double score = run_episode(&l, episode, version > job->lag ? version - job->lag : 0);
        if (episode >= job->episodes - job->window) {
            result->score[l.trajectory.header->task] += score;
            counts[l.trajectory.header->task]++;
        }
        assert_ok(method_impala.take(l.method, &l.trajectory, true));
        if ((episode + 1) % l.options.batch == 0) {
            struct update_row row = {0};
            assert_ok(method_impala.update(l.method, &row));
            result->skipped += row.skipped;
            publish(&l, ++version);
        }
    }
    for (int task = 0; task < l.spec.n_tasks; task++) {
        result->score[task] /= counts[task];
        printf("%s, task %d: %.3f\n", job->environment, task, result->score[task]);
    }
    assert_int_equal(result->skipped, 0);
    method_impala.close(l.method);
    agent_player_close(l.player);
    backend_close(l.backend);
    l.env->ops->close(l.env);
    arena_close(&l.arena);
}
