#include "envs/prune/prune_space.h"

#include "envs/prune/prune_suggest.h"
#include "envs/scoring/scoring_reward.h"

#include <math.h>

static void describe(const struct env *env, int task, struct candidate_env_space *out)
{
    const struct prune_walk *walk = prune_env_walk(env, task);
    const struct prune_study *study = walk->study;
    const int network = prune_env_config(env)->tasks[task].network;
    *out = (struct candidate_env_space){.model = network,
                                        .family = network,
                                        .steps = study->n_steps,
                                        .n_choices = study->n_choices,
                                        .position = study->position,
                                        .budget = 1};
    for (int k = 0; k < COST_KINDS; k++) {
        out->whole.of[k] = study->full[k];
        if (walk->own[k] != INT64_MAX) {
            out->budget = fmin(out->budget, (double)walk->own[k] / (double)study->full[k]);
        }
    }
}

// Widths of all groups, in the walk's scratch.
static const int *widths_of(const struct prune_walk *walk, const int16_t *choices)
{
    const struct prune_study *study = walk->study;
    const struct groups *groups = &study->network->groups;
    for (int g = 0; g < groups->n; g++) {
        walk->scratch[g] = groups->groups[g].channels;
    }
    for (int s = 0; s < study->n_steps; s++) {
        const int *widths, n = wall_choices(walk->wall, study->steps[s], &widths);
        CHECK(choices[s] >= 0 && choices[s] < n);
        walk->scratch[study->steps[s]] = widths[choices[s]];
    }
    return walk->scratch;
}

static double use(struct env *env, int task, const int16_t *choices)
{
    const struct prune_walk *walk = prune_env_walk(env, task);
    const int *widths = widths_of(walk, choices);
    double use = 0;
    for (int k = 0; k < COST_KINDS; k++) {
        if (walk->own[k] != INT64_MAX) {
            const int64_t total = cost_model_total(walk->study->models[k], widths);
            use = fmax(use, (double)total / (double)walk->own[k]);
        }
    }
    return use;
}

static bool holds(struct env *env, int task, const int16_t *choices)
{
    const struct prune_walk *walk = prune_env_walk(env, task);
    const int *widths = widths_of(walk, choices);
    for (int k = 0; k < COST_KINDS; k++) {
        if (walk->own[k] != INT64_MAX &&
            cost_model_total(walk->study->models[k], widths) > walk->own[k]) {
            return false;
        }
    }
    return true;
}

static void losses(struct env *env, int task, const int16_t *choices, double *losses)
{
    const struct prune_walk *walk = prune_env_walk(env, task);
    const struct prune_study *study = walk->study;
    const int *widths = widths_of(walk, choices);
    for (int s = 0; s < study->n_steps; s++) {
        const int group = study->steps[s];
        losses[s] = prune_error_at(study->network, study->first[s], group, widths[group]);
    }
}

static bool steps_of(struct env *env, int task, const int32_t *widths, int n, int16_t *choices)
{
    const struct prune_walk *walk = prune_env_walk(env, task);
    const struct prune_study *study = walk->study;
    if (n != study->network->groups.n) {
        return false;
    }
    for (int s = 0; s < study->n_steps; s++) {
        const int *legal, n_legal = wall_choices(walk->wall, study->steps[s], &legal);
        int at = 0;
        while (at < n_legal && legal[at] != widths[study->steps[s]]) {
            at++;
        }
        if (at == n_legal) {
            return false;
        }
        choices[s] = (int16_t)at;
    }
    const int *all = widths_of(walk, choices);
    for (int g = 0; g < n; g++) {
        if (all[g] != widths[g]) {
            return false;
        }
    }
    return true;
}

static bool suggest(struct env *env, int task, int number, int16_t *choices)
{
    return prune_suggest(prune_env_walk(env, task), number, choices);
}

static double noise(const struct env *env)
{
    const struct prune_config *config = prune_env_config(env);
    double least = INFINITY;
    for (int t = 0; t < config->n_tasks; t++) {
        const struct host_dataset *data = prune_env_walk(env, t)->study->network->subject.images;
        least = fmin(least, scoring_reward_noise(&config->scoring, data));
    }
    return least;
}

const struct candidate_env_ops prune_candidate_ops = {
    .space = describe,
    .use = use,
    .holds = holds,
    .losses = losses,
    .suggest = suggest,
    .steps_of = steps_of,
    .noise = noise,
};
