// What is known of a task's candidates without trying any. A candidate is its canonical choice.
#include "envs/nas/nas_env.h"
#include "envs/nas/nas_suggest.h"
#include "envs/scoring/scoring_reward.h"

#include <math.h>
#include <string.h>

// Tasks whose steps and choices mean the same, whatever the data set: one space with one set of
// options, or one that differs in nothing an agent would see.
static bool same_decisions(const struct nas_space *a, const struct nas_space *b)
{
    bool same = a->type == b->type && a->n_decisions == b->n_decisions;
    for (int d = 0; same && d < a->n_decisions; d++) {
        const struct nas_decision *x = &a->decisions[d], *y = &b->decisions[d];
        same = strcmp(x->name, y->name) == 0 && x->role == y->role &&
               x->n_choices == y->n_choices &&
               memcmp(x->values, y->values, (size_t)x->n_choices * sizeof *x->values) == 0;
    }
    return same;
}

void nas_env_find_models(struct nas_env *env)
{
    int n_models = 0, n_families = 0;
    for (int t = 0; t < env->config->n_tasks; t++) {
        env->model[t] = env->family[t] = -1;
        for (int u = 0; u < t; u++) {
            if (env->config->tasks[u].network == env->config->tasks[t].network &&
                objective_same(&env->walks[u].objective, &env->walks[t].objective)) {
                env->model[t] = env->model[u];
            }
            if (same_decisions(env->walks[u].study->space, env->walks[t].study->space)) {
                env->family[t] = env->family[u];
            }
        }
        env->model[t] = env->model[t] < 0 ? n_models++ : env->model[t];
        env->family[t] = env->family[t] < 0 ? n_families++ : env->family[t];
    }
}

static void describe(const struct env *base, int task, struct candidate_env_space *out)
{
    const struct nas_env *env = nas_env_self(base);
    const struct nas_walk *walk = nas_env_walk(base, task);
    const struct nas_study *study = walk->study;
    *out = (struct candidate_env_space){.model = env->model[task],
                                        .family = env->family[task],
                                        .steps = study->space->n_decisions,
                                        .n_choices = study->n_choices,
                                        .position = study->position,
                                        .least = study->cheapest,
                                        .budget = 1,
                                        .draws = walk->objective.draws != OBJECTIVE_DRAWS_NOTHING,
                                        .whole = study->full};
    if (study->any_categorical) {
        out->categorical = study->categorical;
    }
    for (int k = 0; k < COST_KINDS; k++) {
        if (walk->own.of[k] != INT64_MAX) {
            out->budget = fmin(out->budget, (double)walk->own.of[k] / (double)study->full.of[k]);
        }
    }
}

static double use(struct env *env, int task, const int16_t *steps)
{
    const struct nas_walk *walk = nas_env_walk(env, task);
    struct nas_cost cost;
    double use = 0;
    nas_study_cost(walk->study, steps, &cost);
    for (int k = 0; k < COST_KINDS; k++) {
        if (walk->own.of[k] != INT64_MAX) {
            use = fmax(use, (double)cost.of[k] / (double)walk->own.of[k]);
        }
    }
    return use;
}

static bool holds(struct env *env, int task, const int16_t *steps)
{
    const struct nas_walk *walk = nas_env_walk(env, task);
    struct nas_cost cost;
    nas_study_cost(walk->study, steps, &cost);
    return nas_cost_within(&cost, &walk->own);
}

static bool suggest(struct env *env, int task, int number, int16_t *steps)
{
    return nas_suggest(nas_env_walk(env, task), number, steps);
}

static void canonical(struct env *env, int task, int16_t *steps)
{
    nas_space_canonical(nas_env_walk(env, task)->study->space, steps);
}

static bool steps_of(struct env *env, int task, const int32_t *choice, int n, int16_t *steps)
{
    const struct nas_space *space = nas_env_walk(env, task)->study->space;
    int16_t same[NAS_MOST_DECISIONS];
    if (n != space->n_decisions) {
        return false;
    }
    for (int d = 0; d < n; d++) {
        if (choice[d] < 0 || choice[d] >= space->decisions[d].n_choices) {
            return false;
        }
        steps[d] = same[d] = (int16_t)choice[d];
    }
    nas_space_canonical(space, same);
    return memcmp(same, steps, (size_t)n * sizeof *steps) == 0;
}

static double value(struct env *base, int task, int64_t episode, const int16_t *steps,
                    double quality)
{
    const struct nas_env *env = nas_env_self(base);
    const struct nas_walk *walk = nas_env_walk(base, task);
    struct objective objective = walk->objective;
    struct nas_cost cost;
    if (episode >= 0) {
        objective_of_episode(&walk->objective, env->seed, episode, &objective);
    }
    nas_study_cost(walk->study, steps, &cost);
    return objective_reward(&objective, quality, &cost);
}

static double noise(const struct env *base)
{
    const struct nas_env *env = nas_env_self(base);
    double least = INFINITY;
    for (int t = 0; t < env->config->n_tasks; t++) {
        const struct host_dataset *data = nas_env_network(env, t)->subject.images;
        least = fmin(least, scoring_reward_noise(&env->config->scoring, data));
    }
    return least;
}

const struct candidate_env_ops nas_candidate_ops = {
    .space = describe,
    .use = use,
    .holds = holds,
    .suggest = suggest,
    .canonical = canonical,
    .steps_of = steps_of,
    .value = value,
    .noise = noise,
};
