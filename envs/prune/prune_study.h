// One network as the search sees it: which groups are decided, in which order, and what they cost.
#pragma once
#include "envs/prune/host_data.h"
#include "envs/prune/prune_hint.h"
#include "search_space/cost.h"
#include "search_space/refit.h"

#define PRUNE_REFIT_LAMBDA 1e-6

struct prune_study {
    const struct host_network *network; // borrowed
    struct refit *refit;                // owned; NULL without
    int *steps; // [n_steps] the group that each step decides, in graph order; arena
    int n_steps;
    int *n_choices;         // [n_steps] widths that there are, whatever the budget; arena
    const float **position; // [n_steps][n_choices] their shares of the group's channels; arena
    int *first;             // [n_steps] where the group begins in curves of host_prior; arena
    struct prune_corners *corners; // [n_steps] arena
    float *fixed; // [n_steps][PRUNE_FEATURE_COUNT] features that no decision changes; arena
    struct cost_model *models[COST_KINDS]; // by cost_kind; arena
    int64_t full[COST_KINDS],
        least[COST_KINDS]; // by cost_kind: uncut; every step's group at its least width
    int most_choices;      // of a step
};
// ERR_CONFIG: nothing can be decided.
enum status prune_study_open(const struct host_network *network, const struct space_options *space,
                             struct arena *arena, struct prune_study *out);
void prune_study_close(struct prune_study *study); // a zeroed one is fine
