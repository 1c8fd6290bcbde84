// Architecture search in a supernet as an environment: one step takes one decision of a space
// (search_space/nas_space.h), the exact wall masks what could not be kept within the budget, the
// network of all decisions inherits the supernet's weights, is recalibrated and scored.
#pragma once
#include "envs/env.h"
#include "envs/objective.h"
#include "envs/scoring/scoring.h"
#include "search_space/cost.h"
#include "search_space/nas_space.h"

struct nas_network {
    struct scoring_network scored; // file: of the supernet
    const struct nas_space_type *type;
    const void *options; // of the space; borrowed, as type
};
struct nas_task {
    const char *name;
    int network; // index
    double
        budget[COST_KINDS]; // a share of the largest network's when <= 1, else a number; 0 = none
    struct objective_options objective;
};
// The options struct of env_nas (env_job.config).
struct nas_config {
    const struct nas_network *networks;
    const struct nas_task *tasks;
    int n_networks, n_tasks;
    struct scoring_options scoring; // refit counts for nothing: REFIT_ON is refused
};
