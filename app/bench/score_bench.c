#include "app/bench/score_bench.h"

#include "actors/rollout.h"
#include "core/file.h"
#include "envs/env_list.h"
#include "learner/start.h"
#include "nn/calibrate_choice.h"
#include "nn/network_input.h"
#include "run/run_prune.h"
#include "run/run_space_link.h"
#include "run/run_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_DRAWS = 50 }; // per candidate, until there is one that is new

struct opened {
    char folder[32];
    const char **files; // [networks] in it
    struct prune_config prune;
    struct actor_options actors;
    struct rollout *rollout;
    struct run_space_link *link;
};

// Weights of networks that a run has trained lie beside its config, and say themselves on which
// rows.
static enum status find_weights(const struct score_bench *bench, struct network_config *network,
                                struct arena *arena)
{
    const char *slash = strrchr(bench->config_path, '/');
    const int folder = slash != NULL ? (int)(slash - bench->config_path) + 1 : 0;
    if (!run_config_trains(network)) {
        return OK;
    }
    network->weights = arena_format(arena, "%.*snetworks/%s.safetensors", folder,
                                    bench->config_path, network->name);
    network->train_rows = "";
    network->train_further = false;
    if (network->weights == NULL) {
        return ERR_MEMORY;
    }
    if (!file_exists(network->weights)) {
        FAIL(ERR_CONFIG,
             "network \"%s\" is trained by a run, and there is no %s; give it the trained weights, "
             "or "
             "the config.json of a run that has trained it",
             network->name, network->weights);
    }
    return OK;
}

static enum status save_networks(const struct score_bench *bench, struct opened *opened,
                                 struct arena *arena)
{
    const struct run_config *config = &bench->config->run;
    snprintf(opened->folder, sizeof opened->folder, "/tmp/dikdik-bench-XXXXXX");
    if (mkdtemp(opened->folder) == NULL) {
        opened->folder[0] = '\0';
        FAIL(ERR_IO, "no folder for the networks can be made in /tmp");
    }
    ARENA_NEW(arena, opened->files, (size_t)config->networks->n);
    for (int i = 0; i < config->networks->n; i++) {
        struct network_config network = *run_config_network(config, i);
        TRY(find_weights(bench, &network, arena));
        opened->files[i] = arena_format(arena, "%s/%s.safetensors", opened->folder, network.name);
        if (opened->files[i] == NULL) {
            return ERR_MEMORY;
        }
        TRY(run_save_weights(&network, bench->backend, opened->files[i]));
    }
    return OK;
}

// The environment then has what every way of the grid takes: all drawn images, from which the grid
// chooses by itself, and the uncut network's logits for all images.
static void ask_for_everything(const struct score_grid_axes *axes, struct scoring_options *scoring)
{
    int most = axes->full_calibration;
    most = scoring->calibration_pool > most ? scoring->calibration_pool : most;
    for (int i = 0; i < axes->n_calibration; i++) {
        most = axes->calibration[i].images > most ? axes->calibration[i].images : most;
    }
    for (int i = 0; i < axes->n_rewards; i++) {
        scoring->reward =
            axes->rewards[i] == REWARD_DISTILLATION ? REWARD_DISTILLATION : scoring->reward;
    }
    scoring->calibration_images = most;
    scoring->calibration_pool = 0;
    scoring->images = 0;
}

static enum status open_environment(struct score_bench *bench, struct opened *opened)
{
    const struct run_config *config = &bench->config->run;
    TRY(run_prune_config(config, opened->files, &bench->arena, &opened->prune));
    ask_for_everything(&bench->axes, &opened->prune.scoring);
    option_defaults(actor_option_table, &opened->actors);
    const struct rollout_job job = {
        .ops = &env_prune,
        .env = {.config = &opened->prune,
                .seed = config->seed,
                .backend = bench->backend->ops->name,
                .device = config->backend.device,
                .precision = config->backend.precision,
                .profile = config->backend.profile,
                .threads = 1,
                .check = config->backend.check,
                .shared_fd = -1},
        .agent = &config->agent,
        .actor = &opened->actors,
    };
    TRY(rollout_open(&job, &opened->rollout));
    return run_space_link_open(opened->rollout, config->tasks->n, &opened->link);
}

static void close_environment(struct opened *opened)
{
    run_space_link_close(opened->link);
    rollout_close(opened->rollout);
    for (int i = 0; opened->files != NULL && i < opened->prune.n_networks; i++) {
        remove(opened->files[i]);
    }
    if (opened->folder[0] != '\0') {
        rmdir(opened->folder);
    }
}

// Widths of all groups.
static void widths_of(const struct prune_walk *walk, const int16_t *choices, int *widths)
{
    const struct prune_study *study = walk->study;
    for (int g = 0; g < study->network->groups.n; g++) {
        widths[g] = study->network->groups.groups[g].channels;
    }
    for (int s = 0; s < study->n_steps; s++) {
        const int *all;
        (void)wall_choices(walk->wall, study->steps[s], &all);
        widths[study->steps[s]] = all[choices[s]];
    }
}

