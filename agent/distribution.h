// How the network's outputs become a choice among the legal ones. One table per distribution.
//   gaussian     mu and sigma; each choice gets the Gaussian's mass on its cell (bounds half-way
//                between neighbouring choices, the outermost cells open), renormalised over the
//                legal ones: exact log-probability, two outputs for any number of choices
//   squashed     MTACP's: x ~ N(mu, sigma), action lo + (hi - lo) * (tanh(x) + 1) / 2; the
//                log-probability is N's at the stored x: the Jacobian cancels in ratios
//                (compression of the action happens after it). The choice is the nearest legal one
//   categorical  one logit per choice, masked
//   mixed        both: categorical where the offer is, gaussian where choices have an order
//   noisy        DDPG: the mean itself, plus truncated normal noise when exploring; no probability
#pragma once
#include "agent/distribution_list.h"
#include "core/rng.h"
#include "core/status.h"

#include <stdint.h>

// What a row offers. Positions ascend strictly; lo and hi of the action axis are the first and last
// of them. At least one choice is legal.
struct offer {
    int n;                 // choices
    const float *position; // [n]
    const uint8_t *legal;  // [n]
    bool categorical;      // neighbouring choices are no more alike than others
};
struct chosen {
    int choice;
    float raw;  // the sample behind it: squashed x, noisy the position asked for; else 0
    float logp; // nats
};
struct distribution_value {
    double logp, entropy; // nats; entropy of the distribution over legal choices (squashed:
                          // of the Gaussian)
};
struct distribution {
    const char *name;
    int (*outputs)(int n_choices);
    // output [outputs]. greedy: the most likely choice (its logp is still exact). noise: noisy's
    // standard deviation.
    void (*sample)(const float *output, const struct offer *offer, bool greedy, float noise,
                   struct rng *rng, struct chosen *out);
    // Of a choice taken earlier (choice and raw filled in). d_logp, d_entropy [outputs]: gradients
    // by the outputs; NULL both when not wanted; those of outputs that this offer has no part in
    // (logits beyond offer->n, mixed's other half) are left as they are. float64 inside; finite for
    // any finite output, NaN where an output is.
    void (*value)(const float *output, const struct offer *offer, const struct chosen *taken,
                  struct distribution_value *out, double *d_logp, double *d_entropy);
};
#define X(id, name) extern const struct distribution distribution_##name;
DISTRIBUTION_LIST(X)
#undef X
extern const struct distribution *const distributions[]; // by kind, NULL-ended
extern const char *const distribution_names[];           // of the same, for tables of options
// The legal choice nearest to a position (ties: the lower).
int offer_nearest(const struct offer *offer, double position);
// `wanted` if legal, else the nearest legal one below it, else above.
int offer_repair(const struct offer *offer, int wanted);
