// The results of the advisor: pools, what they say of a task, their state.
#include "learner/model/advisor.h"

#include "core/clock.h"
#include "learner/candidates.h"
#include "learner/model/advisor_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 2000, MOST_BEST = 32 };
// Lengths of the process begin at 0.7 sqrt(inputs); guesses of good candidates differ by about a
// third.
static const double guess_scale = 2.0;
static const double least_loss = 1e-6;      // of a candidate that loses nothing
static const double flat_deviation = 0.005; // of rewards that tell nothing

struct advisor_pool *advisor_pool_of(const struct advisor *advisor, int task)
{
    CHECK(task >= 0 && task < advisor->options.space->n_tasks);
    return &advisor->pools[advisor->pool_of[task]];
}

static int16_t *result_at(const struct advisor_pool *pool, int i)
{
    return pool->choices + (size_t)i * (size_t)pool->steps;
}

// ---- opening

static bool sees_guess(const struct advisor *advisor)
{
    return advisor->options.informed && advisor->options.space->losses != NULL;
}

static enum status open_pool(struct advisor *advisor, int task, int sharing)
{
    const struct advisor_options *o = &advisor->options;
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    struct arena *arena = &advisor->arena;
    pool->steps = o->space->tasks[task].steps;
    pool->n_inputs = pool->steps + (sees_guess(advisor) ? 1 + pool->steps : 0);
    pool->capacity = sharing * o->evaluations + o->n_known;
    const size_t n = (size_t)pool->capacity, steps = (size_t)pool->steps;
    const size_t under_way = (size_t)o->under_way;
    ARENA_NEW(arena, pool->n, 1);
    ARENA_NEW(arena, pool->choices, n * steps);
    ARENA_NEW(arena, pool->rewards, n);
    ARENA_NEW(arena, pool->means, n);
    ARENA_NEW(arena, pool->first_losses, steps);
    ARENA_NEW(arena, pool->n_under_way, 1);
    ARENA_NEW(arena, pool->episodes, under_way);
    ARENA_NEW(arena, pool->under_way, under_way * steps);
    const struct reward_model_options options = {
        .n_inputs = pool->n_inputs,
        .own_inputs = o->informed ? pool->steps : 0,
        .linear_inputs = sees_guess(advisor) ? pool->steps : 0,
        .capacity = pool->capacity,
        .most_points = MOST_POINTS,
        .most_joint = ADVISOR_SCREENED,
        .noise_floor = o->space->noise,
        .seed = o->seed + (uint64_t)advisor->pool_of[task],
    };
    return reward_model_open(o->kind, &options, &pool->model);
}

static enum status open_pools(struct advisor *advisor)
{
    const struct advisor_options *o = &advisor->options;
    const int n_tasks = o->space->n_tasks;
    int *sharing, most_steps = 0;
    advisor->n_pools = o->share ? o->space->n_models : n_tasks;
    ARENA_NEW(&advisor->arena, advisor->pools, (size_t)advisor->n_pools);
    ARENA_NEW(&advisor->arena, advisor->pool_of, (size_t)n_tasks);
    ARENA_NEW(&advisor->arena, sharing, (size_t)advisor->n_pools);
    for (int task = 0; task < n_tasks; task++) {
        const int steps = o->space->tasks[task].steps;
        advisor->pool_of[task] = o->share ? o->space->tasks[task].model : task;
        sharing[advisor->pool_of[task]]++;
        most_steps = steps > most_steps ? steps : most_steps;
    }
    for (int task = 0; task < n_tasks; task++) {
        if (advisor_pool_of(advisor, task)->model == NULL) {
            TRY(open_pool(advisor, task, sharing[advisor->pool_of[task]]));
        }
    }
    struct advisor_sheet *sheet = &advisor->sheet;
    const size_t n = ADVISOR_CANDIDATES;
    ARENA_NEW(&advisor->arena, sheet->choices, n * (size_t)most_steps);
    ARENA_NEW(&advisor->arena, sheet->x, n * (size_t)(2 * most_steps + 1));
    ARENA_NEW(&advisor->arena, sheet->mean, ADVISOR_CANDIDATES);
    ARENA_NEW(&advisor->arena, sheet->sd, ADVISOR_CANDIDATES);
    ARENA_NEW(&advisor->arena, sheet->order, ADVISOR_CANDIDATES);
    ARENA_NEW(&advisor->arena, advisor->best, MOST_BEST);
    return OK;
}

