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

int gp_inputs(const struct gp_form *form)
{
    return form->n_joint + form->n_categorical + (form->n_tasks > 1 ? 1 : 0) + form->n_linear;
}

int gp_task_input(const struct gp_form *form)
{
    return form->n_tasks > 1 ? form->n_joint + form->n_categorical : -1;
}

struct gp_places gp_places(const struct gp_form *form)
{
    const int sums = form->n_joint + 1, linear = sums + (form->n_own > 0 ? 2 : 0);
    const int categorical = linear + (form->n_linear > 0 ? 2 : 0);
    struct gp_places places = {form->n_joint, -1, -1, -1, -1, -1, -1, -1};
    if (form->n_own > 0) {
        places.sum_weight = sums;
        places.sum_length = sums + 1;
    }
    if (form->n_linear > 0) {
        places.linear_weight = linear;
        places.linear_spread = linear + 1;
    }
    if (form->n_categorical > 0) {
        places.categorical = categorical;
    }
    if (form->n_tasks > 1) {
        places.tasks = categorical + form->n_categorical;
        places.constant = places.tasks + form->n_tasks;
    }
    return places;
}

int gp_params(const struct gp_form *form)
{
    return form->n_joint + 1 + (form->n_own > 0 ? 2 : 0) + (form->n_linear > 0 ? 2 : 0) +
           form->n_categorical + (form->n_tasks > 1 ? form->n_tasks + 1 : 0);
}

int gp_linear_columns(const struct gp_form *form)
{
    return form->n_linear > 0 ? form->n_linear + 1 : 0;
}

double gp_noise(const struct gp_form *form, const double *params)
{
    return exp(params[gp_places(form).noise]);
}

double gp_sum_weight(const struct gp_form *form, const double *params)
{
    return form->n_own > 0 ? exp(params[gp_places(form).sum_weight]) : 0.0;
}

double gp_constant(const struct gp_form *form, const double *params)
{
    return form->n_tasks > 1 ? exp(params[gp_places(form).constant]) : 0.0;
}

double gp_common(const struct gp_form *form, const double *params, int task)
{
    return 1.0 / (1.0 + exp(-params[gp_places(form).tasks + task]));
}

enum status gp_points_open(int most, const struct gp_form *form, struct arena *arena,
                           struct gp_points *out)
{
    const size_t n = (size_t)most;
    *out = (struct gp_points){.form = *form, .most = most};
    ARENA_NEW(arena, out->u, n * (size_t)form->n_joint);
    ARENA_NEW(arena, out->norms, n);
    ARENA_NEW(arena, out->own, n * (size_t)form->n_own);
    ARENA_NEW(arena, out->linear, n * (size_t)gp_linear_columns(form));
    ARENA_NEW(arena, out->variances, n);
    ARENA_NEW(arena, out->codes, n * (size_t)form->n_categorical);
    ARENA_NEW(arena, out->differing, (size_t)form->n_categorical);
    ARENA_NEW(arena, out->tasks, form->n_tasks > 1 ? n : 0);
    ARENA_NEW(arena, out->common, form->n_tasks > 1 ? n : 0);
    return OK;
}

static void fill_joint(const struct gp_points *points, int i, const double *x, const double *params)
{
    const int n = points->form.n_joint;
    double *u = points->u + (size_t)i * (size_t)n;
    for (int g = 0; g < n; g++) {
        u[g] = sqrt(5.0) * exp(-params[g]) * x[g];
    }
    points->norms[i] = blas_dot(n, u, u);
}

static void fill_own(const struct gp_points *points, int i, const double *x, const double *params)
{
    const double scale = sqrt(5.0) * exp(-params[gp_places(&points->form).sum_length]);
    for (size_t g = 0; g < (size_t)points->form.n_own; g++) {
        points->own[g * (size_t)points->most + (size_t)i] = scale * x[g];
    }
}

static void fill_linear(const struct gp_points *points, int i, const double *x,
                        const double *params)
{
    const struct gp_places places = gp_places(&points->form);
    const int n = points->form.n_linear;
    const double whole = sqrt(exp(params[places.linear_weight]) / n);
    const double each = whole * sqrt(exp(params[places.linear_spread]));
    double *to = points->linear + (size_t)i * (size_t)gp_linear_columns(&points->form), sum = 0.0;
    for (int c = 0; c < n; c++) {
        const double e = x[gp_inputs(&points->form) - n + c];
        to[c] = each * e;
        sum += e;
    }
    to[n] = whole * sum;
    points->variances[i] += blas_dot(n + 1, to, to);
}

static void fill_codes(const struct gp_points *points, int i, const double *x)
{
    for (size_t s = 0; s < (size_t)points->form.n_categorical; s++) {
        points->codes[s * (size_t)points->most + (size_t)i] = x[(size_t)points->form.n_joint + s];
    }
}

