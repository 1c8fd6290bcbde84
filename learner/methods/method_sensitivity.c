// Sensitivity analysis: the damage of cutting each step alone is measured, once for all tasks of a
// model; then the combination within the budget whose damages add up to least is found by dynamic
// programming, for several ways of adding up. What is left of the evaluations goes to neighbours
// of the best, of some random ones that which does the least damage by the curves.
#include "learner/candidates.h"
#include "learner/methods/combination.h"
#include "learner/methods/damage.h"
#include "learner/methods/method_simple.h"
#include "learner/methods/trials.h"
#include "learner/start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Of the evaluations of a model's tasks, the first candidates left out, that measuring may take.
static const double measured_share = 0.75;
// The deepest cut that is measured, as a share of what the same share of everything keeps.
static const double deepest_share = 0.65;
enum { COMPARED = 32, NEIGHBOURS = 4 };

struct sensitivity {
    struct method base;
    struct arena arena;
    struct trials trials;
    struct combination combination;
    const struct candidate_space *space; // borrowed
    uint64_t seed;
    int n_tasks, n_measurements;
    bool sync;
    struct sensing *sensing; // [n_models]
    int32_t *state;          // [n_measurements] of all models, as are the next two
    int64_t *episode;
    double *reward;
    int32_t *combined; // [n_tasks] 1: all combinations of what was measured have been proposed
};

static void sensitivity_close(struct method *method)
{
    struct sensitivity *s = (struct sensitivity *)method;
    if (s != NULL) {
        arena_close(&s->arena);
        free(s);
    }
}

// What is kept of a step on average when all of them keep the same share.
static double uniform_share(const struct candidate_space *space, int task)
{
    const struct candidate_task *t = &space->tasks[task];
    int16_t choices[TICKET_MOST_GIVEN];
    double sum = 0.0;
    candidate_uniform(space, task, choices);
    for (int step = 0; step < t->steps; step++) {
        const float whole = t->position[step][t->n_choices[step] - 1];
        sum += (double)t->position[step][choices[step]] / (double)whole;
    }
    return sum / t->steps;
}

static void plan_model(struct sensitivity *s, const struct method_job *job, int model)
{
    const struct candidate_space *space = job->space;
    const struct start start = {.space = space, .kind = job->search->start};
    double share = 0.0;
    int64_t evaluations = 0;
    int n_tasks = 0, any = 0;
    for (int task = 0; task < s->n_tasks; task++) {
        if (space->tasks[task].model == model) {
            any = task;
            n_tasks++;
            share += uniform_share(space, task);
            evaluations += job->search->evaluations - start_count(&start, task);
        }
    }
    const double most = measured_share * (double)evaluations;
    sensing_init(&space->tasks[any], (int)fmax(fmin(most, INT32_MAX), 0.0),
                 deepest_share * share / (n_tasks > 0 ? n_tasks : 1), &s->sensing[model]);
    s->n_measurements += s->sensing[model].n;
}

static enum status open_parts(struct sensitivity *s, const struct method_job *job)
{
    TRY(trials_open(job, &s->arena, &s->trials));
    TRY(combination_open(job->space, &s->arena, &s->combination));
    ARENA_NEW(&s->arena, s->combined, (size_t)s->n_tasks);
    ARENA_NEW(&s->arena, s->sensing, (size_t)job->space->n_models);
    for (int model = 0; model < job->space->n_models; model++) {
        plan_model(s, job, model);
    }
    ARENA_NEW(&s->arena, s->state, (size_t)s->n_measurements);
    ARENA_NEW(&s->arena, s->episode, (size_t)s->n_measurements);
    ARENA_NEW(&s->arena, s->reward, (size_t)s->n_measurements);
    for (int model = 0, at = 0; model < job->space->n_models; model++) {
        sensing_place(&s->sensing[model], s->state + at, s->episode + at, s->reward + at);
        at += s->sensing[model].n;
    }
    return OK;
}

static enum status sensitivity_open(const struct method_job *job, struct method **out)
{
    TRY(method_wants_order(job, "sensitivity"));
    struct sensitivity *s = calloc(1, sizeof *s);
    if (s == NULL) {
        FAIL(ERR_MEMORY, "no memory for sensitivity analysis");
    }
    s->base.ops = &method_sensitivity;
    s->space = job->space;
    s->seed = job->seed;
    s->n_tasks = job->n_tasks;
    s->sync = job->learner->mode == MODE_SYNC;
    if (open_parts(s, job) != OK) {
        sensitivity_close(&s->base);
        return ERR_MEMORY;
    }
    *out = &s->base;
    return OK;
}

static bool load_curves(struct sensitivity *s, int task, int kind)
{
    const struct knapsack *knapsack = &s->combination.knapsack;
    return damage_curves(&s->sensing[s->space->tasks[task].model], damage_kinds[kind],
                         s->space->noise, knapsack->most_choices, knapsack->loss);
}

// How well the loaded curves order n trials, given best first: pairs in the right order less those
// in the wrong one.
static int agreement(const struct sensitivity *s, int task, const int *trial, int n)
{
    double loss[COMPARED];
    int right = 0;
    for (int i = 0; i < n; i++) {
        loss[i] = combination_loss(&s->combination, task, trials_choices(&s->trials, trial[i]));
        for (int j = 0; j < i; j++) {
            right += (loss[j] < loss[i] ? 1 : 0) - (loss[j] > loss[i] ? 1 : 0);
        }
    }
    return right;
}

