// Local search, as far as methods share it: the neighbours of a task's best candidate one after the
// other, the first that is better taking its place.
#pragma once
#include "learner/methods/trials.h"

struct climb {
    struct trials *trials; // borrowed
    int n_tasks;
    int64_t *began; // [n_tasks] first episode of the climb, 0 = the first climb; arena
    int32_t *order; // scratch: as many as a task's neighbours
};
enum status climb_open(const struct method_job *job, struct trials *trials, struct arena *arena,
                       struct climb *out);
// choices [steps] of the ticket's task: a neighbour of the best, which at first may be one of
// another task of its model, that nobody has tried; a new climb from somewhere else when there is
// none, or nothing better has come for long.
void climb_propose(struct climb *climb, uint64_t seed, const struct ticket *ticket,
                   int16_t *choices);
void climb_state(struct climb *climb, struct state_list *list);
