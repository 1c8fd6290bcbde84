// Cuts channels for real: gathers the kept ones into a smaller graph and a smaller parameter block.
#pragma once
#include "search_space/groups.h"

// keep[g]: ascending channel numbers of group g that stay, kept[g] of them (>= 1).
struct keep {
    int *const *keep;
    const int *kept;
};
// out: closed by the caller with graph_close; *out_params from malloc, freed with free().
enum status slim_network(const struct graph *graph, const struct groups *groups,
                         const float *params, const struct keep *keep, struct graph *out,
                         float **out_params);

// The test oracle: the full-size parameters with every weight over a cut channel zero, in place.
void slim_mask(const struct graph *graph, const struct groups *groups, const struct keep *keep,
               float *params);
