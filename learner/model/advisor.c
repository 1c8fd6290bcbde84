// The results of the advisor: pools, what they say of a task, their state.
#include "learner/model/advisor.h"

#include "core/clock.h"
#include "learner/candidates.h"
#include "learner/model/advisor_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

double *advisor_means(const struct advisor *advisor, int task)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    return pool->means + (size_t)advisor->code_of[task] * (size_t)pool->capacity;
}

static int16_t *result_at(const struct advisor_pool *pool, int i)
{
    return pool->choices + (size_t)i * (size_t)pool->steps;
}

// ---- opening

enum status advisor_open(const struct advisor_options *options, struct advisor **out)
{
    struct advisor *advisor = calloc(1, sizeof *advisor);
    if (advisor == NULL) {
        FAIL(ERR_MEMORY, "no memory for the reward models");
    }
    advisor->options = *options;
    advisor->aim = -1;
    const enum status status = advisor_open_pools(advisor);
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
                            double *whole, double *each)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const struct candidate_space *space = advisor->options.space;
    double sum = least_loss, first = least_loss;
    space->losses(space->context, task, choices, each);
    for (int step = 0; step < pool->steps; step++) {
        sum += each[step];
        first += pool->first_losses[step];
    }
    *whole = guess_scale * sqrt(pool->steps) * log(sum);
    for (int step = 0; step < pool->steps; step++) {
        each[step] = (each[step] - pool->first_losses[step]) * 2.0 * pool->steps / first;
    }
}

// The first result stays the one that others are described against.
static void note_first(struct advisor *advisor, int task)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const struct candidate_space *space = advisor->options.space;
    if (pool->guess && *pool->n > 0) {
        space->losses(space->context, task, result_at(pool, 0), pool->first_losses);
    }
}

void advisor_describe(const struct advisor *advisor, int task, const int16_t *choices, double *x)
{
    const struct candidate_task *t = &advisor->options.space->tasks[task];
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    double *categorical = x + pool->n_ordered + (pool->guess ? 1 : 0);
    double *last = categorical + (pool->steps - pool->n_ordered), *ordered = x;
    for (int step = 0; step < t->steps; step++) {
        if (candidate_is_categorical(t, step)) {
            *categorical++ = choices[step];
        } else {
            *ordered++ = log((double)t->position[step][choices[step]]);
        }
    }
    if (pool->n_models > 1) {
        *last++ = advisor->code_of[task];
    }
    if (pool->guess) {
        describe_losses(advisor, task, choices, ordered, last);
    }
}

static bool same(const struct advisor_pool *pool, const int16_t *a, const int16_t *b)
{
    return memcmp(a, b, (size_t)pool->steps * sizeof *a) == 0;
}

// Whether a result, or what is under way, is one of this model.
static bool is_of(const struct advisor_pool *pool, const int32_t *codes, int i, int code)
{
    return pool->n_models <= 1 || codes[i] == code;
}

bool advisor_is_known(const struct advisor *advisor, int task, const int16_t *choices)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const int code = advisor->code_of[task];
    for (int i = 0; i < *pool->n_under_way; i++) {
        if (is_of(pool, pool->under_way_codes, i, code) &&
            same(pool, pool->under_way + (size_t)i * (size_t)pool->steps, choices)) {
            return true;
        }
    }
    for (int i = 0; i < *pool->n; i++) {
        if (is_of(pool, pool->codes, i, code) && same(pool, result_at(pool, i), choices)) {
            return true;
        }
    }
    return false;
}

bool advisor_is_result_of(const struct advisor *advisor, int task, int i)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    return is_of(pool, pool->codes, i, advisor->code_of[task]);
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
        if (pool->n_models > 1) {
            memmove(pool->under_way_codes + i, pool->under_way_codes + i + 1,
                    behind * sizeof *pool->under_way_codes);
        }
        --*pool->n_under_way;
        return;
    }
}

void advisor_know(struct advisor *advisor, int task, const int16_t *choices, double reward)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    int16_t canonical[TICKET_MOST_GIVEN];
    memcpy(canonical, choices, (size_t)pool->steps * sizeof *choices);
    candidate_canonical(advisor->options.space, task, canonical);
    if (*pool->n == pool->capacity || !isfinite(reward) ||
        advisor_is_known(advisor, task, canonical)) {
        return;
    }
    if (advisor_is_drawn(advisor, task)) {
        reward = advisor_quality(advisor, task, canonical, reward);
    }
    const int i = (*pool->n)++;
    pool->rewards[i] = reward;
    memcpy(result_at(pool, i), canonical, (size_t)pool->steps * sizeof *canonical);
    if (pool->n_models > 1) {
        pool->codes[i] = advisor->code_of[task];
    }
    if (i == 0) {
        note_first(advisor, task);
    }
    double x[ADVISOR_MOST_INPUTS];
    advisor_describe(advisor, task, canonical, x);
    reward_model_add(pool->model, x, reward);
}

