// A Gaussian on the action axis, made discrete: each choice has the mass of its cell, and the mass
// of illegal cells is shared out among the legal ones. Two outputs serve any number of choices, and
// neighbouring widths learn from each other.
//
// The axis is measured in shares of the offer's own range, 0 its first choice and 1 its last. The
// mean is bounded to [-1/4, 5/4]. Past 5/4 the outermost cell would have the whole mass, and a mean
// further out would change nothing but the way back. Inside, all of [0, 1] is reached where
// the mean moves by at least 0.41 per unit of output: no position is out of reach, and none is
// reached only where gradients vanish. The deviation is 0.45 at output 0, so that a new policy
// tries the extremes too, and between 0.02 and 1: with less, choices would no longer be explored at
// all; with more, the two outermost cells take everything. (With more than 60 choices, 0.02 is more
// than a cell, and the most likely choice is never one of the few next to an outermost one.)
#include "agent/distribution_tools.h"

#include <math.h>

static const double reach = 0.75, least_deviation = 0.02;
static const double deviation_bias = -0.24613306953890861; // sigmoid = 43/98: deviation 0.45

struct gaussian {
    struct parameter mean, deviation;
};

static struct gaussian parameters(const float *output)
{
    return (struct gaussian){.mean = parameter_bounded(output[0], 0.5, reach),
                             .deviation =
                                 parameter_deviation(output[1], least_deviation, deviation_bias)};
}

// The bound between choice k and the next one, in standard deviations from the mean.
static double upper_bound(const struct gaussian *g, const struct offer *offer, int k)
{
    if (k < 0 || k == offer->n - 1) {
        return k < 0 ? (double)-INFINITY : (double)INFINITY;
    }
    const double between = 0.5 * ((double)offer->position[k] + (double)offer->position[k + 1]);
    const double share = (between - offer_low(offer)) / offer_span(offer);
    return (share - g->mean.value) / g->deviation.value;
}

static double log_mass(const void *context, const struct offer *offer, int choice)
{
    const struct gaussian *g = context;
    return normal_log_mass(upper_bound(g, offer, choice - 1), upper_bound(g, offer, choice));
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
    const struct gaussian g = parameters(output);
    weighing_choose(&(struct weighing){log_mass, &g}, offer, greedy, rng, out);
}

// The derivatives of a cell's log mass by mean and deviation. Densities are divided by the mass
// as logarithms, since far out both underflow.
static void slopes(const struct gaussian *g, const struct offer *offer, int choice, double out[2])
{
    const double log_cell = log_mass(g, offer, choice);
    const double bounds[2] = {upper_bound(g, offer, choice - 1), upper_bound(g, offer, choice)};
    out[0] = out[1] = 0.0;
    for (int side = 0; side < 2; side++) {
        if (isfinite(bounds[side])) {
            const double density = exp(normal_log_density(bounds[side]) - log_cell);
            const double sign = side == 0 ? 1.0 : -1.0;
            out[0] += sign * density;
            out[1] += sign * density * bounds[side];
        }
    }
    out[0] *= g->mean.slope / g->deviation.value;
    out[1] *= g->deviation.slope / g->deviation.value;
}

// With p the shares of the legal cells and s the slopes of their log masses:
// d log p_k = s_k - sum p s;  d entropy = -sum p log(p) s - entropy sum p s.
static void value(const float *output, const struct offer *offer, const struct chosen *taken,
                  struct distribution_value *out, double *d_logp, double *d_entropy)
{
    const struct gaussian g = parameters(output);
    const double log_total = weighing_log_total(&(struct weighing){log_mass, &g}, offer);
    double entropy = 0.0, mean_slope[2] = {0.0, 0.0}, surprise_slope[2] = {0.0, 0.0};
    for (int k = 0; k < offer->n; k++) {
        if (offer->legal[k] == 0) {
            continue;
        }
        const double logp = log_mass(&g, offer, k) - log_total, p = exp(logp);
        entropy -= p * logp;
        if (d_logp != NULL) {
            double s[2];
            slopes(&g, offer, k, s);
            for (int i = 0; i < 2; i++) {
                mean_slope[i] += p * s[i];
                surprise_slope[i] -= p * logp * s[i];
            }
        }
    }
    CHECK(offer->legal[taken->choice] != 0);
    out->logp = log_mass(&g, offer, taken->choice) - log_total;
    out->entropy = entropy;
    if (d_logp != NULL) {
        slopes(&g, offer, taken->choice, d_logp);
        for (int i = 0; i < 2; i++) {
            d_logp[i] -= mean_slope[i];
            d_entropy[i] = surprise_slope[i] - entropy * mean_slope[i];
        }
    }
}

const struct distribution distribution_gaussian = {"gaussian", outputs, sample, value};
