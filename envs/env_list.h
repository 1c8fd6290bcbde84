// All environments.
#pragma once
#include "envs/env.h"

extern const struct env_ops env_prune, env_bandit, env_catch, env_cartpole, env_sleep;
extern const struct env_ops *const env_list[];    // NULL-ended
const struct env_ops *env_find(const char *name); // NULL if absent
