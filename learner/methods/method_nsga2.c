// NSGA-II (Deb et al. 2002): a front instead of one best candidate. Per task a population, which
// each generation's children join, and of both the best half stays: those on the first fronts, of
// the last of these the least crowded. Parents win binary tournaments by front, then by crowding;
// children take each step from either, then change. The objectives are the reward, so the accuracy
// where the task's objective has no weights, and all costs that are known.
//
// What tasks of one model have tried joins the populations of the others whose budgets it keeps,
// and nothing is tried twice.
#include "learner/candidates.h"
#include "learner/methods/method_simple.h"
#include "learner/methods/nondominated.h"
#include "learner/methods/trials.h"

#include <stdlib.h>
#include <string.h>

enum { USUAL_POPULATION = 24, ATTEMPTS = 16, OBJECTIVES = 1 + CANDIDATE_COSTS };
static const double crossover = 0.9; // the paper's probability

struct nsga2 {
    struct method base;
    struct arena arena, scratch; // scratch: of a merge
    struct trials trials;
    uint64_t seed;
    int n_tasks, population;
    double *objectives; // [trials.capacity][OBJECTIVES] minus the reward, then costs
    int32_t *members;   // [n_tasks][population] trials, and as they stood when they were chosen:
    int32_t *rank;      // [n_tasks][population]
    double *distance;   // [n_tasks][population]
    int32_t *n_members; // [n_tasks]
    int32_t *children;  // [n_tasks] of this generation so far
    int32_t *merged;    // [n_tasks] trials before this one have had their chance
};

static void nsga2_close(struct method *method)
{
    struct nsga2 *self = (struct nsga2 *)method;
    if (self != NULL) {
        arena_close(&self->arena);
        arena_close(&self->scratch);
        free(self);
    }
}

static enum status open_parts(struct nsga2 *self, const struct method_job *job)
{
    const size_t tasks = (size_t)job->n_tasks;
    TRY(trials_open(job, &self->arena, &self->trials));
    ARENA_NEW(&self->arena, self->objectives, (size_t)self->trials.capacity * OBJECTIVES);
    ARENA_NEW(&self->arena, self->members, tasks * (size_t)self->population);
    ARENA_NEW(&self->arena, self->rank, tasks * (size_t)self->population);
    ARENA_NEW(&self->arena, self->distance, tasks * (size_t)self->population);
    ARENA_NEW(&self->arena, self->n_members, tasks);
    ARENA_NEW(&self->arena, self->children, tasks);
    ARENA_NEW(&self->arena, self->merged, tasks);
    return OK;
}

static enum status nsga2_open(const struct method_job *job, struct method **out)
{
    TRY(method_wants_space(job, "nsga2"));
    const struct search_options *search = job->search;
    const int wanted = search->population > 0 ? search->population : USUAL_POPULATION;
    const int most = search->evaluations / 3 > 2 ? search->evaluations / 3 : 2;
    struct nsga2 *self = calloc(1, sizeof *self);
    if (self == NULL) {
        FAIL(ERR_MEMORY, "no memory for NSGA-II");
    }
    self->base.ops = &method_nsga2;
    self->seed = job->seed;
    self->n_tasks = job->n_tasks;
    self->population = wanted < most ? wanted : most;
    if (open_parts(self, job) != OK) {
        nsga2_close(&self->base);
        return ERR_MEMORY;
    }
    *out = &self->base;
    return OK;
}

static int32_t *members_of(const struct nsga2 *self, int task)
{
    return self->members + (size_t)task * (size_t)self->population;
}

// ---- who stays

// Trials by front and crowding, the better the lower.
struct standing {
    int32_t *rank;    // [n]
    double *distance; // [n]
};

static struct standing standing_of(const struct nsga2 *self, int task)
{
    const size_t first = (size_t)task * (size_t)self->population;
    return (struct standing){self->rank + first, self->distance + first};
}

// Memory from the scratch arena.
static enum status find_standing(struct nsga2 *self, int task, const int32_t *listed, int n,
                                 struct standing *out)
{
    const int64_t *whole = self->trials.space->tasks[task].whole;
    double *points;
    int dims = 0;
    ARENA_NEW(&self->scratch, points, (size_t)n * OBJECTIVES + 1);
    ARENA_NEW(&self->scratch, out->rank, (size_t)n + 1);
    ARENA_NEW(&self->scratch, out->distance, (size_t)n + 1);
    for (int i = 0, at = 0; i < n; i++) {
        const double *from = self->objectives + (size_t)listed[i] * OBJECTIVES;
        for (int k = 0; k < OBJECTIVES; k++) {
            if (k == 0 || whole[k - 1] > 0) {
                points[at++] = from[k];
            }
        }
        dims = at / (i + 1);
    }
    TRY(nondominated_rank(points, n, dims, &self->scratch, out->rank));
    return nondominated_crowding(points, n, dims, out->rank, &self->scratch, out->distance);
}

// The crowded comparison of the paper; of two alike, the earlier one.
static bool is_better(const struct standing *s, int a, int b)
{
    if (s->rank[a] != s->rank[b]) {
        return s->rank[a] < s->rank[b];
    }
    return s->distance[a] > s->distance[b] || (!(s->distance[a] < s->distance[b]) && a < b);
}