int advisor_results(const struct advisor *advisor, int task)
{
    return *advisor_pool_of(advisor, task)->n;
}

void advisor_take(struct advisor *advisor, const struct trajectory *trajectory)
{
    const int task = trajectory->header->task;
    const double reward = trajectory_worth(trajectory);
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    int16_t choices[TICKET_MOST_GIVEN];
    advisor_lost(advisor, task, trajectory->header->episode);
    CHECK(trajectory_steps(trajectory) == pool->steps);
    for (int step = 0; step < pool->steps; step++) {
        choices[step] = (int16_t)trajectory->action[step];
    }
    advisor_know(advisor, task, choices, reward);
}

// The model's means of all results as candidates of this task, a sheet's worth at a time.
static void predict_results(struct advisor *advisor, int task)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    struct advisor_sheet *sheet = &advisor->sheet;
    double *means = advisor_means(advisor, task);
    const size_t inputs = (size_t)pool->n_inputs;
    for (int first = 0; first < pool->fitted; first += ADVISOR_CANDIDATES) {
        const int left = pool->fitted - first;
        const int n = left < ADVISOR_CANDIDATES ? left : ADVISOR_CANDIDATES;
        for (int i = 0; i < n; i++) {
            advisor_describe(advisor, task, result_at(pool, first + i),
                             sheet->x + (size_t)i * inputs);
        }
        reward_model_predict(pool->model, sheet->x, n, means + first, NULL);
    }
}

static void predict_all(struct advisor *advisor, const struct advisor_pool *pool)
{
    for (int code = 0; code < pool->n_models; code++) {
        predict_results(advisor, pool->task_of[code]);
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
            predict_all(advisor, pool);
        }
    }
    advisor->seconds += clock_seconds() - began;
}

bool advisor_knows(const struct advisor *advisor, int task)
{
    return advisor_pool_of(advisor, task)->fitted > 0;
}

static bool rewards_are_flat(const struct advisor_pool *pool, int code)
{
    double mean = 0.0, square = 0.0;
    int n = 0;
    for (int i = 0; i < *pool->n; i++) {
        n += is_of(pool, pool->codes, i, code) ? 1 : 0;
    }
    for (int i = 0; i < *pool->n; i++) {
        mean += is_of(pool, pool->codes, i, code) ? pool->rewards[i] / n : 0.0;
    }
    for (int i = 0; i < *pool->n; i++) {
        square += is_of(pool, pool->codes, i, code)
                      ? (pool->rewards[i] - mean) * (pool->rewards[i] - mean) / n
                      : 0.0;
    }
    return n < 2 || square < flat_deviation * flat_deviation;
}

bool advisor_is_flat(const struct advisor *advisor, int task)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    bool flat = !advisor_is_drawn(advisor, task); // costs tell candidates apart that score alike
    for (int code = 0; code < pool->n_models; code++) {
        flat = flat && rewards_are_flat(pool, code);
    }
    return flat;
}

void advisor_predict(const struct advisor *advisor, int task, const int16_t *choices, int n,
                     int stride, double *mean, double *sd)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    double *x = advisor->sheet.x;
    CHECK(advisor_knows(advisor, task) && n <= ADVISOR_CANDIDATES);
    for (int i = 0; i < n; i++) {
        int16_t canonical[TICKET_MOST_GIVEN];
        memcpy(canonical, choices + (size_t)i * (size_t)stride,
               (size_t)pool->steps * sizeof *choices);
        candidate_canonical(advisor->options.space, task, canonical);
        advisor_describe(advisor, task, canonical, x + (size_t)i * (size_t)pool->n_inputs);
    }
    reward_model_predict(pool->model, x, n, mean, sd);
    reward_model_rewards(pool->model, x, n, mean);
    for (int i = 0; i < n && advisor_is_drawn(advisor, task); i++) {
        mean[i] = advisor_value(advisor, task, choices + (size_t)i * (size_t)stride, mean[i]);
    }
}

