#include "learner/start.h"

#include "learner/candidates.h"

enum { STARTS_PER_MODEL = 8, LEAST_STARTS = 2 };
static const double jitter = 0.25; // of the logarithm of a step's share

int start_count(const struct start *start, int task)
{
    if (start->space == NULL || start->kind == START_NONE) {
        return 0;
    }
    int sharing = 0;
    for (int i = 0; i < start->space->n_tasks; i++) {
        sharing += start->space->tasks[i].model == start->space->tasks[task].model;
    }
    CHECK(sharing > 0);
    const int each = (STARTS_PER_MODEL + sharing - 1) / sharing;
    return each > LEAST_STARTS ? each : LEAST_STARTS;
}

// START_BOTH takes turns: the uniform one, the first ranking, a changed uniform one, the next
// ranking. Rankings that there are not become changed uniform ones.
void start_make(const struct start *start, uint64_t seed, int task, int number, int16_t *choices)
{
    const struct candidate_space *space = start->space;
    const bool both = start->kind == START_BOTH;
    const bool ranked = start->kind == START_RANKED || (both && number % 2 == 1);
    const int ranking = 1 + (both ? number / 2 : number);
    if (!ranked && number == 0) {
        candidate_uniform(space, task, choices);
    } else if (!ranked || !space->suggest(space->context, task, ranking, choices)) {
        struct rng rng = rng_make(seed, RNG_START, (uint64_t)task, (uint32_t)number);
        candidate_near_uniform(space, task, jitter, &rng, choices);
    }
}

bool start_next(const struct start *start, uint64_t seed, int task, int32_t *given_out,
                struct ticket *ticket)
{
    if (*given_out >= start_count(start, task)) {
        return false;
    }
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given = start->space->tasks[task].steps;
    start_make(start, seed, task, (*given_out)++, ticket->given);
    return true;
}
