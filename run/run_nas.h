// The options of environment nas that a run's config amounts to.
#pragma once
#include "envs/nas/nas.h"
#include "run/run_config.h"

// files [networks]: of the supernets; borrowed, as the config. Memory from `arena`.
enum status run_nas_config(const struct run_config *config, const char *const *files,
                           struct arena *arena, struct nas_config *out);
