// Criterion random: the baseline every other one has to beat.
#include "core/rng.h"
#include "search_space/channel_union.h"
#include "search_space/criterion.h"

static bool rows_random(const struct criterion_input *input, int node, double *values)
{
    if (!channel_is_produced(input->graph, node)) {
        return false;
    }
    struct rng rng = rng_make(input->seed, RNG_CRITERION, (uint64_t)node, 0);
    for (int k = 0; k < input->graph->nodes[node].c; k++) {
        values[k] = (double)rng_uniform(&rng);
    }
    return true;
}

const struct criterion criterion_random = {
    .name = "random", .needs = NEEDS_WEIGHTS, .rows = rows_random};
