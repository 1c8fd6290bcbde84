// Candidates that are worth a try before anything is known.
#pragma once
#include "envs/nas/nas_walk.h"

// The greatest share s in [0, 1] at which every decision from `first` on, at the round(s * (n -
// 1))-th of its n choices by cost, keeps the limits, those before it being as in choice
// [n_decisions]; 0 where not even that does.
double nas_uniform_share(const struct nas_study *study, const struct nas_cost *limits,
                         const int16_t *choice, int first);
// The number-th suggestion within the task's limits and the targets of its objective, canonical;
// false: there are no more. 0: the uniform share, then single decisions raised while the limits
// allow. The others favour or spare one role: its decisions stay at their greatest, or at their
// cheapest, the rest is uniform.
bool nas_suggest(const struct nas_walk *walk, int number, int16_t *choice);
