// What is known of a task's candidates without trying any: the choices of each step, whether
// choices keep the budget, and what one would try unasked. choices [n_steps] are numbers as in an
// episode. Not while an episode is under way in this environment: these share its memory.
#pragma once
#include "envs/env.h"

struct prune_space_task {
    int network;                  // tasks of one network share their candidates
    int steps;                    // of an episode
    const int *n_choices;         // [steps]; the environment's, as is the next
    const float *const *position; // [steps][n_choices] as in env_row
    double budget;                // the tightest limit, as a share of the whole cost
};
void prune_space_task(const struct env *env, int task, struct prune_space_task *out);
// The greatest share of one of the task's limits that these choices use up, and whether they keep
// all of them, to the last unit.
double prune_space_use(struct env *env, int task, const int16_t *choices);
bool prune_space_holds(struct env *env, int task, const int16_t *choices);
// The number-th suggestion, the most promising first (prune_suggest.h); false: there are no more.
// 0: wall_uniform.
bool prune_space_suggest(struct env *env, int task, int number, int16_t *choices);
// Standard deviation of the reward of one candidate if the scoring images were drawn anew.
double prune_space_noise(const struct env *env);
