#include "learning_case.h"

#include "actors/rollout.h"
#include "core/config.h"
#include "envs/env_list.h"
#include "learner/methods/method.h"
#include "test_unit.h"

#include <stdio.h>

struct learning {
    const struct learning_job *job;
    struct arena arena;
    struct rollout *rollout;
    struct agent_options agent_options;
    struct agent agent;
    struct learner_options options;
    struct backend *backend;
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

static void open_rollout(struct learning *l)
{
    const struct env_ops *ops = env_find(l->job->environment);
    assert_non_null(ops);
    void *config = get_memory(l, 1, ops->options_bytes);
    read_options(l, l->job->config, ops->options, config);
    read_options(l, l->job->agent, agent_option_table, &l->agent_options);
    const struct rollout_job job = {
        .ops = ops,
        .env = {.config = config, .seed = l->job->seed, .threads = 1, .shared_fd = -1},
        .agent = &l->agent_options};
    assert_ok(rollout_open(&job, &l->rollout));
    rollout_agent(l->rollout, &l->agent);
    assert_true(l->agent.shape.n_tasks <= LEARNING_TASKS);
}

static void open_method(struct learning *l)
{
    struct trajectory_shape shape;
    rollout_shape(l->rollout, &shape);
    read_options(l, l->job->learner, learner_option_table, &l->options);
    assert_ok(backend_open("cpu", &(struct backend_options){.threads = 1}, &l->backend));
    trajectory_view(&shape, get_memory(l, trajectory_bytes(&shape), 1), &l->trajectory);
    const struct method_job job = {.learner = &l->options,
                                   .shape = &shape,
                                   .agent = &l->agent,
                                   .backend = l->backend,
                                   .n_tasks = l->agent.shape.n_tasks,
                                   .updates = l->job->episodes / l->options.batch,
                                   .seed = l->job->seed};
    assert_ok(method_impala.open(&job, &l->method));
    method_impala.weights(l->method, &l->n_weights);
    l->weights = get_memory(l, (size_t)(l->job->lag + 1) * l->n_weights, sizeof(float));
}

// Episode `episode` by the weights of `version`, as an actor runs it. Returns its score.
static double run_episode(struct learning *l, int64_t episode, int64_t version)
{
    struct ticket ticket = {.kind = TICKET_EPISODE,
                            .task = (int32_t)(episode % l->agent.shape.n_tasks),
                            .episode = episode,
                            .version = version};
    method_impala.propose(l->method, &ticket);
    rollout_load(l->rollout, l->weights + (size_t)(version % (l->job->lag + 1)) * l->n_weights,
                 l->n_weights);
    assert_ok(rollout_run(l->rollout, &ticket, 1, l->trajectory.header));
    return l->trajectory.header->score;
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
    open_rollout(&l);
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
    for (int task = 0; task < l.agent.shape.n_tasks; task++) {
        result->score[task] /= counts[task];
        printf("%s, task %d: %.3f\n", job->environment, task, result->score[task]);
    }
    assert_int_equal(result->skipped, 0);
    method_impala.close(l.method);
    backend_close(l.backend);
    rollout_close(l.rollout);
    arena_close(&l.arena);
}
