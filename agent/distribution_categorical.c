// One logit per choice; softmax over the legal ones.
#include "agent/distribution_tools.h"

#include <math.h>

static double logit(const void *context, const struct offer *offer, int choice)
{
    (void)offer;
    const float *output = context;
    return (double)output[choice];
}

static int outputs(int n_choices)
{
    return n_choices;
}

static void sample(const float *output, const struct offer *offer, bool greedy, float noise,
                   struct rng *rng, struct chosen *out)
{
    (void)noise;
    weighing_choose(&(struct weighing){logit, output}, offer, greedy, rng, out);
}

static void value(const float *output, const struct offer *offer, const struct chosen *taken,
                  struct distribution_value *out, double *d_logp, double *d_entropy)
{
    CHECK(offer->legal[taken->choice] != 0);
    const double log_total = weighing_log_total(&(struct weighing){logit, output}, offer);
    out->logp = (double)output[taken->choice] - log_total;
    out->entropy = 0.0;
    for (int k = 0; k < offer->n; k++) {
        if (offer->legal[k] != 0) {
            const double logp = (double)output[k] - log_total;
            out->entropy -= exp(logp) * logp;
        }
    }
    if (d_logp == NULL) {
        return;
    }
    for (int k = 0; k < offer->n; k++) {
        const double logp = (double)output[k] - log_total;
        const double p = offer->legal[k] != 0 ? exp(logp) : 0.0;
        d_logp[k] = (k == taken->choice ? 1.0 : 0.0) - p;
        d_entropy[k] = -p * (logp + out->entropy);
    }
}

const struct distribution distribution_categorical = {"categorical", outputs, sample, value};
