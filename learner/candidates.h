// Making candidates that keep a task's budget. choices [steps], by number; every function leaves
// ones that hold, in their canonical form, so that equal candidates have equal choices.
#pragma once
#include "core/rng.h"
#include "learner/candidate_space.h"

// Whether choices [steps] are there in the task; ERR_INPUT otherwise.
enum status candidate_check(const struct candidate_space *space, int task, const int16_t *choices);

bool candidate_is_categorical(const struct candidate_task *task, int step);
int candidate_categorical_steps(const struct candidate_task *task); // how many
void candidate_canonical(const struct candidate_space *space, int task, int16_t *choices);

// Every step at the choice nearest to the same share: the largest, to 1/1024, that holds.
void candidate_uniform(const struct candidate_space *space, int task, int16_t *choices);
// The same with each step's share changed at random, log-normally by `deviation`, then filled.
// Categorical steps, of which there is no more or less, are drawn.
void candidate_near_uniform(const struct candidate_space *space, int task, double deviation,
                            struct rng *rng, int16_t *choices);
// Steps in random order, each uniform over what still holds with the rest at its least; with
// categorical steps uniform over all that holds, while that is not too rare.
void candidate_random(const struct candidate_space *space, int task, struct rng *rng,
                      int16_t *choices);
// Changes one to three steps, ordered ones by one to four choices up or down, categorical ones to
// any other, then shrinks. from [steps] may be one of another task of this family, above this
// task's budget.
void candidate_mutate(const struct candidate_space *space, int task, struct rng *rng,
                      const int16_t *from, int16_t *choices);
// The same with one step.
void candidate_change_one(const struct candidate_space *space, int task, struct rng *rng,
                          const int16_t *from, int16_t *choices);
// Lowers random steps until all limits hold: ordered ones by one choice, categorical ones to any
// that uses less.
void candidate_shrink(const struct candidate_space *space, int task, struct rng *rng,
                      int16_t *choices);
// Raises random ordered steps by one choice where that holds, twice as many attempts as there are
// steps: what is left of the budget is used.
void candidate_fill(const struct candidate_space *space, int task, struct rng *rng,
                    int16_t *choices);

// The neighbourhood of a candidate: one step at another choice, an ordered step at the next one up
// or down, and others lowered at random where that does not hold. How many numbers there are, and
// the number-th of them; false: there is none of that number, or it comes to the same thing.
int candidate_neighbours(const struct candidate_task *task);
bool candidate_neighbour(const struct candidate_space *space, int task, int number, struct rng *rng,
                         const int16_t *from, int16_t *choices);
