// All environments.
#pragma once
#include "envs/env.h"

extern const struct env_ops env_prune, env_bandit, env_catch, env_cartpole, env_sleep;
// Rows of the small ones' options.
extern const struct option bandit_option_table[], catch_option_table[], cartpole_option_table[],
    sleep_option_table[];
extern const struct env_ops *const env_list[];    // NULL-ended
const struct env_ops *env_find(const char *name); // NULL if absent
