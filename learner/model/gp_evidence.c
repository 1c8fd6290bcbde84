// With A = K + noise^2 I, alpha = A^-1 y and Q = alpha alpha^T / s2 - A^-1, the derivative by a
// parameter is tr(Q dA) / 2 (Rasmussen and Williams 2006, eq. 5.9). By the logarithm of a length,
// dA_jk = slope_jk (u_j - u_k)^2 in that input's scaled coordinate u, and for the symmetric
// S = Q * slope the sum over all pairs of S_jk (u_j - u_k)^2 / 2 is that of u_j^2 sum_k S_jk less
// u_j (S u)_j: one product of S with all inputs and a column of ones.
#include "learner/model/gp_evidence.h"

#include "compute/blas.h"

#include <math.h>
#include <string.h>

enum { STEPS = 40, ROWS_AT_ONCE = 40 };

// Priors of logarithms.
struct prior {
    double middle, deviation;
};

static struct prior prior_of(const struct gp_form *form, int param)
{
    const double length = 0.7, noise = 0.05, spread = 0.25, narrow = 0.7, wide = 2.0;
    const struct gp_places places = gp_places(form);
    if (param == places.constant) {
        return (struct prior){log(0.2), 1.0};
    }
    if (places.tasks >= 0 && param >= places.tasks) {
        return (struct prior){2.0, 1.0};
    }
    if (places.categorical >= 0 && param >= places.categorical) {
        return (struct prior){log(0.5 * form->n_categorical), narrow};
    }
    if (param < form->n_joint) {
        return (struct prior){log(length * sqrt(form->n_joint)), narrow};
    }
    if (param == places.noise) {
        return (struct prior){log(noise), 1.0};
    }
    if (param == places.sum_weight) {
        return (struct prior){0.0, wide};
    }
    if (param == places.sum_length) {
        return (struct prior){log(length), narrow};
    }
    return param == places.linear_weight ? (struct prior){1.0, wide}
                                         : (struct prior){log(spread), 1.0};
}

enum status gp_evidence_open(int most_n, const struct gp_form *form, struct arena *arena,
                             struct gp_evidence *out)
{
    const int joint = form->n_joint + 1, linear = gp_linear_columns(form);
    const size_t n = (size_t)most_n, columns = (size_t)(joint > linear ? joint : linear);
    const size_t sums = form->n_own > 0 ? n * n : 0;
    *out = (struct gp_evidence){0};
    ARENA_NEW(arena, out->matrix, n * n);
    ARENA_NEW(arena, out->slopes, n * n);
    ARENA_NEW(arena, out->sums, sums);
    ARENA_NEW(arena, out->sum_slopes, sums);
    ARENA_NEW(arena, out->joint, form->n_categorical > 0 ? n * n : 0);
    ARENA_NEW(arena, out->whole, form->n_tasks > 1 ? n * n : 0);
    ARENA_NEW(arena, out->alpha, n);
    ARENA_NEW(arena, out->inputs, n * columns);
    ARENA_NEW(arena, out->products, n * columns);
    return gp_points_open(most_n, form, arena, &out->points);
}

void gp_evidence_begin(const struct gp_form *form, double *params)
{
    for (int i = 0; i < gp_params(form); i++) {
        params[i] = prior_of(form, i).middle;
    }
}

// Adds the priors' part of the gradient.
static double add_priors(const struct gp_form *form, const double *params, double *gradient)
{
    double value = 0.0;
    for (int i = 0; i < gp_params(form); i++) {
        const struct prior prior = prior_of(form, i);
        const double z = (params[i] - prior.middle) / prior.deviation;
        value -= 0.5 * z * z;
        gradient[i] -= z / prior.deviation;
    }
    return value;
}

