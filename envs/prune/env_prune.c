// The environment itself: tasks, steps, the outcome, and what the stages after a search ask for.
#include "core/hash.h"
#include "envs/env_list.h"
#include "envs/network_env.h"
#include "envs/prune/prune.h"
#include "envs/prune/prune_features.h"
#include "envs/prune/prune_score.h"
#include "envs/prune/prune_space.h"
#include "nn/calibrate_params.h"
#include "nn/network_input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Training images beyond those of the host, kept for the next candidate.
struct more_images {
    uint8_t *images; // NULL: none yet; arena
    int wanted, n;   // asked for; there are
};
struct prune_env {
    struct env base;
    const struct prune_config *config; // borrowed
    struct scoring_options scoring;    // the config's, its dtype resolved
    uint64_t seed;
    struct backend *backend; // owned
    struct arena arena;
    struct host_data host;
    struct prune_study *studies; // [n_networks] arena
    struct prune_walk *walks;    // [n_tasks] arena
    struct more_images *more;    // [host.n_datasets] arena
    struct env_spec spec;
    int task;      // of the episode
    bool imagined; // likewise
    struct env_outcome outcome;
};

static const struct prune_env *self_const(const struct env *env)
{
    CHECK(env->ops == &env_prune);
    return (const struct prune_env *)(const void *)env;
}