enum status advisor_open(const struct advisor_options *options, struct advisor **out)
{
    struct advisor *advisor = calloc(1, sizeof *advisor);
    if (advisor == NULL) {
        FAIL(ERR_MEMORY, "no memory for the reward models");
    }
    advisor->options = *options;
    const enum status status = open_pools(advisor);
    if (status != OK) {
        advisor_close(advisor);
        return status;
    }
    *out = advisor;
    return OK;
}

void advisor_close(struct advisor *advisor)
{
    if (advisor == NULL) {
        return;
    }
    for (int i = 0; i < advisor->n_pools && advisor->pools != NULL; i++) {
        reward_model_close(advisor->pools[i].model);
    }
    arena_close(&advisor->arena);
    free(advisor);
}

// ---- results

// ln of the sum of the guessed losses, then each of them against the first result's, in units of
// half the mean of these: about as much as good candidates differ by.
static void describe_losses(const struct advisor *advisor, int task, const int16_t *choices,
                            double *x)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const struct candidate_space *space = advisor->options.space;
    double sum = least_loss, first = least_loss, *each = x + 1;
    space->losses(space->context, task, choices, each);
    for (int step = 0; step < pool->steps; step++) {
        sum += each[step];
        first += pool->first_losses[step];
    }
    x[0] = guess_scale * sqrt(pool->steps) * log(sum);
    for (int step = 0; step < pool->steps; step++) {
        each[step] = (each[step] - pool->first_losses[step]) * 2.0 * pool->steps / first;
    }
}

// The first result stays the one that others are described against.
static void note_first(struct advisor *advisor, int task)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const struct candidate_space *space = advisor->options.space;
    if (sees_guess(advisor) && *pool->n > 0) {
        space->losses(space->context, task, result_at(pool, 0), pool->first_losses);
    }
}

void advisor_describe(const struct advisor *advisor, int task, const int16_t *choices, double *x)
{
    const struct candidate_task *t = &advisor->options.space->tasks[task];
    for (int step = 0; step < t->steps; step++) {
        x[step] = log((double)t->position[step][choices[step]]);
    }
    if (sees_guess(advisor)) {
        describe_losses(advisor, task, choices, x + t->steps);
    }
}

static bool same(const struct advisor_pool *pool, const int16_t *a, const int16_t *b)
{
    return memcmp(a, b, (size_t)pool->steps * sizeof *a) == 0;
}

bool advisor_is_known(const struct advisor_pool *pool, const int16_t *choices)
{
    for (int i = 0; i < *pool->n_under_way; i++) {
        if (same(pool, pool->under_way + (size_t)i * (size_t)pool->steps, choices)) {
            return true;
        }
    }
    for (int i = 0; i < *pool->n; i++) {
        if (same(pool, result_at(pool, i), choices)) {
            return true;
        }
    }
    return false;
}

void advisor_lost(struct advisor *advisor, int task, int64_t episode)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const size_t steps = (size_t)pool->steps;
    for (int i = 0; i < *pool->n_under_way; i++) {
        if (pool->episodes[i] != episode) {
            continue;
        }
        const size_t behind = (size_t)(*pool->n_under_way - 1 - i);
        memmove(pool->episodes + i, pool->episodes + i + 1, behind * sizeof *pool->episodes);
        memmove(pool->under_way + (size_t)i * steps, pool->under_way + (size_t)(i + 1) * steps,
                behind * steps * sizeof *pool->under_way);
        --*pool->n_under_way;
        return;
    }
}

