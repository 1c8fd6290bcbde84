// Local search per task: the best candidate's neighbours one after the other, and the first that is
// better takes its place. It starts from what is known, of other tasks of its model as well; when
// nothing better has come for long, it starts anew from somewhere else, on its own.
#include "learner/methods/climb.h"
#include "learner/methods/method_simple.h"

#include <stdlib.h>

struct local {
    struct method base;
    struct arena arena;
    struct trials trials;
    struct climb climb;
    uint64_t seed;
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
    return climb_open(job, &l->trials, &l->arena, &l->climb);
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
    if (open_parts(l, job) != OK) {
        local_close(&l->base);
        return ERR_MEMORY;
    }
    *out = &l->base;
    return OK;
}

static void local_propose(struct method *method, struct ticket *ticket)
{
    struct local *l = (struct local *)method;
    climb_propose(&l->climb, l->seed, ticket, ticket->given);
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
    climb_state(&l->climb, list);
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
