// Which hyper-parameters the data make likely: the log posterior of a Gaussian process with noise
// in its parameters (gp_kernel.h), and its maximum.
//
// y ~ N(0, s2 (K + noise^2 I)), y standardised. The amplitude s2 is profiled: at its best value,
// y^T (K + noise^2 I)^-1 y / n. Priors: ln length ~ N(ln(.7 sqrt(n_joint)), .7^2) and ln noise ~
// N(ln .05, 1); of the sum, ln weight ~ N(0, 2^2) and ln length ~ N(ln .7, .7^2); of the linear
// part, ln weight ~ N(1, 2^2) and ln spread ~ N(ln .25, 1); of categorical inputs, ln length ~
// N(ln(.5 n_categorical), .7^2); of tasks, ln(a / (1 - a)) ~ N(2, 1) and ln constant ~ N(ln .2, 1).
#pragma once
#include "core/arena.h"
#include "learner/model/gp_kernel.h"

struct gp_evidence {
    int n;
    const double *x; // [n][gp_inputs], borrowed
    const double *y; // [n], borrowed
    struct gp_points points;
    double *matrix, *slopes;   // [n][n]
    double *sums, *sum_slopes; // [n][n], of the sum of single inputs
    double *joint, *whole;     // [n][n] the joint part, with categorical inputs; A without noise
                               // and constants, with several tasks
    double *alpha;             // [n]
    double *inputs, *products; // [n][columns]: scaled inputs and a column of ones; the linear part
};
#define GP_NOISE_LEAST 0.01 // of the amplitude, as of standardised rewards; at most 1

// Room for most_n points; n, x and y are the caller's to set.
enum status gp_evidence_open(int most_n, const struct gp_form *form, struct arena *arena,
                             struct gp_evidence *out);
// The middles of the priors, params [gp_params].
void gp_evidence_begin(const struct gp_form *form, double *params);
// Log posterior up to a constant, and its gradient [gp_params]. y must not be all zero.
double gp_evidence_value(struct gp_evidence *evidence, const double *params, double *gradient);
// Climbs from params by 40 steps of Adam and leaves the best parameters met. The noise stays within
// [noise_least, 1]. scratch [4 * gp_params].
void gp_evidence_climb(struct gp_evidence *evidence, double noise_least, double *params,
                       double *scratch);
