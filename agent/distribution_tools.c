// What distributions share.
#include "agent/distribution_tools.h"

#include <math.h>

static const double half_log_two_pi = 0.91893853320467274178;
static const double half_log_pi = 0.57236494292470008707;
static const double sqrt_half = 0.70710678118654752440;

struct parameter parameter_bounded(float output, double middle, double reach)
{
    const double t = (double)output / reach;
    const double root = sqrt(1.0 + t * t);
    return (struct parameter){middle + reach * t / root, 1.0 / (root * root * root)};
}

static struct parameter sigmoid(double x)
{
    const double small = exp(-fabs(x));
    const double least = small / (1.0 + small), most = 1.0 / (1.0 + small);
    return (struct parameter){x < 0.0 ? least : most, least * most};
}

struct parameter parameter_sigmoid(float output)
{
    return sigmoid((double)output);
}

struct parameter parameter_deviation(float output, double least, double bias)
{
    const struct parameter share = sigmoid((double)output + bias);
    return (struct parameter){least + (1.0 - least) * share.value, (1.0 - least) * share.slope};
}

double normal_log_density(double z)
{
    return -0.5 * z * z - half_log_two_pi;
}

// log erfc(x) for x >= 0. Beyond 3 by Laplace's continued fraction (Abramowitz & Stegun 7.1.14):
// sqrt(pi) exp(x^2) erfc(x) = 1 / (x + (1/2) / (x + 1 / (x + (3/2) / (x + 2 / ...)))), which no
// exponent can make underflow. For large n, n terms leave an error of exp(-2 x sqrt(2 n)).
static double log_erfc(double x)
{
    if (!(x >= 3.0)) { // NaN too
        return log(erfc(x));
    }
    double denominator = x;
    for (int k = 20 + (int)(200.0 / (x * x)); k >= 1; k--) {
        denominator = x + 0.5 * k / denominator;
    }
    return -x * x - half_log_pi - log(denominator);
}

static double log_upper_tail(double z)
{
    return isinf(z) ? (double)-INFINITY : log_erfc(z * sqrt_half) - log(2.0);
}

double normal_log_mass(double a, double b)
{
    if (b <= 0.0) {
        return normal_log_mass(-b, -a);
    }
    if (a < 0.0) { // two areas beside 0: nothing cancels
        return log(0.5 * (erf(b * sqrt_half) + erf(-a * sqrt_half)));
    }
    const double from = log_upper_tail(a);
    return from + log(-expm1(log_upper_tail(b) - from));
}

double offer_low(const struct offer *offer)
{
    return (double)offer->position[0];
}

double offer_span(const struct offer *offer)
{
    return (double)offer->position[offer->n - 1] - (double)offer->position[0];
}

double draw_unit(struct rng *rng)
{
    return ((double)rng_u32(rng) + 0.5) * 0x1p-32;
}

double weighing_log_total(const struct weighing *weighing, const struct offer *offer)
{
    double most = -INFINITY, total = 0.0; // total: in units of the heaviest so far
    for (int k = 0; k < offer->n; k++) {
        if (offer->legal[k] == 0) {
            continue;
        }
        const double weight = weighing->log_weight(weighing->context, offer, k);
        if (weight > most) {
            total = total * exp(most - weight) + 1.0;
            most = weight;
        } else {
            total += exp(weight - most);
        }
    }
    return most + log(total);
}

void weighing_choose(const struct weighing *weighing, const struct offer *offer, bool greedy,
                     struct rng *rng, struct chosen *out)
{
    const double log_total = weighing_log_total(weighing, offer);
    const double drawn = greedy ? 0.0 : draw_unit(rng);
    double passed = 0.0, heaviest = -INFINITY;
    int choice = -1;
    double logp = 0.0;
    for (int k = 0; k < offer->n && (greedy || passed < drawn); k++) {
        if (offer->legal[k] == 0) {
            continue;
        }
        const double log_share = weighing->log_weight(weighing->context, offer, k) - log_total;
        const double share = exp(log_share);
        // When rounding leaves the sum of all shares short of `drawn`, the last one that has any
        // is taken.
        if (greedy ? log_share > heaviest : share > 0.0) {
            choice = k;
            logp = log_share;
            heaviest = log_share;
        }
        passed += share;
    }
    if (choice < 0) { // weights are not numbers, and the probability says so
        choice = offer_repair(offer, 0);
        logp = NAN;
    }
    *out = (struct chosen){.choice = choice, .logp = (float)logp};
}
