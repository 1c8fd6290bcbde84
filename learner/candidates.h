// Making candidates that keep a task's budget. choices [steps], by number; every function leaves
// ones that hold.
#pragma once
#include "core/rng.h"
#include "learner/candidate_space.h"

// Whether choices [steps] are there in the task; ERR_INPUT otherwise.
enum status candidate_check(const struct candidate_space *space, int task, const int16_t *choices);

// Every step at the choice nearest to the same share: the largest, to 1/1024, that holds.
void candidate_uniform(const struct candidate_space *space, int task, int16_t *choices);
// The same with each step's share changed at random, log-normally by `deviation`, then filled.
void candidate_near_uniform(const struct candidate_space *space, int task, double deviation,
                            struct rng *rng, int16_t *choices);
// Steps in random order, each uniform over what still holds with the rest at its least.
void candidate_random(const struct candidate_space *space, int task, struct rng *rng,
                      int16_t *choices);
// Changes one to three steps by one to four choices, up or down, then shrinks. from [steps] may be
// one of another task of this model, above this task's budget.
void candidate_mutate(const struct candidate_space *space, int task, struct rng *rng,
                      const int16_t *from, int16_t *choices);
// Lowers random steps by one choice until all limits hold.
void candidate_shrink(const struct candidate_space *space, int task, struct rng *rng,
                      int16_t *choices);
// Raises random steps by one choice where that holds, twice as many attempts as there are steps:
// what is left of the budget is used.
void candidate_fill(const struct candidate_space *space, int task, struct rng *rng,
                    int16_t *choices);
