#include "learner/methods/trials.h"

#include "core/hash.h"
#include "learner/candidates.h"

#include <string.h>

enum { ATTEMPTS = 16 };

enum status trials_open(const struct method_job *job, struct arena *arena, struct trials *out)
{
    struct trials trials = {.space = job->space,
                            .most_steps = job->shape->rows - 1,
                            .capacity = job->n_tasks * job->search->evaluations,
                            .sync = job->learner->mode == MODE_SYNC};
    const size_t n = (size_t)trials.capacity;
    ARENA_NEW(arena, trials.n, 1);
    ARENA_NEW(arena, trials.task, n);
    ARENA_NEW(arena, trials.episode, n);
    ARENA_NEW(arena, trials.reward, n);
    ARENA_NEW(arena, trials.hash, n);
    ARENA_NEW(arena, trials.choices, n * (size_t)trials.most_steps);
    ARENA_NEW(arena, trials.proposed, TRIALS_PROPOSED);
    *out = trials;
    return OK;
}

static int64_t hash_of(const struct trials *trials, int task, const int16_t *choices)
{
    const struct candidate_task *t = &trials->space->tasks[task];
    const size_t bytes = (size_t)t->steps * sizeof *choices;
    int16_t canonical[TICKET_MOST_GIVEN];
    memcpy(canonical, choices, bytes);
    candidate_canonical(trials->space, task, canonical);
    const uint64_t hash = hash_bytes(HASH_BEGIN, &t->model, sizeof t->model);
    const uint64_t whole = hash_bytes(hash, canonical, bytes);
    return whole != 0 ? (int64_t)whole : 1;
}

static bool has_scored(const struct trials *trials, int64_t hash)
{
    bool scored = false;
    for (int i = 0; i < *trials->n; i++) {
        scored |= trials->hash[i] == hash;
    }
    return scored;
}

bool trials_scored(const struct trials *trials, int task, const int16_t *choices)
{
    return has_scored(trials, hash_of(trials, task, choices));
}

bool trials_known(const struct trials *trials, int task, const int16_t *choices)
{
    const int64_t hash = hash_of(trials, task, choices);
    bool known = false;
    for (int i = 0; i < TRIALS_PROPOSED; i++) {
        known |= trials->proposed[i] == hash;
    }
    return known || has_scored(trials, hash);
}

const int16_t *trials_choices(const struct trials *trials, int trial)
{
    return trials->choices + (size_t)trial * (size_t)trials->most_steps;
}

bool trials_holds(const struct trials *trials, int trial, int task)
{
    const struct candidate_space *space = trials->space;
    const int scored = trials->task[trial];
    return scored == task || (space->tasks[scored].model == space->tasks[task].model &&
                              space->holds(space->context, task, trials_choices(trials, trial)));
}

// own: of the very task only.
static int find_best(const struct trials *trials, int task, bool own, int most, int *found)
{
    int n = 0;
    for (int i = 0; i < *trials->n; i++) {
        if ((n == most && trials->reward[i] <= trials->reward[found[n - 1]]) ||
            !(own ? trials->task[i] == task : trials_holds(trials, i, task))) {
            continue;
        }
        int at = n < most ? n++ : n - 1;
        for (; at > 0 && trials->reward[i] > trials->reward[found[at - 1]]; at--) {
            found[at] = found[at - 1];
        }
        found[at] = i;
    }
    return n;
}

int trials_best(const struct trials *trials, int task, int most, int *found)
{
    return find_best(trials, task, false, most, found);
}

int trials_best_of(const struct trials *trials, int task, int most, int *found)
{
    return find_best(trials, task, true, most, found);
}

void trials_vary(const struct trials *trials, int task, struct rng *rng, const int16_t *from,
                 bool filled, int16_t *choices)
{
    const bool one = candidate_categorical_steps(&trials->space->tasks[task]) > 0;
    for (int i = 0; i < ATTEMPTS; i++) {
        if (one) {
            candidate_change_one(trials->space, task, rng, from, choices);
        } else {
            candidate_mutate(trials->space, task, rng, from, choices);
        }
        if (filled) {
            candidate_fill(trials->space, task, rng, choices);
        }
        if (!trials_known(trials, task, choices)) {
            return;
        }
    }
}

void trials_propose(struct trials *trials, const int16_t *choices, struct ticket *ticket)
{
    const int steps = trials->space->tasks[ticket->task].steps;
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given = steps;
    memmove(ticket->given, choices, (size_t)steps * sizeof *choices);
    candidate_canonical(trials->space, ticket->task, ticket->given);
    trials->proposed[ticket->episode % TRIALS_PROPOSED] = hash_of(trials, ticket->task, choices);
}

void trials_take(struct trials *trials, const struct trajectory *t, bool fresh)
{
    if (!fresh || *trials->n == trials->capacity) { // full: only if a checkpoint says so
        return;
    }
    const int at = (*trials->n)++, steps = trials->space->tasks[t->header->task].steps;
    int16_t *choices = trials->choices + (size_t)at * (size_t)trials->most_steps;
    for (int i = 0; i < steps; i++) {
        choices[i] = (int16_t)t->action[i];
    }
    candidate_canonical(trials->space, t->header->task, choices);
    trials->task[at] = t->header->task;
    trials->episode[at] = t->header->episode;
    trials->reward[at] = trajectory_worth(t);
    trials->hash[at] = hash_of(trials, t->header->task, choices);
}

void trials_state(struct trials *trials, struct state_list *list)
{
    const size_t n = (size_t)trials->capacity;
    state_list_add_within(list, "trials.n", HDF5_I32, 1, trials->n, 0, trials->capacity);
    const int first = list->n;
    state_list_add_within(list, "trials.task", HDF5_I32, n, trials->task, 0,
                          trials->space->n_tasks - 1);
    state_list_add_within(list, "trials.episode", HDF5_I64, n, trials->episode, 0, STATE_COUNT_MAX);
    state_list_add(list, "trials.reward", HDF5_F64, n, trials->reward);
    state_list_add(list, "trials.hash", HDF5_I64, n, trials->hash);
    state_list_add(list, "trials.choices", HDF5_U8,
                   n * (size_t)trials->most_steps * sizeof *trials->choices, trials->choices);
    state_list_grow(list, first, 1);
    state_list_add(list, "trials.proposed", HDF5_I64, TRIALS_PROPOSED, trials->proposed);
}

// async: what was under way is not run again, so it may be proposed again.
enum status trials_load(struct trials *trials)
{
    if (*trials->n < 0 || *trials->n > trials->capacity) {
        FAIL(ERR_INPUT, "%d candidates tried, expected 0 to %d", (int)*trials->n, trials->capacity);
    }
    for (int i = 0; i < *trials->n; i++) {
        TRY(candidate_check(trials->space, trials->task[i], trials_choices(trials, i)));
    }
    for (int i = 0; i < TRIALS_PROPOSED && !trials->sync; i++) {
        trials->proposed[i] = 0;
    }
    return OK;
}
