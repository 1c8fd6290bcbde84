#include "run/run_space_link.h"

#include "envs/candidate_env.h"

#include <stdlib.h>

struct run_space_link {
    struct arena arena;
    struct rollout *rollout; // borrowed
    struct env *env;         // borrowed, of the rollout
    struct candidate_task *tasks;
    struct candidate_space space;
};

static bool holds(void *context, int task, const int16_t *choices)
{
    const struct run_space_link *link = context;
    return link->env->ops->candidates->holds(link->env, task, choices);
}

static double use(void *context, int task, const int16_t *choices)
{
    const struct run_space_link *link = context;
    return link->env->ops->candidates->use(link->env, task, choices);
}

static void losses(void *context, int task, const int16_t *choices, double *losses)
{
    const struct run_space_link *link = context;
    link->env->ops->candidates->losses(link->env, task, choices, losses);
}

static bool suggest(void *context, int task, int number, int16_t *choices)
{
    const struct run_space_link *link = context;
    const struct candidate_env_ops *ops = link->env->ops->candidates;
    return ops->suggest != NULL && ops->suggest(link->env, task, number, choices);
}

static void canonical(void *context, int task, int16_t *choices)
{
    const struct run_space_link *link = context;
    link->env->ops->candidates->canonical(link->env, task, choices);
}

static double value(void *context, int task, int64_t episode, const int16_t *choices,
                    double quality)
{
    const struct run_space_link *link = context;
    return link->env->ops->candidates->value(link->env, task, episode, choices, quality);
}

static enum status imagine(void *context, const struct ticket *ticket, const float *weights,
                           size_t n, void *block)
{
    const struct run_space_link *link = context;
    CHECK(ticket->kind == TICKET_IMAGINED);
    if (weights != NULL) {
        TRY(rollout_load_imagining(link->rollout, weights, n));
    }
    return rollout_run(link->rollout, ticket, 1, block);
}

static enum status list_tasks(struct run_space_link *link, int n_tasks)
{
    const struct candidate_env_ops *ops = link->env->ops->candidates;
    ARENA_NEW(&link->arena, link->tasks, (size_t)n_tasks);
    int n_models = 0;
    for (int i = 0; i < n_tasks; i++) {
        struct candidate_env_space task;
        ops->space(link->env, i, &task);
        if (task.steps > TICKET_MOST_GIVEN) {
            FAIL(ERR_UNSUPPORTED, "episodes of %d steps, at most %d", task.steps,
                 TICKET_MOST_GIVEN);
        }
        link->tasks[i] = (struct candidate_task){.model = task.model,
                                                 .family = task.family,
                                                 .steps = task.steps,
                                                 .n_choices = task.n_choices,
                                                 .position = task.position,
                                                 .categorical = task.categorical,
                                                 .least = task.least,
                                                 .budget = task.budget,
                                                 .draws = task.draws,
                                                 .whole = {task.whole.of[NAS_COST_MACS],
                                                           task.whole.of[NAS_COST_PARAMS],
                                                           task.whole.of[NAS_COST_BYTES]}};
        n_models = task.model >= n_models ? task.model + 1 : n_models;
    }
    link->space = (struct candidate_space){.context = link,
                                           .n_tasks = n_tasks,
                                           .n_models = n_models,
                                           .tasks = link->tasks,
                                           .noise = ops->noise(link->env),
                                           .holds = holds,
                                           .use = use,
                                           .losses = ops->losses != NULL ? losses : NULL,
                                           .suggest = suggest,
                                           .canonical = ops->canonical != NULL ? canonical : NULL,
                                           .value = ops->value != NULL ? value : NULL,
                                           .imagine = imagine};
    return OK;
}

enum status run_space_link_open(struct rollout *rollout, int n_tasks, struct run_space_link **out)
{
    struct run_space_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        FAIL(ERR_MEMORY, "no memory for the space of candidates");
    }
    link->rollout = rollout;
    link->env = rollout_env(rollout);
    const enum status code = list_tasks(link, n_tasks);
    if (code != OK) {
        run_space_link_close(link);
        return code;
    }
    *out = link;
    return OK;
}

bool run_space_link_steps_of(const struct run_space_link *link, int task, const int32_t *result,
                             int n, int16_t *choices)
{
    return link->env->ops->candidates->steps_of(link->env, task, result, n, choices);
}

bool run_space_link_truth(const struct run_space_link *link, int task, const char **name,
                          double *best)
{
    const struct candidate_env_ops *ops = link->env->ops->candidates;
    if (ops->truth != NULL) {
        ops->truth(link->env, task, name, best);
    }
    return ops->truth != NULL;
}

bool run_space_link_words(const struct run_space_link *link, const int32_t *result, int n,
                          char *out, size_t bytes)
{
    const struct candidate_env_ops *ops = link->env->ops->candidates;
    if (ops->words != NULL) {
        ops->words(link->env, result, n, out, bytes);
    }
    return ops->words != NULL;
}

const struct candidate_space *run_space_link_space(const struct run_space_link *link)
{
    return link != NULL ? &link->space : NULL;
}

void run_space_link_close(struct run_space_link *link)
{
    if (link != NULL) {
        arena_close(&link->arena);
        free(link);
    }
}
