// All environments.
#include "envs/env_list.h"

#include <string.h>

const struct env_ops *const env_list[] = {&env_prune,    &env_bandit, &env_catch,
                                          &env_cartpole, &env_sleep,  NULL};

const struct env_ops *env_find(const char *name)
{
    for (int i = 0; env_list[i] != NULL; i++) {
        if (strcmp(env_list[i]->name, name) == 0) {
            return env_list[i];
        }
    }
    return NULL;
}
