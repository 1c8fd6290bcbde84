// A trained policy that proposes without learning on: for tasks it has not seen. Where no
// candidates are known beforehand, the first one of each task is the policy's most likely one, the
// others are samples. Elsewhere a reward model (advisor.h) chooses among samples of the policy and
// what is near the best:
//   of a network whose candidates the policy's own run has evaluated the model knows these: first
//   comes what it expects to be best, then what promises most improvement;
//   of another network it knows nothing: first come the environment's own ranking and the policy's
//   most likely candidate, from which the model starts.
#include "learner/methods/imagination.h"
#include "learner/model/advisor.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_RANKING, FIRST_GREEDY, FIRST_BY_MODEL };

struct frozen {
    struct method base;
    struct arena arena;
    float *weights; // [n] arena
    size_t n;
    int32_t *proposed; // [n_tasks] candidates proposed per task; arena
    bool *informed;    // [n_tasks] the model knew the task's network before; arena
    int n_tasks;
    bool sync;
    struct advisor *advisor; // owned; NULL where no candidates are known
    struct imagination imagination;
};

static struct frozen *frozen_of(struct method *method)
{
    return (struct frozen *)method;
}

static void frozen_close(struct method *method)
{
    struct frozen *frozen = frozen_of(method);
    if (frozen != NULL) {
        advisor_close(frozen->advisor);
        arena_close(&frozen->arena);
        free(frozen);
    }
}

static enum status count_weights(const struct agent *agent, size_t *n)
{
    struct graph graph;
    TRY(agent_graph(agent, 1, &graph));
    *n = graph.n_floats;
    graph_close(&graph);
    return OK;
}

static enum status open_model(struct frozen *frozen, const struct method_job *job)
{
    if (!imagination_wanted(job)) {
        return OK;
    }
    TRY(imagination_open_advisor(job, &frozen->advisor));
    for (int i = 0; i < job->n_known; i++) {
        const struct candidate_result *known = &job->known[i];
        advisor_know(frozen->advisor, known->task, known->choices, known->reward);
    }
    advisor_fit(frozen->advisor);
    for (int task = 0; task < frozen->n_tasks; task++) {
        frozen->informed[task] = advisor_knows(frozen->advisor, task);
    }
    return imagination_open(job, frozen->advisor, &frozen->arena, &frozen->imagination);
}

// Samples of the policy for every task, which nothing will change any more.
static enum status imagine(struct frozen *frozen)
{
    for (int task = 0; frozen->advisor != NULL && task < frozen->n_tasks; task++) {
        for (int i = 0; i < IMAGINATION_REMEMBERED; i++) {
            struct trajectory trajectory;
            TRY(imagination_play(&frozen->imagination, task, false, frozen->weights, frozen->n,
                                 &trajectory));
        }
    }
    return OK;
}

static enum status open_parts(struct frozen *frozen, const struct method_job *job)
{
    TRY(count_weights(job->agent, &frozen->n));
    ARENA_NEW(&frozen->arena, frozen->weights, frozen->n);
    ARENA_NEW(&frozen->arena, frozen->proposed, (size_t)job->n_tasks);
    memcpy(frozen->weights, job->initial, frozen->n * sizeof *frozen->weights);
    ARENA_NEW(&frozen->arena, frozen->informed, (size_t)job->n_tasks);
    TRY(open_model(frozen, job));
    return imagine(frozen);
}

static enum status frozen_open(const struct method_job *job, struct method **out)
{
    if (job->initial == NULL) {
        FAIL(ERR_CONFIG, "search.method frozen proposes with a trained policy; name its run folder "
                         "with --policy");
    }
    struct frozen *frozen = calloc(1, sizeof *frozen);
    if (frozen == NULL) {
        FAIL(ERR_MEMORY, "no memory for a policy");
    }
    frozen->base.ops = &method_frozen;
    frozen->n_tasks = job->n_tasks;
    frozen->sync = job->learner->mode == MODE_SYNC;
    const enum status status = open_parts(frozen, job);
    if (status != OK) {
        frozen_close(&frozen->base);
        return status;
    }
    *out = &frozen->base;
    return OK;
}