// Row i of the joint part and its slopes, but for the Matern kernel what belongs to them.
static void multiply_joint(struct gp_evidence *e, int i, int columns)
{
    const struct gp_points *points = &e->points;
    double *row = e->matrix + (size_t)i * (size_t)e->n,
           *slopes = e->slopes + (size_t)i * (size_t)e->n;
    gp_multiply_differing(points, i, points, columns, row);
    gp_multiply_differing(points, i, points, columns, slopes);
    gp_multiply_common(points, i, points, columns, row);
    gp_multiply_common(points, i, points, columns, slopes);
    if (points->form.n_categorical > 0) {
        memcpy(e->joint + (size_t)i * (size_t)e->n, row, (size_t)columns * sizeof *row);
    }
}

// Row i of the sum and its slopes; the sum joins the matrix.
static void add_sum(struct gp_evidence *e, int i, int columns, double weight)
{
    const size_t at = (size_t)i * (size_t)e->n;
    gp_sum_slopes(&e->points, i, &e->points, columns, e->sums + at, e->sum_slopes + at);
    gp_multiply_common(&e->points, i, &e->points, columns, e->sums + at);
    gp_multiply_common(&e->points, i, &e->points, columns, e->sum_slopes + at);
    for (size_t k = 0; k < (size_t)columns; k++) {
        e->matrix[at + k] += weight * e->sums[at + k];
    }
}

// The lower triangles of A and of the slopes, by blocks of rows that go a little beyond it.
static void fill_matrices(struct gp_evidence *e, const double *params)
{
    const struct gp_form *form = &e->points.form;
    const size_t n = (size_t)e->n;
    const double noise = gp_noise(form, params), weight = gp_sum_weight(form, params);
    for (int first = 0; first < e->n; first += ROWS_AT_ONCE) {
        const int rows = e->n - first < ROWS_AT_ONCE ? e->n - first : ROWS_AT_ONCE;
        const int columns = first + rows;
        gp_squares(&e->points, first, rows, &e->points, columns, e->matrix + (size_t)first * n,
                   e->n);
        for (int i = first; i < first + rows; i++) {
            gp_kernel_slopes(columns, e->matrix + (size_t)i * n, e->slopes + (size_t)i * n);
            multiply_joint(e, i, columns);
            if (form->n_own > 0) {
                add_sum(e, i, columns, weight);
            }
        }
        gp_add_linear(&e->points, first, rows, &e->points, columns, e->matrix + (size_t)first * n,
                      e->n);
        for (int i = first; i < first + rows; i++) {
            e->matrix[(size_t)i * n + (size_t)i] = e->points.variances[i] + noise * noise;
            if (form->n_tasks > 1) {
                memcpy(e->whole + (size_t)i * n, e->matrix + (size_t)i * n,
                       (size_t)i * sizeof *e->matrix);
                gp_add_constant(&e->points, i, &e->points, i, gp_constant(form, params),
                                e->matrix + (size_t)i * n);
            }
        }
    }
}

// What the weights Q of all pairs make of the matrices.
struct weighed {
    double trace;            // tr Q
    double sums, sum_slopes; // tr(Q M) / 2 of either matrix M
};

// Slopes become S, but on the diagonal, which belongs to no pair and cancels out.
static struct weighed weigh_slopes(struct gp_evidence *e, double s2)
{
    const size_t n = (size_t)e->n;
    const bool summed = e->points.form.n_own > 0;
    struct weighed out = {0};
    for (size_t j = 0; j < n; j++) {
        const double weight = e->alpha[j] / s2;
        const double *inverse = e->matrix + j * n;
        double *slopes = e->slopes + j * n;
        for (size_t k = 0; k < j; k++) {
            const double q = weight * e->alpha[k] - inverse[k];
            slopes[k] *= q;
            out.sums += summed ? q * e->sums[j * n + k] : 0.0;
            out.sum_slopes += summed ? q * e->sum_slopes[j * n + k] : 0.0;
        }
        out.trace += weight * e->alpha[j] - inverse[j];
    }
    out.sums += summed ? 0.5 * out.trace : 0.0; // 1 on the diagonal
    return out;
}

