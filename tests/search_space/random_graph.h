// Random networks of every node kind, random weights, and random choices of channels, for fuzzing.
#pragma once
#include "core/rng.h"
#include "search_space/slim.h"

#include <stdint.h>

// How often things worth testing came up.
struct random_tally {
    int kinds[NODE_KIND_COUNT];
    int grouped, depthwise;
};
// A network on 8x8x3 images with 5 outputs. Closed by the caller.
void random_graph_build(struct rng *rng, struct graph *out, struct random_tally *tally);
// Every parameter random, variances positive. params [n_floats].
void random_graph_params(const struct graph *graph, struct rng *rng, float *params);
// Random widths that respect equal parts, and random channels of that number. Memory from `arena`.
struct keep random_keep(const struct groups *groups, struct rng *rng, struct arena *arena);
