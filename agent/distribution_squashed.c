// MTACP's squashed Gaussian (Ma & Fang 2023) without the released code's mistakes: the
// log-probability is taken at the stored x, before tanh, and the mean reaches the whole action
// range: it is bounded to [-5, 5], where tanh is within 1e-4 of its ends. Bounded at all, since
// beyond that x changes nothing and only wanders; and by a smooth curve, as is the deviation
// (1e-3 to 1), because a clamp holds for ever what it has caught.
#include "agent/distribution_tools.h"

#include <math.h>

static const double reach = 5.0, least_deviation = 1e-3;
static const double half_log_two_pi_e = 1.41893853320467274178;

struct squashed {
    struct parameter mean, deviation; // of x
};

static struct squashed parameters(const float *output)
{
    return (struct squashed){.mean = parameter_bounded(output[0], 0.0, reach),
                             .deviation = parameter_deviation(output[1], least_deviation, 0.0)};
}

static double log_density(const struct squashed *s, float x)
{
    const double z = ((double)x - s->mean.value) / s->deviation.value;
    return normal_log_density(z) - log(s->deviation.value);
}

static int outputs(int n_choices)
{
    (void)n_choices;
    return 2;
}

static void sample(const float *output, const struct offer *offer, bool greedy, float noise,
                   struct rng *rng, struct chosen *out)
{
    (void)noise;
    const struct squashed s = parameters(output);
    const double step = greedy ? 0.0 : s.deviation.value * (double)rng_normal(rng);
    const float x = (float)(s.mean.value + step);
    const double share = 0.5 * (tanh((double)x) + 1.0);
    *out = (struct chosen){.choice =
                               offer_nearest(offer, offer_low(offer) + offer_span(offer) * share),
                           .raw = x,
                           .logp = (float)log_density(&s, x)};
}

static void value(const float *output, const struct offer *offer, const struct chosen *taken,
                  struct distribution_value *out, double *d_logp, double *d_entropy)
{
    (void)offer;
    const struct squashed s = parameters(output);
    out->logp = log_density(&s, taken->raw);
    out->entropy = half_log_two_pi_e + log(s.deviation.value);
    if (d_logp != NULL) {
        const double z = ((double)taken->raw - s.mean.value) / s.deviation.value;
        d_logp[0] = z / s.deviation.value * s.mean.slope;
        d_logp[1] = (z * z - 1.0) / s.deviation.value * s.deviation.slope;
        d_entropy[0] = 0.0;
        d_entropy[1] = s.deviation.slope / s.deviation.value;
    }
}

const struct distribution distribution_squashed = {"squashed", outputs, sample, value};