// The generation is whole: the best of members and newcomers stay.
static enum status merge(struct nsga2 *self, int task)
{
    int32_t *members = members_of(self, task), *all;
    const struct standing stays = standing_of(self, task);
    struct standing standing;
    const int n_trials = *self->trials.n;
    int n = self->n_members[task], kept = 0;
    arena_reset(&self->scratch);
    ARENA_NEW(&self->scratch, all, (size_t)(n + n_trials - self->merged[task]) + 1);
    memcpy(all, members, (size_t)n * sizeof *all);
    for (int i = self->merged[task]; i < n_trials; i++) {
        if (trials_holds(&self->trials, i, task)) {
            all[n++] = i;
        }
    }
    TRY(find_standing(self, task, all, n, &standing));
    for (int i = 0; i < n; i++) {
        int before = 0;
        for (int k = 0; k < n; k++) {
            before += k != i && is_better(&standing, k, i);
        }
        if (before < self->population) {
            stays.rank[kept] = standing.rank[i];
            stays.distance[kept] = standing.distance[i];
            members[kept++] = all[i];
        }
    }
    self->n_members[task] = kept;
    self->children[task] = 0;
    self->merged[task] = n_trials;
    return OK;
}

static enum status nsga2_take(struct method *method, const struct trajectory *t, bool fresh)
{
    struct nsga2 *self = (struct nsga2 *)method;
    const int task = t->header->task, before = *self->trials.n;
    trials_take(&self->trials, t, fresh);
    if (*self->trials.n == before) {
        return OK;
    }
    double *objectives = self->objectives + (size_t)before * OBJECTIVES;
    objectives[0] = -trajectory_worth(t);
    objectives[1 + CANDIDATE_MACS] = (double)t->header->macs;
    objectives[1 + CANDIDATE_PARAMS] = (double)t->header->params;
    objectives[1 + CANDIDATE_BYTES] = (double)t->header->bytes;
    return ++self->children[task] >= self->population ? merge(self, task) : OK;
}

// ---- children

static const int16_t *draw_parent(const struct nsga2 *self, int task, struct rng *rng)
{
    const struct standing standing = standing_of(self, task);
    const uint32_t n = (uint32_t)self->n_members[task];
    const int a = (int)rng_below(rng, n), b = (int)rng_below(rng, n);
    const int winner = is_better(&standing, a, b) ? a : b;
    return trials_choices(&self->trials, members_of(self, task)[winner]);
}

static void make_child(const struct nsga2 *self, int task, struct rng *rng, int16_t *child)
{
    const struct candidate_space *space = self->trials.space;
    const int16_t *parent = draw_parent(self, task, rng);
    const int16_t *other = draw_parent(self, task, rng);
    const bool crosses = (double)rng_uniform(rng) < crossover;
    candidate_cross(space, task, rng, parent, crosses ? other : parent, child);
    for (int i = 0; i < ATTEMPTS; i++) { // what is known already changes until it is not
        if (i > 0 || rng_below(rng, 2) == 0) {
            candidate_change_one(space, task, rng, child, child);
        }
        if (!trials_known(&self->trials, task, child)) {
            return;
        }
    }
    candidate_random(space, task, rng, child);
}

static void draw_first(const struct nsga2 *self, int task, struct rng *rng, int16_t *choices)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        candidate_random(self->trials.space, task, rng, choices);
        if (!trials_known(&self->trials, task, choices)) {
            return;
        }
    }
}

static void nsga2_propose(struct method *method, struct ticket *ticket)
{
    struct nsga2 *self = (struct nsga2 *)method;
    const int task = ticket->task;
    struct rng rng = rng_make(self->seed, RNG_PROPOSE, (uint64_t)ticket->episode, 0);
    if (self->n_members[task] > 0) {
        make_child(self, task, &rng, ticket->given);
    } else {
        draw_first(self, task, &rng, ticket->given);
    }
    trials_propose(&self->trials, ticket->given, ticket);
}

// ---- checkpoints

static enum status nsga2_state(struct method *method, struct state_list *list)
{
    struct nsga2 *self = (struct nsga2 *)method;
    const size_t tasks = (size_t)self->n_tasks, population = (size_t)self->population;
    const int capacity = self->trials.capacity;
    trials_state(&self->trials, list);
    state_list_add_within(list, "nsga2.members", HDF5_I32, tasks * population, self->members, 0,
                          capacity - 1);
    state_list_add_within(list, "nsga2.rank", HDF5_I32, tasks * population, self->rank, 0,
                          INT32_MAX);
    state_list_add(list, "nsga2.distance", HDF5_F64, tasks * population, self->distance);
    state_list_add_within(list, "nsga2.n_members", HDF5_I32, tasks, self->n_members, 0,
                          self->population);
    state_list_add_within(list, "nsga2.children", HDF5_I32, tasks, self->children, 0,
                          self->population);
    state_list_add_within(list, "nsga2.merged", HDF5_I32, tasks, self->merged, 0, capacity);
    const int first = list->n;
    state_list_add(list, "nsga2.objectives", HDF5_F64, (size_t)capacity * OBJECTIVES,
                   self->objectives);
    state_list_grow(list, first, 1);
    return OK;
}

static enum status nsga2_load(struct method *method)
{
    const struct nsga2 *self = (const struct nsga2 *)method;
    TRY(trials_load(&((struct nsga2 *)method)->trials));
    const int n = *self->trials.n;
    for (int task = 0; task < self->n_tasks; task++) {
        bool fits = self->merged[task] <= n;
        for (int i = 0; i < self->n_members[task]; i++) {
            fits = fits && members_of(self, task)[i] < n;
        }
        if (!fits) {
            FAIL(ERR_INPUT,
                 "the population of task %d has members beyond the %d candidates tried; use an "
                 "older checkpoint",
                 task, n);
        }
    }
    return OK;
}

const struct method_ops method_nsga2 = {
    .name = "nsga2",
    .plans_evaluations = true, // populations are sized by them
    .open = nsga2_open,
    .propose = nsga2_propose,
    .take = nsga2_take,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = nsga2_state,
    .save = method_no_save,
    .load = nsga2_load,
    .close = nsga2_close,
};
