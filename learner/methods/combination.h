// The best combination of choices within a task's budget by curves of damage: dynamic programming
// on costs that are linear around a point, again from where that leads, then exact repair.
#pragma once
#include "learner/candidate_space.h"
#include "learner/methods/knapsack.h"

struct combination {
    const struct candidate_space *space; // borrowed
    struct knapsack knapsack; // its losses are the caller's to fill, [steps][most_choices]
};
enum status combination_open(const struct candidate_space *space, struct arena *arena,
                             struct combination *out);
// choices [steps] out: within the budget, with as much of it used as single steps can use.
void combination_find(struct combination *combination, int task, int16_t *choices);
double combination_loss(const struct combination *combination, int task, const int16_t *choices);
