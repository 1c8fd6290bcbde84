// Every environment, once: X(ID, name) stands for ENV_ID and for the table `env_name` at the end of
// name/env_name.c. The plain ones have their options in `name_option_table`, which a config holds
// under their name; the others design networks (network_env.h), for the networks and tasks of the
// config.
#pragma once
#include "envs/env.h"

#define ENV_PLAIN_LIST(X)                                                                          \
    X(BANDIT, bandit)                                                                              \
    X(CATCH, catch)                                                                                \
    X(CARTPOLE, cartpole)                                                                          \
    X(SLEEP, sleep)                                                                                \
    X(TABULAR, tabular)
#define ENV_DESIGN_LIST(X) X(PRUNE, prune) X(NAS, nas)
#define ENV_LIST(X) ENV_DESIGN_LIST(X) ENV_PLAIN_LIST(X)

enum env_kind {
#define X(id, name) ENV_##id,
    ENV_LIST(X)
#undef X
        ENV_KIND_COUNT
};
#define X(id, name) extern const struct env_ops env_##name;
ENV_LIST(X)
#undef X
#define X(id, name) extern const struct option name##_option_table[];
ENV_PLAIN_LIST(X)
#undef X
extern const struct env_ops *const env_list[]; // by kind, NULL-ended
extern const char *const env_names[];          // likewise
// The kind with this name; ENV_KIND_COUNT, whose entry of the list is NULL, if absent.
enum env_kind env_kind_find(const char *name);
const struct env_ops *env_find(const char *name); // NULL if absent
