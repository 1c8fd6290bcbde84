// The environment itself: tasks, steps, the outcome.
#include "envs/env_list.h"
#include "envs/nas/nas_env.h"
#include "envs/nas/nas_features.h"

#include <stdlib.h>
#include <string.h>

struct nas_env *nas_env_self(const struct env *env)
{
    CHECK(env->ops == &env_nas);
    return (struct nas_env *)(uintptr_t)env;
}

struct nas_episode *nas_episode_at(const struct nas_env *env, int slot)
{
    CHECK(slot >= 0 && slot < env->slots);
    return &env->episodes[slot];
}

const struct nas_walk *nas_env_walk(const struct env *env, int task)
{
    const struct nas_env *nas = nas_env_self(env);
    CHECK(task >= 0 && task < nas->config->n_tasks);
    return &nas->walks[task];
}

const struct nas_host_network *nas_env_network(const struct nas_env *env, int task)
{
    return &env->host.networks[env->config->tasks[task].network];
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static enum status open_studies(struct nas_env *env)
{
    const struct nas_config *config = env->config;
    ARENA_NEW(&env->arena, env->studies, (size_t)config->n_networks);
    for (int n = 0; n < config->n_networks; n++) {
        TRY(nas_study_open(&env->host.networks[n].supernet.space, &env->arena, &env->studies[n]));
    }
    return OK;
}

static enum status open_walks(struct nas_env *env)
{
    const struct nas_config *config = env->config;
    const size_t n = (size_t)config->n_tasks;
    ARENA_NEW(&env->arena, env->walks, n);
    ARENA_NEW(&env->arena, env->model, n);
    ARENA_NEW(&env->arena, env->family, n);
    env->spec = (struct env_spec){.n_obs = NAS_FEATURE_COUNT, .n_tasks = config->n_tasks};
    for (int t = 0; t < config->n_tasks; t++) {
        const struct nas_task *task = &config->tasks[t];
        CHECK(task->network >= 0 && task->network < config->n_networks);
        const struct nas_study *study = &env->studies[task->network];
        TRY(nas_walk_open(study, task, &env->walks[t]));
        env->spec.n_choices = larger(env->spec.n_choices, study->most_choices);
        env->spec.most_steps = larger(env->spec.most_steps, study->space->n_decisions);
    }
    env->spec.n_result = env->spec.most_steps;
    nas_env_find_models(env);
    return OK;
}

static void nas_close(struct env *base)
{
    if (base == NULL) {
        return;
    }
    struct nas_env *env = nas_env_self(base);
    for (int n = 0; env->studies != NULL && n < env->config->n_networks; n++) {
        nas_study_close(&env->studies[n]);
    }
    nas_host_close(&env->host);
    backend_close(env->backend);
    arena_close(&env->arena);
    free(env);
}

static enum status open_parts(struct nas_env *env, const struct env_job *job)
{
    const struct nas_config *config = env->config;
    if (config->n_networks < 1 || config->n_tasks < 1) {
        FAIL(ERR_CONFIG,
             "architecture search needs at least one network and one task, got %d and %d",
             config->n_networks, config->n_tasks);
    }
    TRY(scoring_open_backend(job, &config->scoring, &env->backend, &env->scoring));
    TRY(nas_host_open(config, job->seed, env->backend, job->shared_fd, &env->arena, &env->host));
    ARENA_NEW(&env->arena, env->more, (size_t)env->host.n_datasets);
    ARENA_NEW(&env->arena, env->episodes, (size_t)env->slots);
    TRY(scoring_evaluation_open(env->slots, &env->arena, &env->evaluation));
    TRY(open_studies(env));
    return open_walks(env);
}

static enum status nas_open(const struct env_job *job, struct env **out)
{
    struct nas_env *env = calloc(1, sizeof *env);
    if (env == NULL) {
        FAIL(ERR_MEMORY, "no memory for an environment");
    }
    env->base.ops = &env_nas;
    env->config = job->config;
    env->seed = job->seed;
    env->slots = job->slots > 0 ? job->slots : 1;
    const enum status code = open_parts(env, job);
    if (code != OK) {
        nas_close(&env->base);
        return code;
    }
    *out = &env->base;
    return OK;
}

static void nas_spec(const struct env *env, struct env_spec *out)
{
    *out = nas_env_self(env)->spec;
}

// What the agent sees before the walk's next step. Rows are written whole, so that equal episodes
// are equal bytes.
static enum status fill_row(const struct nas_env *env, const struct nas_episode *episode,
                            const struct env_row *row)
{
    const struct nas_walk *walk = &episode->walk;
    const struct nas_decision *decision = &walk->study->space->decisions[walk->step];
    const size_t n = (size_t)decision->n_choices, most = (size_t)env->spec.n_choices;
    memset(row->legal, 0, most * sizeof *row->legal);
    memset(row->position, 0, most * sizeof *row->position);
    memcpy(row->position, decision->position, n * sizeof *row->position);
    *row->choices = decision->n_choices;
    *row->categorical = decision->categorical;
    TRY(nas_walk_legal(walk, row->legal));
    nas_features(walk, &nas_env_network(env, episode->task)->subject, row->legal, row->obs);
    return OK;
}

static enum status nas_reset(struct env *base, int slot, const struct env_start *start,
                             const struct env_row *row)
{
    struct nas_env *env = nas_env_self(base);
    struct nas_episode *episode = nas_episode_at(env, slot);
    CHECK(start->task >= 0 && start->task < env->config->n_tasks);
    const struct nas_walk *own = &env->walks[start->task];
    episode->task = start->task;
    episode->begun = true;
    episode->imagined = start->imagined;
    episode->pending = false;
    episode->outcome = (struct env_outcome){0};
    episode->walk = *own;
    nas_walk_reset(&episode->walk, start->budget);
    objective_of_episode(&own->objective, env->seed, start->episode, &episode->walk.objective);
    return fill_row(env, episode, row);
}

static void finish(struct nas_episode *episode)
{
    const struct nas_walk *walk = &episode->walk;
    const int n = walk->study->space->n_decisions;
    struct env_outcome *out = &episode->outcome;
    nas_study_cost(walk->study, walk->choice, &episode->cost);
    for (int d = 0; d < n; d++) {
        episode->result[d] = walk->choice[d];
    }
    out->macs = episode->cost.of[COST_MACS];
    out->params = episode->cost.of[COST_PARAMS];
    out->bytes = episode->cost.of[COST_BYTES];
    out->n_result = n;
    out->result = episode->result;
    episode->pending = !episode->imagined;
}

static enum status nas_step(struct env *base, int slot, int choice, const struct env_row *row,
                            float *reward, enum env_end *end)
{
    const struct nas_env *env = nas_env_self(base);
    struct nas_episode *episode = nas_episode_at(env, slot);
    struct nas_walk *walk = &episode->walk;
    CHECK(episode->begun);
    nas_walk_decide(walk, choice);
    *reward = 0;
    if (walk->step < walk->study->space->n_decisions) {
        *end = ENV_RUNNING;
        return fill_row(env, episode, row);
    }
    finish(episode);
    *end = episode->pending ? ENV_PENDING : ENV_TERMINATED;
    return OK;
}

static void nas_outcome(const struct env *env, int slot, struct env_outcome *out)
{
    *out = nas_episode_at(nas_env_self(env), slot)->outcome;
}

const struct env_ops env_nas = {
    .name = "nas",
    .about = "architecture search in a supernet: one step takes one decision",
    .options_bytes = sizeof(struct nas_config),
    .open = nas_open,
    .spec = nas_spec,
    .reset = nas_reset,
    .step = nas_step,
    .evaluate = nas_evaluate,
    .outcome = nas_outcome,
    .close = nas_close,
    .candidates = &nas_candidate_ops,
    .network = &nas_network_ops,
};
