// Local search per task: the best candidate's neighbours one after the other, and the first that is
// better takes its place. It starts from what is known, of other tasks of its model as well; when
// nothing better has come for long, it starts anew from somewhere else, on its own.
#include "learner/candidates.h"
#include "learner/methods/method_simple.h"
#include "learner/methods/trials.h"

#include <stdlib.h>

static const double restart_deviation = 0.5; // of the logarithm of a step's share
enum { PATIENCE = 4, LEAST_PATIENCE = 24 };  // fruitless neighbours, PATIENCE for each step

struct local {
    struct method base;
    struct arena arena;
    struct trials trials;
    uint64_t seed;
    int n_tasks;
    int64_t *began; // [n_tasks] first episode of the climb, 0 = the first climb
};

static void local_close(struct method *method)
{
    struct local *l = (struct local *)method;
    if (l != NULL) {
        arena_close(&l->arena);
        free(l);
    }
}

static enum status open_parts(struct local *l, const struct method_job *job)
{
    TRY(trials_open(job, &l->arena, &l->trials));
    ARENA_NEW(&l->arena, l->began, (size_t)job->n_tasks);
    return OK;
}

static enum status local_open(const struct method_job *job, struct method **out)
{
    TRY(method_wants_space(job, "local"));
    struct local *l = calloc(1, sizeof *l);
    if (l == NULL) {
        FAIL(ERR_MEMORY, "no memory for local search");
    }
    l->base.ops = &method_local;
    l->seed = job->seed;
    l->n_tasks = job->n_tasks;
    if (open_parts(l, job) != OK) {
        local_close(&l->base);
        return ERR_MEMORY;
    }
    *out = &l->base;
    return OK;
}

// The best trial of the task's climb, -1 = none; *fruitless: its own ones that came after that.
static int find_current(const struct local *l, int task, int *fruitless)
{
    const struct trials *trials = &l->trials;
    int best = -1;
    *fruitless = 0;
    for (int i = 0; i < *trials->n; i++) {
        const bool own = trials->task[i] == task;
        if (trials->episode[i] < l->began[task] || (!own && l->began[task] > 0)) {
            continue;
        }
        if ((best < 0 || trials->reward[i] > trials->reward[best]) &&
            trials_holds(trials, i, task)) {
            best = i;
            *fruitless = 0;
        } else {
            *fruitless += own ? 1 : 0;
        }
    }
    return best;
}

static void local_propose(struct method *method, struct ticket *ticket)
{
    struct local *l = (struct local *)method;
    const struct candidate_space *space = l->trials.space;
    const int task = ticket->task, patience = PATIENCE * space->tasks[task].steps;
    struct rng rng = rng_make(l->seed, RNG_PROPOSE, (uint64_t)ticket->episode, 0);
    int fruitless;
    int current = find_current(l, task, &fruitless);
    if (current >= 0 && fruitless >= (patience > LEAST_PATIENCE ? patience : LEAST_PATIENCE)) {
        l->began[task] = ticket->episode;
        current = -1;
    }
    if (current >= 0) {
        trials_vary(&l->trials, task, &rng, trials_choices(&l->trials, current),
                    rng_below(&rng, 2) == 0, ticket->given);
    } else {
        candidate_near_uniform(space, task, restart_deviation, &rng, ticket->given);
    }
    trials_propose(&l->trials, ticket->given, ticket);
}

static enum status local_take(struct method *method, const struct trajectory *t, bool fresh)
{
    trials_take(&((struct local *)method)->trials, t, fresh);
    return OK;
}

static enum status local_state(struct method *method, struct state_list *list)
{
    struct local *l = (struct local *)method;
    trials_state(&l->trials, list);
    state_list_add_within(list, "local.began", HDF5_I64, (size_t)l->n_tasks, l->began, 0,
                          STATE_COUNT_MAX);
    return OK;
}

static enum status local_load(struct method *method)
{
    return trials_load(&((struct local *)method)->trials);
}

const struct method_ops method_local = {
    .name = "local",
    .open = local_open,
    .propose = local_propose,
    .take = local_take,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = local_state,
    .save = method_no_save,
    .load = local_load,
    .close = local_close,
};
