// The covariance of many pairs of points at once: a joint Matern-5/2 kernel with one length scale
// per input and, where wanted, a sum of Matern-5/2 kernels of single inputs with one length scale
// for all of them. Such a sum stands for a function that is nearly one of each input added up,
// which far fewer points determine (Duvenaud et al. 2011, "Additive Gaussian processes").
#pragma once

// Which parameters there are. params [gp_params]: logarithms of the length scales of the joint part
// [n_inputs]; of the noise, in units of the joint part's amplitude; and, with n_own > 0, of the
// weight of the sum, whose variance in the same units that is, and of its length scale.
struct gp_form {
    int n_inputs;
    int n_own; // inputs with a function of their own: the first ones; 0: no sum
};
int gp_params(const struct gp_form *form);
double gp_noise(const struct gp_form *form, const double *params);    // standard deviation
double gp_variance(const struct gp_form *form, const double *params); // without noise: 1 + weight

// Points in units in which the kernels depend on distances alone: sqrt(5) x / length.
struct gp_points {
    struct gp_form form;
    int most;
    double *u;     // [most][n_inputs]
    double *norms; // [most] |u|^2
    double *own;   // [n_own][most], by the length scale of the sum
};
// Fills points first to first + n - 1 from x [n][n_inputs].
void gp_points_fill(const struct gp_points *points, int first, int n, const double *x,
                    const double *params);

// Covariances of a's points first_a to first_a + n_a - 1 with b's first n_b: out [n_a][n_b], rows
// ldo apart. Both filled with these params.
void gp_covariances(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b,
                    int n_b, const double *params, double *out, int ldo);

// ---- parts, for slopes

// Squares of distances, likewise.
void gp_squares(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b, int n_b,
                double *out, int ldo);
// k(d) = (1 + d + d^2/3) exp(-d), in place of d^2 (Rasmussen and Williams 2006, eq. 4.17). n
// values.
void gp_kernel(int n, double *values);
// The same, and slopes [n] = (1 + d) exp(-d) / 3 = -2 dk/d(d^2).
void gp_kernel_slopes(int n, double *values, double *slopes);
// The sum over point i of a and b's first n: values [n], 1 for the same point, and slopes [n], its
// derivatives by the logarithm of its length scale.
void gp_sum_slopes(const struct gp_points *a, int i, const struct gp_points *b, int n,
                   double *values, double *slopes);