// The best mean of all, whether somebody has tried it already or not.
static int propose_surest(struct frozen *frozen, struct ticket *ticket)
{
    const int16_t *best;
    const int task = ticket->task;
    double proposed, known;
    struct advisor_wishes wishes = imagination_wishes(&frozen->imagination, task);
    wishes.surest = true;
    const int steps =
        advisor_propose(frozen->advisor, task, ticket->episode, &wishes, ticket->given);
    if (advisor_best(frozen->advisor, task, 1, &best) == 1) {
        advisor_predict(frozen->advisor, task, ticket->given, 1, 0, &proposed, NULL);
        advisor_predict(frozen->advisor, task, best, 1, 0, &known, NULL);
        if (known >= proposed) {
            advisor_lost(frozen->advisor, task, ticket->episode);
            memcpy(ticket->given, best, (size_t)steps * sizeof *best);
        }
    }
    return steps;
}

// Without a model, or before it knows anything.
static void propose_unaided(struct frozen *frozen, int number, struct ticket *ticket)
{
    const struct candidate_space *space = frozen->imagination.space;
    const int greedy = frozen->advisor != NULL ? FIRST_GREEDY : 0;
    ticket->source = number <= greedy ? ACTIONS_GREEDY : ACTIONS_POLICY;
    if (frozen->advisor != NULL && number == FIRST_RANKING &&
        space->suggest(space->context, ticket->task, 1, ticket->given)) {
        ticket->source = ACTIONS_GIVEN;
        ticket->n_given = space->tasks[ticket->task].steps;
    }
}

static void frozen_propose(struct method *method, struct ticket *ticket)
{
    struct frozen *frozen = frozen_of(method);
    const int task = ticket->task, number = frozen->proposed[task]++;
    if (frozen->advisor == NULL || (number < FIRST_BY_MODEL && !frozen->informed[task])) {
        propose_unaided(frozen, number, ticket);
        return;
    }
    ticket->source = ACTIONS_GIVEN;
    if (number == 0) {
        ticket->n_given = propose_surest(frozen, ticket);
    } else {
        const struct advisor_wishes wishes = imagination_wishes(&frozen->imagination, task);
        ticket->n_given =
            advisor_propose(frozen->advisor, task, ticket->episode, &wishes, ticket->given);
    }
}

static enum status frozen_take(struct method *method, const struct trajectory *trajectory,
                               bool fresh)
{
    (void)fresh;
    struct frozen *frozen = frozen_of(method);
    if (frozen->advisor != NULL && trajectory->header->rows > 0) {
        advisor_take(frozen->advisor, trajectory);
    }
    return OK;
}

static void frozen_lost(struct method *method, const struct ticket *ticket)
{
    struct frozen *frozen = frozen_of(method);
    if (frozen->advisor != NULL) {
        advisor_lost(frozen->advisor, ticket->task, ticket->episode);
    }
}

static enum status frozen_update(struct method *method, struct update_row *row)
{
    (void)row;
    struct frozen *frozen = frozen_of(method);
    if (frozen->advisor != NULL) {
        advisor_fit(frozen->advisor);
    }
    return OK;
}

static double frozen_worth(const struct method *method, int task, const int16_t *choices,
                           double reward)
{
    const struct frozen *frozen = (const struct frozen *)method;
    return frozen->advisor != NULL ? advisor_worth(frozen->advisor, task, choices, reward) : reward;
}

static const float *frozen_weights(const struct method *method, size_t *n)
{
    const struct frozen *frozen = (const struct frozen *)method;
    *n = frozen->n;
    return frozen->weights;
}

static enum status frozen_state(struct method *method, struct state_list *list)
{
    struct frozen *frozen = frozen_of(method);
    state_list_add_within(list, "frozen.weights", HDF5_F32, frozen->n, frozen->weights, -FLT_MAX,
                          FLT_MAX);
    state_list_add_within(list, "frozen.proposed", HDF5_I32, (size_t)frozen->n_tasks,
                          frozen->proposed, 0, 1 << 30);
    if (frozen->advisor != NULL) {
        advisor_state(frozen->advisor, list);
        imagination_state(&frozen->imagination, list);
    }
    return OK;
}

static void frozen_save(struct method *method)
{
    (void)method;
}

static enum status frozen_load(struct method *method)
{
    struct frozen *frozen = frozen_of(method);
    if (frozen->advisor == NULL) {
        return OK;
    }
    TRY(imagination_check(&frozen->imagination));
    return advisor_restore(frozen->advisor, frozen->sync);
}

const struct method_ops method_frozen = {
    .name = "frozen",
    .policy = true,
    .own_start = true,
    .open = frozen_open,
    .propose = frozen_propose,
    .take = frozen_take,
    .lost = frozen_lost,
    .update = frozen_update,
    .weights = frozen_weights,
    .state = frozen_state,
    .save = frozen_save,
    .load = frozen_load,
    .close = frozen_close,
    .worth = frozen_worth,
};
