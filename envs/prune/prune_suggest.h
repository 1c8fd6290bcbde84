// What one would try in a task unasked, the most promising first.
#pragma once
#include "envs/prune/prune_walk.h"

// The number-th suggestion for the task's own limits, choices [n_steps] out; no two are equal.
// False: there are no more. 0 is wall_uniform, 1 what the guessed errors speak for (prune_hint.h).
// Resets the walk when called for the first time.
bool prune_suggest(struct prune_walk *walk, int number, int16_t *choices);
