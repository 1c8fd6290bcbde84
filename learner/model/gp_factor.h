// The Cholesky factor of a Gaussian process's covariance, which grows by rows as points are added:
// old rows stay as they are, since the kernel of old pairs does.
#pragma once
#include "core/arena.h"
#include "learner/model/gp_kernel.h"

struct gp_factor {
    int n, most;             // rows now, at most
    double *lower;           // [most][most], row-major; what is above the diagonal is rubbish
    struct gp_points points; // [most], of the rows
};
enum status gp_factor_open(int most, const struct gp_form *form, struct arena *arena,
                           struct gp_factor *out);
// Adds rows for x [n][gp_inputs]: of K + noise^2 I by these params, which must be those of the rows
// before. Noise alone makes it positive definite; ERR_INPUT, with the rows before, where numbers
// are so large that it is lost in their rounding.
enum status gp_factor_grow(struct gp_factor *factor, int n, const double *x, const double *params);
