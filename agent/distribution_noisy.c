// DDPG's deterministic actor (He et al. 2018, AMC): the action is the mean itself, a sigmoid over
// the action range; exploring adds normal noise, cut off at the ends of the range. raw is the
// position that was asked for, before the nearest legal choice took its place.
#include "agent/distribution_tools.h"

#include <math.h>

static int outputs(int n_choices)
{
    (void)n_choices;
    return 1;
}

// A normal around `mean` in [0, 1], given that it falls in [0, 1]. By rejection, from the normal
// itself or, where that is broad, from the uniform; at least two draws in five are kept.
static double draw_truncated(double mean, double deviation, struct rng *rng)
{
    double drawn, kept;
    do {
        if (deviation < 0.5) {
            drawn = mean + deviation * (double)rng_normal(rng);
            kept = drawn >= 0.0 && drawn <= 1.0 ? 1.0 : 0.0;
        } else {
            drawn = draw_unit(rng);
            const double z = (drawn - mean) / deviation;
            kept = exp(-0.5 * z * z);
        }
    } while (kept < 1.0 && (kept == 0.0 || draw_unit(rng) >= kept));
    return drawn;
}

static void sample(const float *output, const struct offer *offer, bool greedy, float noise,
                   struct rng *rng, struct chosen *out)
{
    const double mean = parameter_sigmoid(output[0]).value;
    const bool explore = !greedy && noise > 0.0F && isfinite(mean);
    const double share = explore ? draw_truncated(mean, (double)noise, rng) : mean;
    const double position = offer_low(offer) + offer_span(offer) * share;
    *out = (struct chosen){.choice = offer_nearest(offer, position), .raw = (float)position};
}

static void value(const float *output, const struct offer *offer, const struct chosen *taken,
                  struct distribution_value *out, double *d_logp, double *d_entropy)
{
    (void)output, (void)offer, (void)taken;
    *out = (struct distribution_value){0.0, 0.0};
    if (d_logp != NULL) {
        d_logp[0] = 0.0;
        d_entropy[0] = 0.0;
    }
}

const struct distribution distribution_noisy = {"noisy", outputs, sample, value};
