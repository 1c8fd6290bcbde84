// What distributions share: how unbounded outputs become parameters, the Gaussian's tails, and
// choosing by weights. All of it float64.
#pragma once
#include "agent/distribution.h"

// A parameter made of one output.
struct parameter {
    double value, slope; // slope: its derivative by the output
};
// middle + reach * t / sqrt(1 + t^2) with t = output / reach: slope 1 at output 0, bounded by
// middle +- reach. Its slope falls with the third power only, so an output that has run away still
// finds back, where a sigmoid's gradient would be lost.
struct parameter parameter_bounded(float output, double middle, double reach);
// least + (1 - least) * sigmoid(output + bias): softplus for small values, bent to end at 1. A
// clamp would have no gradient where it holds.
struct parameter parameter_deviation(float output, double least, double bias);
struct parameter parameter_sigmoid(float output);

double normal_log_density(double z); // of the standard normal
// log of the standard normal's mass between a and b, a < b, either may be infinite. Finite (about
// -a^2 / 2) however far out in a tail.
double normal_log_mass(double a, double b);

double offer_low(const struct offer *offer);  // of the action axis
double offer_span(const struct offer *offer); // its length

double draw_unit(struct rng *rng); // uniform in (0, 1), 32 bits

// Weights of the legal choices, given by their logarithms.
struct weighing {
    double (*log_weight)(const void *context, const struct offer *offer, int choice);
    const void *context;
};
// log of the sum of weights over legal choices.
double weighing_log_total(const struct weighing *weighing, const struct offer *offer);
// Draws a legal choice in proportion to its weight, or takes the heaviest (ties: the lower).
// CHECKs that there is a legal one.
void weighing_choose(const struct weighing *weighing, const struct offer *offer, bool greedy,
                     struct rng *rng, struct chosen *out);