// Candidates as the search's own first ones, ever more of them, no two alike. n: as many as wanted
// in, as many as were found out.
static enum status draw(const struct score_bench *bench, const struct opened *opened, int task,
                        int *widths, int *n)
{
    const struct prune_walk *walk = prune_env_walk(rollout_env(opened->rollout), task);
    const size_t groups = (size_t)walk->study->network->groups.n;
    const struct start start = {.space = run_space_link_space(opened->link), .kind = START_BOTH};
    const int wanted = *n;
    int16_t choices[TICKET_MOST_GIVEN];
    *n = 0;
    for (int number = 0; *n < wanted && number < wanted * MOST_DRAWS; number++) {
        int *new = widths + (size_t)*n *groups;
        bool known = false;
        start_make(&start, bench->config->run.seed, task, number, choices);
        widths_of(walk, choices, new);
        for (int i = 0; i < *n; i++) {
            known = known || memcmp(widths + (size_t)i * groups, new, groups * sizeof *widths) == 0;
        }
        *n += known ? 0 : 1;
    }
    if (*n < 3) {
        FAIL(ERR_CONFIG,
             "task %s: %d candidates in all, too few to be ranked; a larger budget or "
             "a smaller space.round_to allows more",
             run_config_task(&bench->config->run, task)->name, *n);
    }
    return OK;
}

// Numbers above what there is become that, and no two stay alike.
static void cap(struct score_grid_axes *axes, const struct host_dataset *data)
{
    const int n_images = axes->n_images, n_calibration = axes->n_calibration;
    axes->n_images = axes->n_calibration = 0;
    for (int i = 0; i < n_images; i++) {
        const int images =
            axes->images[i] < data->n_validation ? axes->images[i] : data->n_validation;
        if (axes->n_images == 0 || axes->images[axes->n_images - 1] != images) {
            axes->images[axes->n_images++] = images;
        }
    }
    for (int i = 0; i < n_calibration; i++) {
        struct score_calibration own = axes->calibration[i];
        const struct score_calibration *last =
            axes->n_calibration > 0 ? &axes->calibration[axes->n_calibration - 1] : NULL;
        own.images = own.images < data->n_calibration ? own.images : data->n_calibration;
        if (last == NULL || last->images != own.images || last->chosen != own.chosen) {
            axes->calibration[axes->n_calibration++] = own;
        }
    }
}

// The images of each way to recalibrate, out of those that the environment has drawn.
static enum status choose_images(struct score_bench *bench, const struct prune_study *study,
                                 const struct score_grid_axes *axes, const uint8_t ***out)
{
    const struct host_network *network = study->network;
    const int own_pool = bench->config->run.scoring.calibration_pool;
    const int pool = own_pool > 0 && own_pool < network->subject.n_calibration
                         ? own_pool
                         : network->subject.n_calibration;
    const struct calibrate_pool all = {network_plan_input(&network->subject.info),
                                       network->subject.calibration, pool};
    ARENA_NEW(&bench->arena, *out, (size_t)axes->n_calibration);
    for (int c = 0; c < axes->n_calibration; c++) {
        (*out)[c] = network->subject.calibration;
        if (axes->calibration[c].chosen) {
            TRY(calibrate_choose(bench->backend, &network->graph, network->params, &all,
                                 axes->calibration[c].images, &bench->arena, &(*out)[c]));
        }
    }
    return OK;
}

static enum status measure_task(struct score_bench *bench, const struct opened *opened, int task,
                                struct progress *progress)
{
    const struct run_config *config = &bench->config->run;
    const struct prune_walk *walk = prune_env_walk(rollout_env(opened->rollout), task);
    struct score_bench_task *out = &bench->tasks[task];
    struct score_grid_axes *axes;
    const uint8_t **calibration;
    int *widths, n = bench->config->candidates;
    ARENA_NEW(&bench->arena, axes, 1);
    ARENA_NEW(&bench->arena, widths, (size_t)n * (size_t)walk->study->network->groups.n);
    TRY(draw(bench, opened, task, widths, &n));
    *axes = bench->axes;
    cap(axes, walk->study->network->subject.images);
    TRY(choose_images(bench, walk->study, axes, &calibration));
    const struct score_grid_job job = {.backend = bench->backend,
                                       .scoring = &config->scoring,
                                       .study = walk->study,
                                       .n = n,
                                       .widths = widths,
                                       .axes = axes,
                                       .calibration = calibration,
                                       .progress = progress};
    out->name = run_config_task(config, task)->name;
    TRY(score_grid_run(&job, &bench->arena, &out->grid));
    const enum scoring_dtype dtype = config->scoring.dtype;
    out->own =
        score_grid_own(&out->grid, &config->scoring, walk->study,
                       dtype == SCORING_INT8 || (dtype == SCORING_AUTO && bench->backend->int8));
    bench->n_tasks++;
    return OK;
}

static enum status measure_tasks(struct score_bench *bench, const struct opened *opened)
{
    const int n = bench->config->run.tasks->n;
    struct progress progress;
    enum status code = OK;
    ARENA_NEW(&bench->arena, bench->tasks, (size_t)n);
    progress_begin(&progress, "bench score", "candidates", (int64_t)n * bench->config->candidates);
    for (int task = 0; task < n && code == OK; task++) {
        code = measure_task(bench, opened, task, &progress);
    }
    progress_end(&progress);
    return code;
}

enum status score_bench_measure(struct score_bench *bench)
{
    struct opened opened = {0};
    if (!run_config_designs(&bench->config->run) ||
        env_find(bench->config->run.environment) != &env_prune) {
        FAIL(ERR_CONFIG, "bench score: candidates of environment prune are scored, not of \"%s\"",
             bench->config->run.environment);
    }
    enum status code = save_networks(bench, &opened, &bench->arena);
    if (code == OK) {
        code = open_environment(bench, &opened);
    }
    if (code == OK) {
        code = measure_tasks(bench, &opened);
    }
    close_environment(&opened);
    return code;
}

void score_bench_close(struct score_bench *bench)
{
    backend_close(bench->backend);
    arena_close(&bench->arena);
}