double advisor_worth(const struct advisor *advisor, int task, const int16_t *choices, double reward)
{
    double mean = reward;
    const bool exact = advisor->options.space->noise <= 0; // another look would show the same
    if (!exact && advisor_knows(advisor, task)) {
        advisor_predict(advisor, task, choices, 1, 0, &mean, NULL);
    }
    return mean;
}

// In pools of several models a candidate may be a result of each.
static bool is_listed(const struct advisor_pool *pool, int n, const int16_t *const *list,
                      const int16_t *choices)
{
    for (int i = 0; i < n && pool->n_models > 1; i++) {
        if (same(pool, list[i], choices)) {
            return true;
        }
    }
    return false;
}

int advisor_best(const struct advisor *advisor, int task, int most, const int16_t **list)
{
    const struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const struct candidate_space *space = advisor->options.space;
    const double *of = advisor_means(advisor, task);
    double means[ADVISOR_MOST_BEST];
    int n = 0;
    CHECK(most >= 1 && most <= ADVISOR_MOST_BEST);
    const bool drawn = advisor_is_drawn(advisor, task);
    for (int i = 0; i < pool->fitted; i++) {
        if (drawn && !advisor_is_result_of(advisor, task, i)) {
            continue;
        }
        const double mean =
            drawn ? advisor_value(advisor, task, result_at(pool, i), pool->rewards[i]) : of[i];
        if ((n == most && !(mean > means[n - 1])) ||
            !space->holds(space->context, task, result_at(pool, i)) ||
            is_listed(pool, n, list, result_at(pool, i))) {
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
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)all - (size_t)n + (size_t)i;
        const int code = pool->n_models > 1 ? pool->under_way_codes[at] : 0;
        advisor_describe(advisor, pool->task_of[code], pool->under_way + at * (size_t)pool->steps,
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
        const int first = list->n;
        ADD("choices", HDF5_U8, n * steps * sizeof *pool->choices, pool->choices);
        ADD("rewards", HDF5_F64, n, pool->rewards);
        if (pool->n_models > 1) {
            ADD("codes", HDF5_I32, n, pool->codes);
        }
        state_list_grow(list, first, 1);
        if (advisor->options.keep_under_way) { // else how many there are is the actors' affair
            ADD("n_under_way", HDF5_I32, 1, pool->n_under_way);
            ADD("episodes", HDF5_I64, under_way, pool->episodes);
            ADD("under_way", HDF5_U8, under_way * steps * sizeof *pool->under_way, pool->under_way);
            if (pool->n_models > 1) {
                ADD("under_way_codes", HDF5_I32, under_way, pool->under_way_codes);
            }
        }
#undef ADD
        snprintf(prefix, sizeof prefix, "advisor%d.model", i);
        reward_model_state(pool->model, prefix, list);
    }
}

static enum status check_choices(const struct advisor *advisor, const struct advisor_pool *pool,
                                 const int16_t *choices, const int32_t *codes, int n)
{
    for (int i = 0; i < n; i++) {
        if (pool->n_models > 1 && (codes[i] < 0 || codes[i] >= pool->n_models)) {
            FAIL(ERR_INPUT,
                 "a candidate of model %d, of %d that share results; use an older "
                 "checkpoint",
                 (int)codes[i], pool->n_models);
        }
        TRY(candidate_check(advisor->options.space, pool->task_of[0],
                            choices + (size_t)i * (size_t)pool->steps));
    }
    return OK;
}

enum status advisor_restore(struct advisor *advisor)
{
    for (int i = 0; i < advisor->n_pools; i++) {
        struct advisor_pool *pool = &advisor->pools[i];
        if (*pool->n < 0 || *pool->n > pool->capacity || *pool->n_under_way < 0 ||
            *pool->n_under_way > advisor->options.under_way) {
            FAIL(ERR_INPUT, "%d results and %d proposals under way, at most %d and %d can be",
                 (int)*pool->n, (int)*pool->n_under_way, pool->capacity,
                 advisor->options.under_way);
        }
        TRY(check_choices(advisor, pool, pool->choices, pool->codes, *pool->n));
        TRY(check_choices(advisor, pool, pool->under_way, pool->under_way_codes,
                          *pool->n_under_way));
        note_first(advisor, pool->task_of[0]);
        TRY(reward_model_restore(pool->model));
        // A checkpoint stands behind an update, which ends in a fit.
        pool->fitted = *pool->n;
        if (pool->fitted > 0) {
            predict_all(advisor, pool);
        }
    }
    return OK;
}
