// The Matern-5/2 kernel with one length scale per input, of many pairs of points at once.
#pragma once

// Points in units in which the kernel depends on their distance alone: u = sqrt(5) x / length.
struct gp_points {
    int n_inputs;
    double *u;     // [n][n_inputs]
    double *norms; // [n] |u|^2
};
// Fills points first to first + n - 1 from x [n][n_inputs]. log_lengths [n_inputs].
void gp_points_fill(const struct gp_points *points, int first, int n, const double *x,
                    const double *log_lengths);

// Squares of distances between a's points first_a to first_a + n_a - 1 and b's first n_b: out
// [n_a][n_b], rows ldo apart.
void gp_squares(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b, int n_b,
                double *out, int ldo);
// k(d) = (1 + d + d^2/3) exp(-d), in place of d^2 (Rasmussen and Williams 2006, eq. 4.17). n
// values.
void gp_kernel(int n, double *values);
// The same, and slopes [n] = (1 + d) exp(-d) / 3 = -2 dk/d(d^2).
void gp_kernel_slopes(int n, double *values, double *slopes);
