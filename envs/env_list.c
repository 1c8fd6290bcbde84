// All environments.
#include "envs/env_list.h"

#include <string.h>

const struct env_ops *const env_list[] = {
#define X(id, name) &env_##name,
    ENV_LIST(X)
#undef X
        NULL};

const char *const env_names[] = {
#define X(id, name) #name,
    ENV_LIST(X)
#undef X
        NULL};

enum env_kind env_kind_find(const char *name)
{
    int kind = 0;
    while (kind < ENV_KIND_COUNT && strcmp(env_list[kind]->name, name) != 0) {
        kind++;
    }
    return (enum env_kind)kind;
}

const struct env_ops *env_find(const char *name)
{
    return env_list[env_kind_find(name)];
}
