// Copying, which a search that shares results between tasks has to beat: what is best in the other
// tasks of the family is tried first, of the most searched task before the others; where nothing
// is left to copy, it is local search.
#include "learner/candidates.h"
#include "learner/methods/climb.h"
#include "learner/methods/method_simple.h"

#include <stdlib.h>
#include <string.h>

// Of each task the best fifth is copied, so that tasks that are searched side by side do not just
// repeat each other.
enum { MOST_COPIED = 20, SHARE_COPIED = 5 };

struct copy {
    struct method base;
    struct arena arena;
    struct trials trials;
    struct climb climb;
    uint64_t seed;
    int n_tasks;
    int *counts; // [n_tasks] scratch
};

static void copy_close(struct method *method)
{
    struct copy *c = (struct copy *)method;
    if (c != NULL) {
        arena_close(&c->arena);
        free(c);
    }
}

static enum status open_parts(struct copy *c, const struct method_job *job)
{
    TRY(trials_open(job, &c->arena, &c->trials));
    ARENA_NEW(&c->arena, c->counts, (size_t)job->n_tasks);
    return climb_open(job, &c->trials, &c->arena, &c->climb);
}

static enum status copy_open(const struct method_job *job, struct method **out)
{
    TRY(method_wants_space(job, "copy"));
    struct copy *c = calloc(1, sizeof *c);
    if (c == NULL) {
        FAIL(ERR_MEMORY, "no memory for copying");
    }
    c->base.ops = &method_copy;
    c->seed = job->seed;
    c->n_tasks = job->n_tasks;
    if (open_parts(c, job) != OK) {
        copy_close(&c->base);
        return ERR_MEMORY;
    }
    *out = &c->base;
    return OK;
}

static void count_trials(struct copy *c)
{
    memset(c->counts, 0, (size_t)c->n_tasks * sizeof *c->counts);
    for (int i = 0; i < *c->trials.n; i++) {
        c->counts[c->trials.task[i]]++;
    }
}

// The best of the task's trials that another task of its family can have and nobody has tried
// there.
static bool copy_from(const struct copy *c, int source, int task, int16_t *choices)
{
    const struct candidate_space *space = c->trials.space;
    int best[MOST_COPIED];
    const int share = c->counts[source] / SHARE_COPIED;
    const int most = share < 1 ? 1 : share < MOST_COPIED ? share : MOST_COPIED;
    const int n = trials_best_of(&c->trials, source, most, best);
    for (int i = 0; i < n; i++) {
        memcpy(choices, trials_choices(&c->trials, best[i]),
               (size_t)space->tasks[task].steps * sizeof *choices);
        candidate_canonical(space, task, choices);
        if (space->holds(space->context, task, choices) &&
            !trials_known(&c->trials, task, choices)) {
            return true;
        }
    }
    return false;
}

// Tasks in the order of how much they were searched, the earlier of equals first.
static int next_source(const struct copy *c, int task, int last)
{
    const struct candidate_task *tasks = c->trials.space->tasks;
    int next = -1;
    for (int i = 0; i < c->n_tasks; i++) {
        const bool later = last < 0 || c->counts[i] < c->counts[last] ||
                           (c->counts[i] == c->counts[last] && i > last);
        if (later && i != task && tasks[i].family == tasks[task].family &&
            (next < 0 || c->counts[i] > c->counts[next])) {
            next = i;
        }
    }
    return next;
}

static void copy_propose(struct method *method, struct ticket *ticket)
{
    struct copy *c = (struct copy *)method;
    bool copied = false;
    count_trials(c);
    for (int source = next_source(c, ticket->task, -1); source >= 0 && !copied;
         source = next_source(c, ticket->task, source)) {
        copied = copy_from(c, source, ticket->task, ticket->given);
    }
    if (!copied) {
        climb_propose(&c->climb, c->seed, ticket, ticket->given);
    }
    trials_propose(&c->trials, ticket->given, ticket);
}

static enum status copy_take(struct method *method, const struct trajectory *t, bool fresh)
{
    trials_take(&((struct copy *)method)->trials, t, fresh);
    return OK;
}

static enum status copy_state(struct method *method, struct state_list *list)
{
    struct copy *c = (struct copy *)method;
    trials_state(&c->trials, list);
    climb_state(&c->climb, list);
    return OK;
}

static enum status copy_load(struct method *method)
{
    return trials_load(&((struct copy *)method)->trials);
}

const struct method_ops method_copy = {
    .name = "copy",
    .open = copy_open,
    .propose = copy_propose,
    .take = copy_take,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = copy_state,
    .save = method_no_save,
    .load = copy_load,
    .close = copy_close,
};