static void fill_task(const struct gp_points *points, int i, const double *x, const double *params)
{
    const double task = x[gp_task_input(&points->form)];
    CHECK(task >= 0.0 && task < points->form.n_tasks);
    points->tasks[i] = task;
    points->common[i] = gp_common(&points->form, params, (int)task);
    points->variances[i] += gp_constant(&points->form, params);
}

static void fill_differing(const struct gp_points *points, const double *params)
{
    const int first = gp_places(&points->form).categorical;
    for (int s = 0; s < points->form.n_categorical; s++) {
        points->differing[s] = exp(-exp(-params[first + s]));
    }
}

void gp_points_fill(const struct gp_points *points, int first, int n, const double *x,
                    const double *params)
{
    fill_differing(points, params);
    const size_t n_inputs = (size_t)gp_inputs(&points->form);
    for (int i = 0; i < n; i++) {
        const double *point = x + (size_t)i * n_inputs;
        points->variances[first + i] = 1.0 + gp_sum_weight(&points->form, params);
        fill_joint(points, first + i, point, params);
        if (points->form.n_own > 0) {
            fill_own(points, first + i, point, params);
        }
        if (points->form.n_linear > 0) {
            fill_linear(points, first + i, point, params);
        }
        fill_codes(points, first + i, point);
        if (points->form.n_tasks > 1) {
            fill_task(points, first + i, point, params);
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
    const int n_inputs = a->form.n_joint;
    for (int i = 0; i < n_a && n_inputs == 0; i++) {
        memset(out + (size_t)i * (size_t)ldo, 0, (size_t)n_b * sizeof *out);
    }
    if (n_inputs == 0) {
        return;
    }
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

void gp_add_linear(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b,
                   int n_b, double *out, int ldo)
{
    const int n = gp_linear_columns(&a->form);
    if (n > 0) {
        blas_gemm_double(false, true, n_a, n_b, n, 1.0, a->linear + (size_t)first_a * (size_t)n, n,
                         b->linear, n, 1.0, out, ldo);
    }
}

CPU_CLONES static void multiply_unequal(int n, double at, const double *restrict of, double factor,
                                        double *restrict row)
{
    for (int j = 0; j < n; j++) {
        row[j] *= of[j] == at ? 1.0 : factor;
    }
}

void gp_multiply_differing(const struct gp_points *a, int i, const struct gp_points *b, int n,
                           double *row)
{
    for (size_t s = 0; s < (size_t)a->form.n_categorical; s++) {
        multiply_unequal(n, a->codes[s * (size_t)a->most + (size_t)i],
                         b->codes + s * (size_t)b->most, a->differing[s], row);
    }
}

void gp_multiply_common(const struct gp_points *a, int i, const struct gp_points *b, int n,
                        double *row)
{
    for (int j = 0; j < n && a->form.n_tasks > 1; j++) {
        row[j] *= b->tasks[j] == a->tasks[i] ? 1.0 : a->common[i] * b->common[j];
    }
}

void gp_add_constant(const struct gp_points *a, int i, const struct gp_points *b, int n,
                     double constant, double *row)
{
    for (int j = 0; j < n && a->form.n_tasks > 1; j++) {
        row[j] += b->tasks[j] == a->tasks[i] ? constant : 0.0;
    }
}

void gp_joint_covariances(const struct gp_points *a, int first_a, int n_a,
                          const struct gp_points *b, int n_b, double *out, int ldo)
{
    gp_squares(a, first_a, n_a, b, n_b, out, ldo);
    for (int i = 0; i < n_a; i++) {
        double *row = out + (size_t)i * (size_t)ldo;
        gp_kernel(n_b, row);
        gp_multiply_differing(a, first_a + i, b, n_b, row);
    }
}

void gp_covariances(const struct gp_points *a, int first_a, int n_a, const struct gp_points *b,
                    int n_b, const double *params, double *out, int ldo)
{
    const size_t n_own = (size_t)a->form.n_own;
    const double weight = n_own > 0 ? gp_sum_weight(&a->form, params) / (double)n_own : 0.0;
    const double constant = gp_constant(&a->form, params);
    gp_joint_covariances(a, first_a, n_a, b, n_b, out, ldo);
    for (int i = 0; i < n_a; i++) {
        double *row = out + (size_t)i * (size_t)ldo;
        for (size_t g = 0; g < n_own; g++) {
            const double at = a->own[g * (size_t)a->most + (size_t)(first_a + i)];
            add_one(n_b, at, b->own + g * (size_t)b->most, weight, row);
        }
        gp_multiply_common(a, first_a + i, b, n_b, row);
        gp_add_constant(a, first_a + i, b, n_b, constant, row);
    }
    gp_add_linear(a, first_a, n_a, b, n_b, out, ldo);
}

void gp_own_covariances(const struct gp_points *b, int g, double at, int n, const double *params,
                        double *row)
{
    const double weight = gp_sum_weight(&b->form, params) / b->form.n_own;
    memset(row, 0, (size_t)n * sizeof *row);
    add_one(n, at, b->own + (size_t)g * (size_t)b->most, weight, row);
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