static struct prune_env *self(struct env *env)
{
    CHECK(env->ops == &env_prune);
    return (struct prune_env *)(void *)env;
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
        const enum status code = prune_study_open(network, &env->host.datasets[network->data],
                                                  &config->space, &env->arena, &env->studies[n]);
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

static void prune_close(struct env *base)
{
    if (base == NULL) {
        return;
    }
    struct prune_env *env = self(base);
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
    const struct backend_options options = {
        .threads = job->threads, .check = job->check, .device = job->device, .turn = job->turn};
    const char *backend = job->backend != NULL ? job->backend : "cpu";
    TRY(backend_open(backend, &options, &env->backend));
    env->scoring = config->scoring;
    if (env->scoring.dtype == SCORING_AUTO) {
        const bool int8 =
            job->int8 == ENV_INT8_ON || (job->int8 == ENV_INT8_OWN && env->backend->int8);
        env->scoring.dtype = int8 ? SCORING_INT8 : SCORING_FLOAT32;
    }
    TRY(host_data_open(config, job->seed, env->backend, job->shared_fd, &env->arena, &env->host));
    ARENA_NEW(&env->arena, env->more, (size_t)env->host.n_datasets);
    TRY(open_studies(env));
    return open_walks(env);
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
    *out = self_const(env)->spec;
}

// What the agent sees before the walk's next step. Rows are written whole, so that equal episodes
// are equal bytes.
static void fill_row(const struct prune_env *env, const struct env_row *row)
{
    const struct prune_walk *walk = &env->walks[env->task];
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

static enum status prune_reset(struct env *base, const struct env_start *start,
                               const struct env_row *row)
{
    struct prune_env *env = self(base);
    CHECK(start->task >= 0 && start->task < env->config->n_tasks);
    env->task = start->task;
    env->imagined = start->imagined;
    env->outcome = (struct env_outcome){0};
    prune_walk_reset(&env->walks[start->task], start->budget);
    fill_row(env, row);
    return OK;
}

// Networks count, not tasks: with other budgets the same widths are as accurate.
static uint64_t score_key(const struct prune_env *env, const int *widths, int n)
{
    const int network = env->config->tasks[env->task].network;
    const uint64_t hash = hash_bytes(HASH_BEGIN, &network, sizeof network);
    return hash_bytes(hash, widths, (size_t)n * sizeof *widths);
}

static enum status score_candidate(struct prune_env *env, const struct prune_study *study,
                                   const int *widths, float *reward)
{
    const struct scoring_options *scoring = &env->scoring;
    const struct prune_scorer scorer = {.backend = env->backend, .scoring = scoring};
    const uint64_t key = score_key(env, widths, study->network->groups.n);
    struct env_outcome *out = &env->outcome;
    struct cached_score score = {0};
    out->cached = score_cache_find(env->host.cache, key, &score);
    if (!out->cached) {
        TRY(prune_score_widths(&scorer, study, widths, &score, &out->arithmetic_seconds));
        score_cache_add(env->host.cache, key, &score);
    }
    out->score = (double)score.right / (double)prune_score_images(scoring, study->data);
    out->diverged = score.diverged;
    *reward = (float)prune_reward(scoring, study, &score);
    return OK;
}

static enum status finish(struct prune_env *env, float *reward)
{
    const struct prune_walk *walk = &env->walks[env->task];
    struct env_outcome *out = &env->outcome;
    out->macs = wall_cost(walk->wall, COST_MACS);
    out->params = wall_cost(walk->wall, COST_PARAMS);
    out->n_result = walk->study->network->groups.n;
    out->result = wall_widths(walk->wall);
    return env->imagined ? OK : score_candidate(env, walk->study, out->result, reward);
}

static enum status prune_step(struct env *base, int choice, const struct env_row *row,
                              float *reward, enum env_end *end)
{
    struct prune_env *env = self(base);
    struct prune_walk *walk = &env->walks[env->task];
    CHECK(walk->step < walk->study->n_steps);
    prune_walk_decide(walk, choice);
    *reward = 0;
    *end = ENV_RUNNING;
    if (walk->step < walk->study->n_steps) {
        fill_row(env, row);
        return OK;
    }
    TRY(finish(env, reward));
    *end = ENV_TERMINATED;
    return OK;
}

static void prune_outcome(const struct env *env, struct env_outcome *out)
{
    *out = self_const(env)->outcome;
}

struct prune_walk *prune_env_walk(const struct env *env, int task)
{
    const struct prune_env *prune = self_const(env);
    CHECK(task >= 0 && task < prune->config->n_tasks);
    return &prune->walks[task];
}

const struct prune_config *prune_env_config(const struct env *env)
{
    return self_const(env)->config;
}

static void prune_facts(const struct env *env, int task, struct network_task_facts *out)
{
    const struct prune_walk *walk = prune_env_walk(env, task);
    *out = (struct network_task_facts){
        .full_macs = walk->study->full[COST_MACS],
        .full_params = walk->study->full[COST_PARAMS],
        .most_macs = walk->own[COST_MACS],
        .most_params = walk->own[COST_PARAMS],
        .base_accuracy = walk->study->network->base_accuracy,
        .n_steps = walk->study->n_steps,
        .unseen = walk->study->network->train_rows.known,
    };
}

// Recalibrates on the host's images, or, when those are too few, on images read anew.
static enum status recalibrate(struct prune_env *env, int task, int images, struct network *network)
{
    const struct prune_study *study = env->walks[task].study;
    struct calibration calibration = {
        .input = network_plan_input(&network->info),
        .images = study->data->calibration,
        .n = images,
        .batchnorm = true,
    };
    if (images > study->data->n_calibration) {
        struct more_images *more = &env->more[study->network->data];
        if (more->wanted != images) {
            more->n = images;
            TRY(host_data_sample(env->config, &env->host, env->config->tasks[task].network,
                                 env->seed, &env->arena, &more->images, &more->n));
            more->wanted = images;
        }
        calibration.images = more->images;
        calibration.n = more->n;
    }
    return calibrate_params(env->backend, &network->graph, network->params, &calibration);
}

static enum status prune_build(struct env *env, int task, const int32_t *widths, int images,
                               struct network *out)
{
    const struct prune_study *study = prune_env_walk(env, task)->study;
    struct network network = {.info = study->network->info};
    TRY(prune_cut(study, widths, &network.graph, &network.params));
    enum status code = row_set_copy(&study->network->train_rows, &network.train_rows);
    if (code == OK) {
        code = network_note_whole(&network, &study->network->graph, study->network->whole);
    }
    if (code == OK) {
        code = recalibrate(self(env), task, images, &network);
    }
    if (code != OK) {
        network_close(&network);
        return code;
    }
    *out = network;
    return OK;
}

static enum status prune_score(struct env *env, int task, const struct network *network,
                               struct network_score *out)
{
    const struct host_dataset *data = prune_env_walk(env, task)->study->data;
    const struct score_request request = {.graph = &network->graph,
                                          .params = network->params,
                                          .info = &network->info,
                                          .data = data,
                                          .images = data->n_validation};
    struct score score;
    TRY(prune_score_params(self(env)->backend, &request, &score));
    *out = (struct network_score){
        .accuracy = isfinite(score.loss) ? (double)score.right / (double)score.images : 0,
        .loss = score.loss / (double)score.images,
    };
    return OK;
}

static void prune_describe(const int32_t *widths, int n, struct json_writer *out)
{
    json_write_begin(out, '[', "widths");
    for (int i = 0; i < n; i++) {
        json_write_int(out, NULL, widths[i]);
    }
    json_write_end(out, ']');
}

static const struct network_env_ops network_ops = {
    .check_tasks = prune_check_tasks,
    .check_images = prune_check_images,
    .facts = prune_facts,
    .build = prune_build,
    .score = prune_score,
    .space = prune_space_task,
    .use = prune_space_use,
    .holds = prune_space_holds,
    .losses = prune_space_losses,
    .steps_of = prune_space_steps_of,
    .suggest = prune_space_suggest,
    .noise = prune_space_noise,
    .describe = prune_describe,
};

const struct env_ops env_prune = {
    .name = "prune",
    .about = "channel pruning: one step chooses the width of one channel group",
    .options_bytes = sizeof(struct prune_config),
    .open = prune_open,
    .spec = prune_spec,
    .reset = prune_reset,
    .step = prune_step,
    .outcome = prune_outcome,
    .close = prune_close,
    .network = &network_ops,
};
