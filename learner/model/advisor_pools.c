// Which tasks of an advisor share a pool of results, and the pools' memory.
#include "learner/candidates.h"
#include "learner/model/advisor_internal.h"

enum { MOST_POINTS = 2000 };

// Pools are numbered by the least model, or task, in them.
static int key_of(const struct advisor *advisor, int task)
{
    const struct candidate_space *space = advisor->options.space;
    int least = space->tasks[task].model;
    for (int i = 0; i < space->n_tasks; i++) {
        const struct candidate_task *t = &space->tasks[i];
        least = t->family == space->tasks[task].family && t->model < least ? t->model : least;
    }
    return advisor->options.share ? least : task;
}

static bool is_first_of_key(const struct advisor *advisor, int task)
{
    for (int i = 0; i < task; i++) {
        if (key_of(advisor, i) == key_of(advisor, task)) {
            return false;
        }
    }
    return true;
}

static int pool_number(const struct advisor *advisor, int task)
{
    int smaller = 0;
    for (int i = 0; i < advisor->options.space->n_tasks; i++) {
        smaller += is_first_of_key(advisor, i) && key_of(advisor, i) < key_of(advisor, task);
    }
    return smaller;
}

// Whether a task is the first of its model.
static bool is_first_of_model(const struct candidate_space *space, int task)
{
    for (int i = 0; i < task; i++) {
        if (space->tasks[i].model == space->tasks[task].model) {
            return false;
        }
    }
    return true;
}

// The models of a pool are numbered in order; a task without others has a model of its own.
static int code_number(const struct advisor *advisor, int task)
{
    const struct candidate_space *space = advisor->options.space;
    int smaller = 0;
    for (int i = 0; i < space->n_tasks; i++) {
        smaller += advisor->pool_of[i] == advisor->pool_of[task] && is_first_of_model(space, i) &&
                   space->tasks[i].model < space->tasks[task].model;
    }
    return smaller;
}

static void describe_pool(struct advisor *advisor, int task)
{
    const struct advisor_options *o = &advisor->options;
    const struct candidate_task *t = &o->space->tasks[task];
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    pool->steps = t->steps;
    pool->n_ordered = t->steps - candidate_categorical_steps(t);
    pool->n_models = 1;
    for (int i = 0; i < o->space->n_tasks; i++) {
        if (advisor->pool_of[i] == advisor->pool_of[task] &&
            advisor->code_of[i] >= pool->n_models) {
            pool->n_models = advisor->code_of[i] + 1;
        }
    }
    pool->guess = o->informed && o->space->losses != NULL && pool->n_models == 1;
    pool->n_inputs = t->steps + (pool->n_models > 1 ? 1 : 0) + (pool->guess ? 1 + pool->steps : 0);
}

static enum status allocate(struct advisor *advisor, struct advisor_pool *pool)
{
    struct arena *arena = &advisor->arena;
    const size_t n = (size_t)pool->capacity, steps = (size_t)pool->steps;
    const size_t under_way = (size_t)advisor->options.under_way;
    ARENA_NEW(arena, pool->n, 1);
    ARENA_NEW(arena, pool->choices, n * steps);
    ARENA_NEW(arena, pool->rewards, n);
    ARENA_NEW(arena, pool->means, n * (size_t)pool->n_models);
    ARENA_NEW(arena, pool->first_losses, steps);
    ARENA_NEW(arena, pool->n_under_way, 1);
    ARENA_NEW(arena, pool->episodes, under_way);
    ARENA_NEW(arena, pool->under_way, under_way * steps);
    ARENA_NEW(arena, pool->task_of, (size_t)pool->n_models);
    ARENA_NEW(arena, pool->codes, pool->n_models > 1 ? n : 0);
    ARENA_NEW(arena, pool->under_way_codes, pool->n_models > 1 ? under_way : 0);
    return OK;
}

static enum status open_pool(struct advisor *advisor, int task, int sharing)
{
    const struct advisor_options *o = &advisor->options;
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    describe_pool(advisor, task);
    pool->capacity = sharing * o->evaluations + o->n_known;
    TRY(allocate(advisor, pool));
    for (int i = o->space->n_tasks - 1; i >= 0; i--) {
        if (advisor->pool_of[i] == advisor->pool_of[task]) {
            pool->task_of[advisor->code_of[i]] = i;
        }
    }
    const struct reward_model_options options = {
        .n_inputs = pool->n_inputs,
        .own_inputs = o->informed ? pool->n_ordered : 0,
        .linear_inputs = pool->guess ? pool->steps : 0,
        .categorical_inputs = pool->steps - pool->n_ordered,
        .n_tasks = pool->n_models,
        .ranked = pool->n_models > 1 || pool->n_ordered < pool->steps,
        .capacity = pool->capacity,
        .most_points = MOST_POINTS,
        .most_joint = ADVISOR_SCREENED,
        .noise_floor = o->space->noise,
        .seed = o->seed + (uint64_t)advisor->pool_of[task],
    };
    return reward_model_open(o->kind, &options, &pool->model);
}

static enum status open_sheet(struct advisor *advisor)
{
    struct advisor_sheet *sheet = &advisor->sheet;
    const size_t n = ADVISOR_CANDIDATES;
    int most_steps = 0;
    for (int i = 0; i < advisor->n_pools; i++) {
        most_steps = advisor->pools[i].steps > most_steps ? advisor->pools[i].steps : most_steps;
    }
    ARENA_NEW(&advisor->arena, sheet->choices, n * (size_t)most_steps);
    ARENA_NEW(&advisor->arena, sheet->x, n * (size_t)(2 * most_steps + 2));
    ARENA_NEW(&advisor->arena, sheet->mean, ADVISOR_CANDIDATES);
    ARENA_NEW(&advisor->arena, sheet->sd, ADVISOR_CANDIDATES);
    ARENA_NEW(&advisor->arena, sheet->order, ADVISOR_CANDIDATES);
    ARENA_NEW(&advisor->arena, advisor->best, ADVISOR_MOST_BEST);
    return OK;
}

enum status advisor_open_pools(struct advisor *advisor)
{
    const int n_tasks = advisor->options.space->n_tasks;
    int *sharing;
    ARENA_NEW(&advisor->arena, advisor->pool_of, (size_t)n_tasks);
    ARENA_NEW(&advisor->arena, advisor->code_of, (size_t)n_tasks);
    ARENA_NEW(&advisor->arena, sharing, (size_t)n_tasks);
    for (int task = 0; task < n_tasks; task++) {
        advisor->pool_of[task] = pool_number(advisor, task);
        advisor->n_pools += is_first_of_key(advisor, task) ? 1 : 0;
        sharing[advisor->pool_of[task]]++;
    }
    ARENA_NEW(&advisor->arena, advisor->pools, (size_t)advisor->n_pools);
    for (int task = 0; task < n_tasks; task++) {
        advisor->code_of[task] = advisor->options.share ? code_number(advisor, task) : 0;
    }
    for (int task = 0; task < n_tasks; task++) {
        if (advisor_pool_of(advisor, task)->model == NULL) {
            TRY(open_pool(advisor, task, sharing[advisor->pool_of[task]]));
        }
    }
    return open_sheet(advisor);
}