// The lengths' part of the gradient; `inputs` are the scaled points and a column of ones.
static void differentiate_lengths(struct gp_evidence *e, double *gradient)
{
    const int n_inputs = e->points.form.n_joint;
    const size_t columns = (size_t)n_inputs, wide = columns + 1;
    for (size_t j = 0; j < (size_t)e->n; j++) {
        memcpy(e->inputs + j * wide, e->points.u + j * columns, columns * sizeof *e->inputs);
        e->inputs[j * wide + columns] = 1.0;
    }
    blas_multiply_symmetric(e->n, n_inputs + 1, e->slopes, e->n, e->inputs, n_inputs + 1,
                            e->products, n_inputs + 1);
    memset(gradient, 0, columns * sizeof *gradient);
    for (size_t j = 0; j < (size_t)e->n; j++) {
        const double *u = e->inputs + j * wide, *product = e->products + j * wide;
        for (size_t i = 0; i < columns; i++) {
            gradient[i] += u[i] * (u[i] * product[columns] - product[i]);
        }
    }
}

// Q_jk.
static double weight_of(const struct gp_evidence *e, double s2, size_t j, size_t k)
{
    return e->alpha[j] * e->alpha[k] / s2 - e->matrix[j * (size_t)e->n + k];
}

// With w = 1 / length, dA_jk = w J_jk where the input differs, of the joint part J.
static void differentiate_categorical(const struct gp_evidence *e, double s2, const double *params,
                                      double *gradient)
{
    const struct gp_points *p = &e->points;
    const size_t n = (size_t)e->n, steps = (size_t)p->form.n_categorical;
    const size_t first = (size_t)gp_places(&p->form).categorical;
    memset(gradient + first, 0, steps * sizeof *gradient);
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < j; k++) {
            const double weighed = weight_of(e, s2, j, k) * e->joint[j * n + k];
            for (size_t s = 0; s < steps; s++) {
                const double *codes = p->codes + s * (size_t)p->most;
                gradient[first + s] += codes[j] == codes[k] ? 0.0 : weighed;
            }
        }
    }
    for (size_t s = 0; s < steps; s++) {
        gradient[first + s] *= exp(-params[first + s]);
    }
}

// By ln(a / (1 - a)) of either of two tasks that differ, dA_jk = (1 - a) A_jk. By the constants'
// logarithm it is the constant where the tasks are the same, on the diagonal too.
static void differentiate_tasks(const struct gp_evidence *e, double s2, const double *params,
                                double trace, double *gradient)
{
    double same = 0.5 * trace;
    const struct gp_points *p = &e->points;
    const size_t n = (size_t)e->n;
    double *of = gradient + gp_places(&p->form).tasks;
    memset(of, 0, (size_t)p->form.n_tasks * sizeof *of);
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < j; k++) {
            if (p->tasks[j] != p->tasks[k]) {
                const double weighed = weight_of(e, s2, j, k) * e->whole[j * n + k];
                of[(int)p->tasks[j]] += weighed * (1.0 - p->common[j]);
                of[(int)p->tasks[k]] += weighed * (1.0 - p->common[k]);
            } else {
                same += weight_of(e, s2, j, k);
            }
        }
    }
    gradient[gp_places(&p->form).constant] = gp_constant(&p->form, params) * same;
}

