// For environments whose steps are of both kinds: where choices have an order, the Gaussian on the
// action axis; where they have none, a logit for each. The Gaussian's two outputs come first.
#include "agent/distribution_tools.h"

enum { ORDERED_OUTPUTS = 2 };

static int outputs(int n_choices)
{
    return ORDERED_OUTPUTS + distribution_categorical.outputs(n_choices);
}

static const struct distribution *part_of(const struct offer *offer, int *first)
{
    *first = offer->categorical ? ORDERED_OUTPUTS : 0;
    return offer->categorical ? &distribution_categorical : &distribution_gaussian;
}

static void sample(const float *output, const struct offer *offer, bool greedy, float noise,
                   struct rng *rng, struct chosen *out)
{
    int first;
    const struct distribution *part = part_of(offer, &first);
    part->sample(output + first, offer, greedy, noise, rng, out);
}

static void value(const float *output, const struct offer *offer, const struct chosen *taken,
                  struct distribution_value *out, double *d_logp, double *d_entropy)
{
    int first;
    const struct distribution *part = part_of(offer, &first);
    part->value(output + first, offer, taken, out, d_logp != NULL ? d_logp + first : NULL,
                d_entropy != NULL ? d_entropy + first : NULL);
}

const struct distribution distribution_mixed = {"mixed", outputs, sample, value};
