// What is known of a task's candidates without trying any: rows of network_env_ops, by the same
// names.
#pragma once
#include "envs/network_env.h"

void prune_space_task(const struct env *env, int task, struct network_space *out);
double prune_space_use(struct env *env, int task, const int16_t *choices);
bool prune_space_holds(struct env *env, int task, const int16_t *choices);
// The suggestions of prune_suggest.h; 0: wall_uniform.
// The guessed errors (error_curve.h) of the groups that an episode decides: losses [steps].
void prune_space_losses(struct env *env, int task, const int16_t *choices, double *losses);
// Whether these are widths of all groups that an episode may decide, and the choices of that
// episode.
bool prune_space_steps_of(struct env *env, int task, const int32_t *widths, int n,
                          int16_t *choices);
bool prune_space_suggest(struct env *env, int task, int number, int16_t *choices);
double prune_space_noise(const struct env *env);
