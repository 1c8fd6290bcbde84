// The covariance of many pairs of points at once: a joint Matern-5/2 kernel with one length scale
// per input and, where wanted,
//   a sum of Matern-5/2 kernels of single inputs with one length scale for all of them: a function
//   that is nearly one of each input added up, which far fewer points determine (Duvenaud et al.
//   2011, "Additive Gaussian processes");
//   a linear part, (T T' + spread sum_c e_c e_c') / n of further inputs e with the sum T: weights
//   of one size, each of which may differ from it.
//
// Categorical inputs multiply the joint kernel by exp(-sum_s [c_s differs] / length_s), a Hamming
// kernel with a length per input. Points of several tasks have all of it times a_t a_u where their
// tasks t and u differ, 0 < a < 1: what is common to all tasks and what is each one's own, in
// shares that are learnt (the intrinsic coregionalisation of Bonilla et al. 2007, of rank one and a
// diagonal); and each task has a constant of its own, since what was tried in it may be better on
// the whole than what was tried in others.
#pragma once
#include "core/arena.h"

// What the inputs are for, and which parameters there are. params [gp_params] are logarithms: of
// the length scales of the joint part [n_joint]; of the noise, in units of the joint part's
// amplitude; with n_own > 0 of the weight of the sum, its variance in the same units, and its
// length scale; with n_linear > 0 of the weight of the linear part and of its spread; of the
// lengths of categorical inputs; with n_tasks > 1 of a / (1 - a) of each task and of the variance
// of the constants, in the same units.
struct gp_form {
    int n_joint;       // inputs of the joint part, first in a point
    int n_own;         // the first of them, with a function of their own; 0: no sum
    int n_categorical; // inputs that are equal or not, next in a point
    int n_tasks;       // above 1: the input after those is the number of the point's task
    int n_linear;      // inputs of the linear part, last in a point; 0: none, and none with tasks
};
int gp_inputs(const struct gp_form *form); // numbers in a point
int gp_params(const struct gp_form *form);
// Where in params they are; -1: nowhere.
struct gp_places {
    int noise, sum_weight, sum_length, linear_weight, linear_spread;
    int categorical, tasks; // the first of them
    int constant;
};
struct gp_places gp_places(const struct gp_form *form);
double gp_noise(const struct gp_form *form, const double *params);      // standard deviation
double gp_sum_weight(const struct gp_form *form, const double *params); // 0 without a sum
// Which input of a point is the number of its task, -1 = none.
int gp_task_input(const struct gp_form *form);
double gp_constant(const struct gp_form *form, const double *params); // variance; 0 without tasks
// The common share a of a task.
double gp_common(const struct gp_form *form, const double *params, int task);

// Points in units in which the kernels depend on distances, or products, alone.
struct gp_points {
    struct gp_form form;
    int most;
    double *u;         // [most][n_joint] sqrt(5) x / length
    double *norms;     // [most] |u|^2
    double *own;       // [n_own][most] sqrt(5) x / length of the sum
    double *linear;    // [most][gp_linear_columns]
    double *variances; // [most] covariance of a point with itself, without noise
    double *codes;     // [n_categorical][most]
    double *differing; // [n_categorical] what a differing input leaves of the joint kernel
    double *tasks;     // [most] numbers, without tasks unused, as is
    double *common;    // [most] a of the point's task
};
int gp_linear_columns(const struct gp_form *form); // the inputs and their sum; 0 without them
enum status gp_points_open(int most, const struct gp_form *form, struct arena *arena,
                           struct gp_points *out);
// Fills points first to first + n - 1 from x [n][gp_inputs].
void gp_points_fill(const struct gp_points *points, int first, int n, const double *x,
                    const double *params);

// Covariances of a's points first_a to first_a + n_a - 1 with b's first n_b: out [n_a][n_b], rows
// ldo apart. Both filled with these params.
void gp_covariances(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b,
                    int n_b, const double *params, double *out, int ldo);

// ---- parts

// The joint part's covariances, likewise: Matern and categorical inputs.
void gp_joint_covariances(const struct gp_points *a, int first_a, int n_a,
                          const struct gp_points *b, int n_b, double *out, int ldo);
// Multiplies row [n] by what the categorical inputs of a's point i and b's first n points leave,
// and by what their tasks have in common; adds `constant` where the task is the same.
void gp_multiply_differing(const struct gp_points *a, int i, const struct gp_points *b, int n,
                           double *row);
void gp_multiply_common(const struct gp_points *a, int i, const struct gp_points *b, int n,
                        double *row);
void gp_add_constant(const struct gp_points *a, int i, const struct gp_points *b, int n,
                     double constant, double *row);
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
// Covariances of b's first n points with one at `at` in input g of the sum, by that input's own
// function: row [n]. at: in units of `own`.
void gp_own_covariances(const struct gp_points *b, int g, double at, int n, const double *params,
                        double *row);
// Adds the linear part's covariances, of the points that gp_covariances takes.
void gp_add_linear(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b,
                   int n_b, double *out, int ldo);