void advisor_know(struct advisor *advisor, int task, const int16_t *choices, double reward)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    if (*pool->n == pool->capacity || !isfinite(reward) || advisor_is_known(pool, choices)) {
        return;
    }
    const int i = (*pool->n)++;
    pool->rewards[i] = reward;
    memcpy(result_at(pool, i), choices, (size_t)pool->steps * sizeof *choices);
    if (i == 0) {
        note_first(advisor, task);
    }
    double x[2 * TICKET_MOST_GIVEN + 1];
    advisor_describe(advisor, task, choices, x);
    reward_model_add(pool->model, x, reward);
}

int advisor_results(const struct advisor *advisor, int task)
{
    return *advisor_pool_of(advisor, task)->n;
}

void advisor_take(struct advisor *advisor, const struct trajectory *trajectory)
{
    const int task = trajectory->header->task;
    const double reward = trajectory_reward(trajectory);
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    int16_t choices[TICKET_MOST_GIVEN];
    advisor_lost(advisor, task, trajectory->header->episode);
    CHECK(trajectory_steps(trajectory) == pool->steps);
    for (int step = 0; step < pool->steps; step++) {
        choices[step] = (int16_t)trajectory->action[step];
    }
    advisor_know(advisor, task, choices, reward);
}

static int first_task(const struct advisor *advisor, int pool)
{
    int task = 0;
    while (advisor->pool_of[task] != pool) {
        task++;
    }
    return task;
}

// The model's means of all results, a sheet's worth at a time.
static void predict_results(struct advisor *advisor, int task)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    struct advisor_sheet *sheet = &advisor->sheet;
    const size_t inputs = (size_t)pool->n_inputs;
    for (int first = 0; first < pool->fitted; first += ADVISOR_CANDIDATES) {
        const int left = pool->fitted - first;
        const int n = left < ADVISOR_CANDIDATES ? left : ADVISOR_CANDIDATES;
        for (int i = 0; i < n; i++) {
            advisor_describe(advisor, task, result_at(pool, first + i),
                             sheet->x + (size_t)i * inputs);
        }
        reward_model_predict(pool->model, sheet->x, n, pool->means + first, NULL);
    }
}

void advisor_fit(struct advisor *advisor)
{
    const double began = clock_seconds();
    for (int i = 0; i < advisor->n_pools; i++) {
        struct advisor_pool *pool = &advisor->pools[i];
        if (*pool->n > pool->fitted) {
            reward_model_fit(pool->model);
            pool->fitted = *pool->n;
            predict_results(advisor, first_task(advisor, i));
        }
    }
    advisor->seconds += clock_seconds() - began;
}

bool advisor_knows(const struct advisor *advisor, int task)
{
    return advisor_pool_of(advisor, task)->fitted > 0;
}

bool advisor_is_flat(const struct advisor *advisor, int task)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    double mean = 0.0, square = 0.0;
    const int n = *pool->n;
    for (int i = 0; i < n; i++) {
        mean += pool->rewards[i] / n;
    }
    for (int i = 0; i < n; i++) {
        square += (pool->rewards[i] - mean) * (pool->rewards[i] - mean) / n;
    }
    return n < 2 || square < flat_deviation * flat_deviation;
}

void advisor_predict(const struct advisor *advisor, int task, const int16_t *choices, int n,
                     int stride, double *mean, double *sd)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    CHECK(advisor_knows(advisor, task) && n <= ADVISOR_CANDIDATES);
    for (int i = 0; i < n; i++) {
        advisor_describe(advisor, task, choices + (size_t)i * (size_t)stride,
                         advisor->sheet.x + (size_t)i * (size_t)pool->n_inputs);
    }
    reward_model_predict(pool->model, advisor->sheet.x, n, mean, sd);
}

double advisor_worth(const struct advisor *advisor, int task, const int16_t *choices, double reward)
{
    double mean = reward;
    if (advisor_knows(advisor, task)) {
        advisor_predict(advisor, task, choices, 1, 0, &mean, NULL);
    }
    return mean;
}