// The linear part's: with covariances Z Z^T, tr(Q Z Z^T) / 2 by columns of Z, the weights' and that
// of their sum.
static void differentiate_linear(struct gp_evidence *e, double s2, double *gradient)
{
    const struct gp_places places = gp_places(&e->points.form);
    const int n = gp_linear_columns(&e->points.form);
    double each = 0.0, whole = 0.0;
    blas_multiply_symmetric(e->n, n, e->matrix, e->n, e->points.linear, n, e->products, n);
    for (int c = 0; c < n; c++) {
        double with_alpha = 0.0, with_inverse = 0.0;
        for (size_t j = 0; j < (size_t)e->n; j++) {
            const double z = e->points.linear[j * (size_t)n + (size_t)c];
            with_alpha += z * e->alpha[j];
            with_inverse += z * e->products[j * (size_t)n + (size_t)c];
        }
        const double value = 0.5 * (with_alpha * with_alpha / s2 - with_inverse);
        each += c < n - 1 ? value : 0.0;
        whole += value;
    }
    gradient[places.linear_weight] = whole;
    gradient[places.linear_spread] = each;
}

double gp_evidence_value(struct gp_evidence *e, const double *params, double *gradient)
{
    const struct gp_form *form = &e->points.form;
    const struct gp_places places = gp_places(form);
    const int n = e->n;
    const double noise = gp_noise(form, params);
    gp_points_fill(&e->points, 0, n, e->x, params);
    fill_matrices(e, params);
    const enum status status = blas_cholesky(n, e->matrix, n);
    CHECK(status == OK);   // noise alone makes it positive definite
    double log_root = 0.0; // of the determinant
    for (size_t i = 0; i < (size_t)n; i++) {
        log_root += log(e->matrix[i * (size_t)n + i]);
    }
    memcpy(e->alpha, e->y, (size_t)n * sizeof *e->alpha);
    blas_solve_lower(false, 1, n, e->matrix, n, e->alpha, n);
    blas_solve_lower(true, 1, n, e->matrix, n, e->alpha, n);
    const double s2 = blas_dot(n, e->y, e->alpha) / n;
    CHECK(s2 > 0.0);
    blas_invert_factored(n, e->matrix, n);
    const struct weighed weighed = weigh_slopes(e, s2);
    differentiate_lengths(e, gradient);
    gradient[places.noise] = noise * noise * weighed.trace;
    if (form->n_own > 0) {
        gradient[places.sum_weight] = gp_sum_weight(form, params) * weighed.sums;
        gradient[places.sum_length] = gp_sum_weight(form, params) * weighed.sum_slopes;
    }
    if (form->n_linear > 0) {
        differentiate_linear(e, s2, gradient);
    }
    if (form->n_categorical > 0) {
        differentiate_categorical(e, s2, params, gradient);
    }
    if (form->n_tasks > 1) {
        differentiate_tasks(e, s2, params, weighed.trace, gradient);
    }
    return add_priors(form, params, gradient) - 0.5 * n * log(s2) - log_root;
}

static double clamp(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

// Adam (Kingma and Ba 2015), upwards.
void gp_evidence_climb(struct gp_evidence *e, double noise_least, double *params, double *scratch)
{
    const double rate = 0.1, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
    const int noise = gp_places(&e->points.form).noise;
    const size_t n = (size_t)gp_params(&e->points.form), bytes = n * sizeof *params;
    double *here = scratch, *gradient = here + n, *first = gradient + n, *second = first + n;
    double best = -HUGE_VAL, left1 = 1.0, left2 = 1.0;
    memcpy(here, params, bytes);
    memset(first, 0, 2 * bytes);
    for (int step = 0; step <= STEPS; step++) {
        here[noise] = clamp(here[noise], log(noise_least), 0.0);
        const double value = gp_evidence_value(e, here, gradient);
        if (value > best) {
            best = value;
            memcpy(params, here, bytes);
        }
        left1 *= beta1;
        left2 *= beta2;
        for (size_t i = 0; i < n; i++) {
            first[i] = beta1 * first[i] + (1.0 - beta1) * gradient[i];
            second[i] = beta2 * second[i] + (1.0 - beta2) * gradient[i] * gradient[i];
            here[i] +=
                rate * (first[i] / (1.0 - left1)) / (sqrt(second[i] / (1.0 - left2)) + epsilon);
        }
    }
}
