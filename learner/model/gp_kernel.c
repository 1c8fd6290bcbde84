// Distances by a matrix product, |u|^2 + |v|^2 - 2 u v. What that loses for near points does no
// harm, since k is smooth in the square. The exponential is our own, so that the loops become
// vector code whatever the C library.
#include "learner/model/gp_kernel.h"

#include "compute/blas.h"
#include "compute/cpu/cpu_vector.h"

// exp(-d) = 2^-n exp(-r): d = n ln 2 + r with |r| <= ln(2)/2, exp(-r) by its Taylor series, whose
// next term is below 2e-16. Adding 1.5 * 2^52 leaves no bits for a fraction, so the addition
// rounds, and the last bits of the sum are n. d >= 0; above 700 as at 700, 1e-304.
CPU_INLINE double exp_minus(double distance)
{
    const double magic = 0x1.8p52, per_ln2 = 1.4426950408889634;
    const double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45; // their sum is ln 2
    const double d = distance < 700.0 ? distance : 700.0;
    const double shifted = d * per_ln2 + magic;
    const double n = shifted - magic;
    const double s = (n * ln2_high - d) + n * ln2_low; // -r
    uint64_t bits;
    double scale;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (UINT64_C(1023) - bits) << 52;
    memcpy(&scale, &bits, sizeof scale);
    double p = 1.0 / 479001600.0;
    p = p * s + 1.0 / 39916800.0;
    p = p * s + 1.0 / 3628800.0;
    p = p * s + 1.0 / 362880.0;
    p = p * s + 1.0 / 40320.0;
    p = p * s + 1.0 / 5040.0;
    p = p * s + 1.0 / 720.0;
    p = p * s + 1.0 / 120.0;
    p = p * s + 1.0 / 24.0;
    p = p * s + 1.0 / 6.0;
    p = p * s + 0.5;
    p = p * s + 1.0;
    p = p * s + 1.0;
    return scale * p;
}

int gp_params(const struct gp_form *form)
{
    return form->n_inputs + (form->n_own > 0 ? 3 : 1);
}

double gp_noise(const struct gp_form *form, const double *params)
{
    return exp(params[form->n_inputs]);
}

static double sum_weight(const struct gp_form *form, const double *params)
{
    return form->n_own > 0 ? exp(params[form->n_inputs + 1]) : 0.0;
}

double gp_variance(const struct gp_form *form, const double *params)
{
    return 1.0 + sum_weight(form, params);
}

void gp_points_fill(const struct gp_points *points, int first, int n, const double *x,
                    const double *params)
{
    const size_t n_inputs = (size_t)points->form.n_inputs, most = (size_t)points->most;
    for (size_t g = 0; g < n_inputs; g++) {
        const double scale = sqrt(5.0) * exp(-params[g]);
        for (size_t i = 0; i < (size_t)n; i++) {
            points->u[((size_t)first + i) * n_inputs + g] = scale * x[i * n_inputs + g];
        }
    }
    for (int i = first; i < first + n; i++) {
        const double *u = points->u + (size_t)i * n_inputs;
        points->norms[i] = blas_dot(points->form.n_inputs, u, u);
    }
    for (size_t g = 0; g < (size_t)points->form.n_own; g++) {
        const double scale = sqrt(5.0) * exp(-params[n_inputs + 2]);
        for (size_t i = 0; i < (size_t)n; i++) {
            points->own[g * most + (size_t)first + i] = scale * x[i * n_inputs + g];
        }
    }
}

CPU_CLONES static void add_norms(int n, double norm, const double *restrict norms,
                                 double *restrict row)
{
    for (int j = 0; j < n; j++) {
        const double square = row[j] + (norm + norms[j]);
        row[j] = square > 0.0 ? square : 0.0;
    }
}

void gp_squares(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b, int n_b,
                double *out, int ldo)
{
    const int n_inputs = a->form.n_inputs;
    blas_gemm_double(false, true, n_a, n_b, n_inputs, -2.0,
                     a->u + (size_t)first_a * (size_t)n_inputs, n_inputs, b->u, n_inputs, 0.0, out,
                     ldo);
    for (int i = 0; i < n_a; i++) {
        add_norms(n_b, a->norms[first_a + i], b->norms, out + (size_t)i * (size_t)ldo);
    }
}

CPU_CLONES void gp_kernel(int n, double *restrict values)
{
    for (int j = 0; j < n; j++) {
        const double square = values[j], d = sqrt(square);
        values[j] = (1.0 + d + square * (1.0 / 3.0)) * exp_minus(d);
    }
}

CPU_CLONES void gp_kernel_slopes(int n, double *restrict values, double *restrict slopes)
{
    for (int j = 0; j < n; j++) {
        const double square = values[j], d = sqrt(square), e = exp_minus(d);
        values[j] = (1.0 + d + square * (1.0 / 3.0)) * e;
        slopes[j] = (1.0 + d) * e * (1.0 / 3.0);
    }
}

CPU_CLONES static void add_one(int n, double at, const double *restrict of, double weight,
                               double *restrict row)
{
    for (int j = 0; j < n; j++) {
        const double d = fabs(at - of[j]);
        row[j] += weight * (1.0 + d + d * d * (1.0 / 3.0)) * exp_minus(d);
    }
}

CPU_CLONES static void add_one_slopes(int n, double at, const double *restrict of, double weight,
                                      double *restrict values, double *restrict slopes)
{
    for (int j = 0; j < n; j++) {
        const double d = fabs(at - of[j]), e = weight * exp_minus(d), third = d * d * (1.0 / 3.0);
        values[j] += (1.0 + d + third) * e;
        slopes[j] += (1.0 + d) * third * e;
    }
}

void gp_covariances(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b,
                    int n_b, const double *params, double *out, int ldo)
{
    const size_t n_own = (size_t)a->form.n_own;
    const double weight = n_own > 0 ? sum_weight(&a->form, params) / (double)n_own : 0.0;
    gp_squares(a, first_a, n_a, b, n_b, out, ldo);
    for (int i = 0; i < n_a; i++) {
        double *row = out + (size_t)i * (size_t)ldo;
        gp_kernel(n_b, row);
        for (size_t g = 0; g < n_own; g++) {
            const double at = a->own[g * (size_t)a->most + (size_t)(first_a + i)];
            add_one(n_b, at, b->own + g * (size_t)b->most, weight, row);
        }
    }
}

void gp_sum_slopes(const struct gp_points *a, int i, const struct gp_points *b, int n,
                   double *values, double *slopes)
{
    memset(values, 0, (size_t)n * sizeof *values);
    memset(slopes, 0, (size_t)n * sizeof *slopes);
    for (size_t g = 0; g < (size_t)a->form.n_own; g++) {
        add_one_slopes(n, a->own[g * (size_t)a->most + (size_t)i], b->own + g * (size_t)b->most,
                       1.0 / a->form.n_own, values, slopes);
    }
}