int advisor_best(const struct advisor *advisor, int task, int most, const int16_t **list)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const struct candidate_space *space = advisor->options.space;
    double means[MOST_BEST];
    int n = 0;
    CHECK(most >= 1 && most <= MOST_BEST);
    for (int i = 0; i < pool->fitted; i++) {
        const double mean = pool->means[i];
        if ((n == most && !(mean > means[n - 1])) ||
            !space->holds(space->context, task, result_at(pool, i))) {
            continue;
        }
        int at = n < most ? n++ : n - 1;
        for (; at > 0 && mean > means[at - 1]; at--) {
            means[at] = means[at - 1];
            list[at] = list[at - 1];
        }
        means[at] = mean;
        list[at] = result_at(pool, i);
    }
    return n;
}

void advisor_tell_under_way(struct advisor *advisor, int task)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const int all = *pool->n_under_way, n = all < ADVISOR_SCREENED ? all : ADVISOR_SCREENED;
    const int16_t *newest = pool->under_way + (size_t)(all - n) * (size_t)pool->steps;
    for (int i = 0; i < n; i++) {
        advisor_describe(advisor, task, newest + (size_t)i * (size_t)pool->steps,
                         advisor->sheet.x + (size_t)i * (size_t)pool->n_inputs);
    }
    reward_model_pending(pool->model, advisor->sheet.x, n);
}

double advisor_seconds(const struct advisor *advisor)
{
    return advisor->seconds;
}

// ---- state

void advisor_state(struct advisor *advisor, struct state_list *list)
{
    for (int i = 0; i < advisor->n_pools; i++) {
        struct advisor_pool *pool = &advisor->pools[i];
        const size_t n = (size_t)pool->capacity, steps = (size_t)pool->steps;
        const size_t under_way = (size_t)advisor->options.under_way;
        char prefix[32], name[64];
#define ADD(label, type, count, data)                                                              \
    snprintf(name, sizeof name, "advisor%d.%s", i, label);                                         \
    state_list_add(list, name, type, count, data)
        ADD("n", HDF5_I32, 1, pool->n);
        ADD("choices", HDF5_U8, n * steps * sizeof *pool->choices, pool->choices);
        ADD("rewards", HDF5_F64, n, pool->rewards);
        ADD("n_under_way", HDF5_I32, 1, pool->n_under_way);
        ADD("episodes", HDF5_I64, under_way, pool->episodes);
        ADD("under_way", HDF5_U8, under_way * steps * sizeof *pool->under_way, pool->under_way);
#undef ADD
        snprintf(prefix, sizeof prefix, "advisor%d.model", i);
        reward_model_state(pool->model, prefix, list);
    }
}

static enum status check_choices(const struct advisor *advisor, int pool_index,
                                 const int16_t *choices, int n)
{
    const struct candidate_space *space = advisor->options.space;
    const int task = first_task(advisor, pool_index);
    for (int i = 0; i < n; i++) {
        TRY(candidate_check(space, task, choices + (size_t)i * (size_t)space->tasks[task].steps));
    }
    return OK;
}

enum status advisor_restore(struct advisor *advisor, bool keep_under_way)
{
    for (int i = 0; i < advisor->n_pools; i++) {
        struct advisor_pool *pool = &advisor->pools[i];
        if (*pool->n < 0 || *pool->n > pool->capacity || *pool->n_under_way < 0 ||
            *pool->n_under_way > advisor->options.under_way) {
            FAIL(ERR_INPUT, "%d results and %d proposals under way, at most %d and %d can be",
                 (int)*pool->n, (int)*pool->n_under_way, pool->capacity,
                 advisor->options.under_way);
        }
        TRY(check_choices(advisor, i, pool->choices, *pool->n));
        TRY(check_choices(advisor, i, pool->under_way, *pool->n_under_way));
        note_first(advisor, first_task(advisor, i));
        TRY(reward_model_restore(pool->model));
        *pool->n_under_way = keep_under_way ? *pool->n_under_way : 0;
        // A checkpoint stands behind an update, which ends in a fit.
        pool->fitted = *pool->n;
        if (pool->fitted > 0) {
            predict_results(advisor, first_task(advisor, i));
        }
    }
    return OK;
}
