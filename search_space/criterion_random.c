// Criterion random: the baseline every other one has to beat.
#include "core/rng.h"
#include "search_space/criterion_values.h"

static enum status score_random(const struct criterion_input *input, float *const *scores)
{
    for (int g = 0; g < input->groups->n; g++) {
        struct rng rng = rng_make(input->seed, RNG_CRITERION, (uint64_t)g, 0);
        for (int k = 0; k < input->groups->groups[g].channels; k++) {
            scores[g][k] = rng_uniform(&rng);
        }
    }
    return OK;
}

const struct criterion criterion_random = {
    .name = "random", .needs = NEEDS_WEIGHTS, .score = score_random};
