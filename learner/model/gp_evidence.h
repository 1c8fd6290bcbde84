// Which hyper-parameters the data make likely: the log posterior of a Gaussian process with noise
// in length scales and noise, and its maximum.
//
// y ~ N(0, s2 (K + noise^2 I)), y standardised, K Matern-5/2. The amplitude s2 is profiled: at its
// best value, y^T (K + noise^2 I)^-1 y / n. Parameters [n_inputs + 1] are the logarithms of the
// length scales, then of the noise in units of the amplitude; priors ln length ~
// N(ln(.7 sqrt(n_inputs)), .7^2) and ln noise ~ N(ln .05, 1).
#pragma once
#include "core/arena.h"
#include "learner/model/gp_kernel.h"

struct gp_evidence {
    int n, n_inputs;
    const double *x; // [n][n_inputs], borrowed
    const double *y; // [n], borrowed
    struct gp_points points;
    double *matrix, *slopes;   // [n][n]
    double *alpha;             // [n]
    double *inputs, *products; // [n][n_inputs + 1]
};
#define GP_NOISE_LEAST 0.01 // of the amplitude, as of standardised rewards; at most 1

// Room for most_n points; n, x and y are the caller's to set.
enum status gp_evidence_open(int most_n, int n_inputs, struct arena *arena,
                             struct gp_evidence *out);
// The middles of the priors, params [n_inputs + 1].
void gp_evidence_begin(int n_inputs, double *params);
// Log posterior up to a constant, and its gradient [n_inputs + 1]. y must not be all zero.
double gp_evidence_value(struct gp_evidence *evidence, const double *params, double *gradient);
// Climbs from params by 40 steps of Adam and leaves the best parameters met. The noise stays within
// [noise_least, 1]. scratch [4 * (n_inputs + 1)].
void gp_evidence_climb(struct gp_evidence *evidence, double noise_least, double *params,
                       double *scratch);
