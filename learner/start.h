// The first candidates of a task, the same for every method, so that a comparison is of methods and
// not of where they start: the same share of everything, the environment's own rankings, and random
// changes of the former. They count as evaluations.
#pragma once
#include "learner/candidate_space.h"
#include "learner/learner_options.h"

struct start {
    const struct candidate_space *space; // NULL: there are none
    enum search_start kind;
};
// Fills source and given of the next one's ticket, *given_out counts those of this task. False: all
// are given out. With one task to a model there are 8, with more of them at least 2 each.
bool start_next(const struct start *start, uint64_t seed, int task, int32_t *given_out,
                struct ticket *ticket);
// The number-th of them, which there is for every number; choices [steps]. kind is not START_NONE.
void start_make(const struct start *start, uint64_t seed, int task, int number, int16_t *choices);
int start_count(const struct start *start, int task);
