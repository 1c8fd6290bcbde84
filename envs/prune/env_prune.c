// The environment itself: tasks, steps, the outcome.
#include "envs/env_list.h"
#include "envs/prune/prune_env.h"
#include "envs/prune/prune_features.h"
#include "envs/prune/prune_space.h"

#include <stdlib.h>
#include <string.h>

struct prune_env *prune_env_self(const struct env *env)
{
    CHECK(env->ops == &env_prune);
    return (struct prune_env *)(uintptr_t)env;
}

struct prune_episode *prune_episode_at(const struct prune_env *env, int slot)
{
    CHECK(slot >= 0 && slot < env->slots);
    return &env->episodes[slot];
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static enum status open_studies(struct prune_env *env)
{
    const struct prune_config *config = env->config;
    ARENA_NEW(&env->arena, env->studies, (size_t)config->n_networks);
    for (int n = 0; n < config->n_networks; n++) {
        const struct host_network *network = &env->host.networks[n];
        const enum status code =
            prune_study_open(network, &config->space, &env->arena, &env->studies[n]);
        if (code != OK) {
            return status_context(code, "network \"%s\"", config->networks[n].name);
        }
    }
    return OK;
}

static enum status open_walks(struct prune_env *env)
{
    const struct prune_config *config = env->config;
    ARENA_NEW(&env->arena, env->walks, (size_t)config->n_tasks);
    env->spec = (struct env_spec){.n_obs = PRUNE_FEATURE_COUNT, .n_tasks = config->n_tasks};
    for (int t = 0; t < config->n_tasks; t++) {
        const struct prune_task *task = &config->tasks[t];
        CHECK(task->network >= 0 && task->network < config->n_networks);
        const struct prune_study *study = &env->studies[task->network];
        TRY(prune_walk_open(study, task, &config->space, &env->arena, &env->walks[t]));
        env->spec.n_choices = larger(env->spec.n_choices, study->most_choices);
        env->spec.most_steps = larger(env->spec.most_steps, study->n_steps);
        env->spec.n_result = larger(env->spec.n_result, study->network->groups.n);
    }
    return OK;
}

static enum status open_slots(struct prune_env *env)
{
    const size_t slots = (size_t)env->slots;
    ARENA_NEW(&env->arena, env->episodes, slots);
    ARENA_NEW(&env->arena, env->requests, slots);
    TRY(scoring_evaluation_open(env->slots, &env->arena, &env->evaluation));
    for (size_t i = 0; i < slots; i++) {
        ARENA_NEW(&env->arena, env->episodes[i].walks, (size_t)env->config->n_networks);
    }
    return OK;
}

static void prune_close(struct env *base)
{
    if (base == NULL) {
        return;
    }
    struct prune_env *env = prune_env_self(base);
    prune_together_close(&env->together);
    for (int n = 0; env->studies != NULL && n < env->config->n_networks; n++) {
        prune_study_close(&env->studies[n]);
    }
    host_data_close(&env->host);
    backend_close(env->backend);
    arena_close(&env->arena);
    free(env);
}

static enum status open_parts(struct prune_env *env, const struct env_job *job)
{
    const struct prune_config *config = env->config;
    if (config->n_networks < 1 || config->n_tasks < 1) {
        FAIL(ERR_CONFIG, "pruning needs at least one network and one task, got %d and %d",
             config->n_networks, config->n_tasks);
    }
    TRY(scoring_open_backend(job, &config->scoring, &env->backend, &env->scoring));
    TRY(host_data_open(config, job->seed, env->backend, job->shared_fd, &env->arena, &env->host));
    ARENA_NEW(&env->arena, env->more, (size_t)env->host.n_datasets);
    TRY(open_studies(env));
    TRY(open_walks(env));
    TRY(open_slots(env));
    const struct scorer scorer = {.backend = env->backend, .scoring = &env->scoring};
    const struct prune_together_options together = {.most = env->slots,
                                                    .sharers = job->sharers > 0 ? job->sharers : 1};
    return prune_together_open(&scorer, env->studies, config->n_networks, &together, &env->arena,
                               &env->together);
}

static enum status prune_open(const struct env_job *job, struct env **out)
{
    struct prune_env *env = calloc(1, sizeof *env);
    if (env == NULL) {
        FAIL(ERR_MEMORY, "no memory for an environment");
    }
    env->base.ops = &env_prune;
    env->config = job->config;
    env->seed = job->seed;
    env->slots = job->slots > 0 ? job->slots : 1;
    const enum status code = open_parts(env, job);
    if (code != OK) {
        prune_close(&env->base);
        return code;
    }
    *out = &env->base;
    return OK;
}

static void prune_spec(const struct env *env, struct env_spec *out)
{
    *out = prune_env_self(env)->spec;
}

// What the agent sees before the walk's next step. Rows are written whole, so that equal episodes
// are equal bytes.
static void fill_row(const struct prune_env *env, const struct prune_walk *walk,
                     const struct env_row *row)
{
    const int group = walk->study->steps[walk->step];
    const int channels = walk->study->network->groups.groups[group].channels;
    const int *widths, n = prune_walk_choices(walk, &widths);
    memset(row->legal, 0, (size_t)env->spec.n_choices * sizeof *row->legal);
    memset(row->position, 0, (size_t)env->spec.n_choices * sizeof *row->position);
    wall_legal(walk->wall, group, row->legal);
    int low = n - 1, high = 0;
    for (int i = 0; i < n; i++) {
        row->position[i] = (float)widths[i] / (float)channels;
        low = row->legal[i] && i < low ? i : low;
        high = row->legal[i] ? i : high;
    }
    *row->choices = n;
    prune_features(walk, widths[low], widths[high], row->obs);
}

// The walk of the task's network in this slot.
static enum status take_walk(struct prune_env *env, struct prune_episode *episode)
{
    static const struct prune_task unlimited = {.name = "unlimited"};
    const struct prune_walk *task = &env->walks[episode->task];
    struct prune_walk **walk = &episode->walks[env->config->tasks[episode->task].network];
    if (*walk == NULL) {
        struct prune_walk *opened;
        ARENA_NEW(&env->arena, opened, 1);
        TRY(prune_walk_open(task->study, &unlimited, &env->config->space, &env->arena, opened));
        *walk = opened;
    }
    memcpy((*walk)->own, task->own, sizeof task->own);
    episode->walk = *walk;
    return OK;
}

static enum status prune_reset(struct env *base, int slot, const struct env_start *start,
                               const struct env_row *row)
{
    struct prune_env *env = prune_env_self(base);
    struct prune_episode *episode = prune_episode_at(env, slot);
    CHECK(start->task >= 0 && start->task < env->config->n_tasks);
    episode->task = start->task;
    episode->imagined = start->imagined;
    episode->pending = false;
    episode->outcome = (struct env_outcome){0};
    TRY(take_walk(env, episode));
    prune_walk_reset(episode->walk, start->budget);
    fill_row(env, episode->walk, row);
    return OK;
}

static void finish(struct prune_episode *episode)
{
    const struct prune_walk *walk = episode->walk;
    struct env_outcome *out = &episode->outcome;
    out->macs = wall_cost(walk->wall, COST_MACS);
    out->params = wall_cost(walk->wall, COST_PARAMS);
    out->bytes = wall_cost(walk->wall, COST_BYTES);
    out->n_result = walk->study->network->groups.n;
    out->result = wall_widths(walk->wall);
    episode->pending = !episode->imagined;
}

static enum status prune_step(struct env *base, int slot, int choice, const struct env_row *row,
                              float *reward, enum env_end *end)
{
    const struct prune_env *env = prune_env_self(base);
    struct prune_episode *episode = prune_episode_at(env, slot);
    struct prune_walk *walk = episode->walk;
    CHECK(walk != NULL && walk->step < walk->study->n_steps);
    prune_walk_decide(walk, choice);
    *reward = 0;
    if (walk->step < walk->study->n_steps) {
        *end = ENV_RUNNING;
        fill_row(env, walk, row);
        return OK;
    }
    finish(episode);
    *end = episode->pending ? ENV_PENDING : ENV_TERMINATED;
    return OK;
}

static void prune_outcome(const struct env *env, int slot, struct env_outcome *out)
{
    *out = prune_episode_at(prune_env_self(env), slot)->outcome;
}

const struct env_ops env_prune = {
    .name = "prune",
    .about = "channel pruning: one step chooses the width of one channel group",
    .options_bytes = sizeof(struct prune_config),
    .open = prune_open,
    .spec = prune_spec,
    .reset = prune_reset,
    .step = prune_step,
    .evaluate = prune_evaluate,
    .outcome = prune_outcome,
    .close = prune_close,
    .candidates = &prune_candidate_ops,
    .network = &prune_network_ops,
};
