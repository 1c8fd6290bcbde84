// The options of environment prune that a run's config amounts to.
#pragma once
#include "run/run_config.h"

// files [networks]: of the base networks; borrowed, as the config. Memory from `arena`.
enum status run_prune_config(const struct run_config *config, const char *const *files,
                             struct arena *arena, struct prune_config *out);