// Kinds of damage, the one that explains the task's best trials best first.
static void order_kinds(struct sensitivity *s, int task, const int *trial, int n, int *order)
{
    int right[DAMAGE_KINDS];
    for (int kind = 0; kind < DAMAGE_KINDS; kind++) {
        (void)load_curves(s, task, kind);
        right[kind] = agreement(s, task, trial, n);
        int at = kind;
        for (; at > 0 && right[kind] > right[order[at - 1]]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = kind;
    }
}

// A combination that was not proposed yet.
static bool combine(struct sensitivity *s, int task, const int *order, int16_t *choices)
{
    const struct sensing *sensing = &s->sensing[s->space->tasks[task].model];
    bool open = false;
    for (int i = 0; i < DAMAGE_KINDS && !s->combined[task]; i++) {
        (void)load_curves(s, task, order[i]);
        combination_find(&s->combination, task, choices);
        if (!trials_known(&s->trials, task, choices)) {
            return true;
        }
    }
    for (int i = 0; i < sensing->n; i++) {
        open |= sensing->state[i] == SENSING_WANTED || sensing->state[i] == SENSING_OUT;
    }
    s->combined[task] = open ? 0 : 1;
    return false;
}

// A neighbour of the best, or (measured) that of some by which the loaded curves lose least.
static void improve(struct sensitivity *s, int task, bool measured, const int *trial, int n,
                    struct rng *rng, int16_t *choices)
{
    double least = (double)INFINITY;
    int16_t from[TICKET_MOST_GIVEN], neighbour[TICKET_MOST_GIVEN];
    const size_t bytes = (size_t)s->space->tasks[task].steps * sizeof *choices;
    if (n > 0) {
        memcpy(from, trials_choices(&s->trials, trial[0]), bytes);
    } else {
        candidate_uniform(s->space, task, from);
    }
    for (int i = 0; i < (measured ? NEIGHBOURS : 1); i++) {
        trials_vary(&s->trials, task, rng, from, true, neighbour);
        const double loss = measured ? combination_loss(&s->combination, task, neighbour) : 0.0;
        if (loss < least) {
            least = loss;
            memcpy(choices, neighbour, bytes);
        }
    }
}

static void propose_candidate(struct sensitivity *s, struct ticket *ticket)
{
    const int task = ticket->task;
    struct rng rng = rng_make(s->seed, RNG_PROPOSE, (uint64_t)ticket->episode, 0);
    int trial[COMPARED], order[DAMAGE_KINDS];
    const int n = trials_best(&s->trials, task, COMPARED, trial);
    const bool measured = load_curves(s, task, 0);
    if (measured) {
        order_kinds(s, task, trial, n, order);
    }
    if (!measured || !combine(s, task, order, ticket->given)) {
        if (measured) {
            (void)load_curves(s, task, order[0]);
        }
        improve(s, task, measured, trial, n, &rng, ticket->given);
    }
    trials_propose(&s->trials, ticket->given, ticket);
}

static void sensitivity_propose(struct method *method, struct ticket *ticket)
{
    struct sensitivity *s = (struct sensitivity *)method;
    struct sensing *sensing = &s->sensing[s->space->tasks[ticket->task].model];
    const int next = sensing_next(sensing);
    if (next < 0) {
        propose_candidate(s, ticket);
        return;
    }
    sensing->state[next] = SENSING_OUT;
    sensing->episode[next] = ticket->episode;
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given = sensing->task->steps;
    ticket->budget = INFINITY;
    sensing_choices(sensing, next, ticket->given);
}

static enum status sensitivity_take(struct method *method, const struct trajectory *t, bool fresh)
{
    struct sensitivity *s = (struct sensitivity *)method;
    struct sensing *sensing = &s->sensing[s->space->tasks[t->header->task].model];
    const int measurement = sensing_find(sensing, t->header->episode);
    if (measurement >= 0) {
        sensing->state[measurement] = SENSING_KNOWN;
        sensing->reward[measurement] = trajectory_reward(t);
    } else {
        trials_take(&s->trials, t, fresh);
    }
    return OK;
}

static void sensitivity_lost(struct method *method, const struct ticket *ticket)
{
    struct sensitivity *s = (struct sensitivity *)method;
    struct sensing *sensing = &s->sensing[s->space->tasks[ticket->task].model];
    const int measurement = sensing_find(sensing, ticket->episode);
    if (measurement >= 0) {
        sensing->state[measurement] = SENSING_NONE;
    }
}

static enum status sensitivity_state(struct method *method, struct state_list *list)
{
    struct sensitivity *s = (struct sensitivity *)method;
    const size_t n = (size_t)s->n_measurements;
    trials_state(&s->trials, list);
    state_list_add_within(list, "sensitivity.state", HDF5_I32, n, s->state, SENSING_WANTED,
                          SENSING_NONE);
    state_list_add_within(list, "sensitivity.episode", HDF5_I64, n, s->episode, 0, STATE_COUNT_MAX);
    state_list_add(list, "sensitivity.reward", HDF5_F64, n, s->reward);
    state_list_add_within(list, "sensitivity.combined", HDF5_I32, (size_t)s->n_tasks, s->combined,
                          0, 1);
    return OK;
}

// async: what was under way is not run again, so it is still wanted.
static enum status sensitivity_load(struct method *method)
{
    struct sensitivity *s = (struct sensitivity *)method;
    for (int i = 0; i < s->n_measurements && !s->sync; i++) {
        s->state[i] = s->state[i] == SENSING_OUT ? SENSING_WANTED : s->state[i];
    }
    return trials_load(&s->trials);
}

const struct method_ops method_sensitivity = {
    .name = "sensitivity",
    .plans_evaluations = true,
    .open = sensitivity_open,
    .propose = sensitivity_propose,
    .take = sensitivity_take,
    .lost = sensitivity_lost,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = sensitivity_state,
    .save = method_no_save,
    .load = sensitivity_load,
    .close = sensitivity_close,
};
