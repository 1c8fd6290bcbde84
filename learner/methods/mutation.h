// A candidate near another one: one or two of its steps changed, as the mutation of regularised
// evolution (Real et al. 2019) does it.
#pragma once
#include "core/rng.h"
#include "transport/trajectory.h"

// A candidate as its choices.
struct genome {
    int steps;
    const int32_t *actions, *choices; // [steps] taken, and how many each step had
};
// The genome of an episode; borrowed from it.
struct genome genome_of_trajectory(const struct trajectory *trajectory);
// given [steps]: a step up or down by one or two, or any choice, at one or two random steps. What
// the wall does not allow is repaired when the episode runs, so it may come out as a known one.
void mutation_draw(const struct genome *parent, struct rng *rng, int16_t *given);
