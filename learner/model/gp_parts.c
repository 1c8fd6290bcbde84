#include "learner/model/gp_parts.h"

#include "compute/blas.h"

#include <string.h>

enum status gp_parts_open(const struct gp_form *form, int most_points, struct arena *arena,
                          struct gp_parts *out)
{
    const size_t n_own = (size_t)form->n_own;
    *out = (struct gp_parts){0};
    ARENA_NEW(arena, out->n, n_own);
    ARENA_NEW(arena, out->values, n_own * GP_PARTS_VALUES);
    ARENA_NEW(arena, out->means, n_own * GP_PARTS_VALUES);
    ARENA_NEW(arena, out->weights, (size_t)gp_linear_columns(form));
    ARENA_NEW(arena, out->row, (size_t)most_points);
    return OK;
}

void gp_parts_begin(struct gp_parts *parts, const struct gp_points *points, int n,
                    const double *alpha)
{
    const size_t columns = (size_t)gp_linear_columns(&points->form);
    for (int g = 0; g < points->form.n_own; g++) {
        parts->n[g] = 0;
    }
    for (size_t c = 0; c < columns; c++) {
        parts->weights[c] = 0.0;
    }
    for (size_t i = 0; i < (size_t)n; i++) {
        for (size_t c = 0; c < columns; c++) {
            parts->weights[c] += alpha[i] * points->linear[i * columns + c];
        }
    }
}

double gp_parts_mean(struct gp_parts *parts, const struct gp_points *points, int n,
                     const double *alpha, const double *params, const struct gp_points *candidates,
                     int i)
{
    const int columns = gp_linear_columns(&points->form);
    double sum = 0.0;
    for (int g = 0; g < points->form.n_own; g++) {
        const double at = candidates->own[(size_t)g * (size_t)candidates->most + (size_t)i];
        double *values = parts->values + (size_t)g * GP_PARTS_VALUES;
        double *means = parts->means + (size_t)g * GP_PARTS_VALUES;
        int place = 0;
        while (place < parts->n[g] && values[place] != at) {
            place++;
        }
        if (place < parts->n[g]) {
            sum += means[place];
            continue;
        }
        gp_own_covariances(points, g, at, n, params, parts->row);
        const double mean = blas_dot(n, parts->row, alpha);
        if (place < GP_PARTS_VALUES) {
            values[place] = at;
            means[place] = mean;
            parts->n[g]++;
        }
        sum += mean;
    }
    return columns == 0 ? sum
                        : sum + blas_dot(columns, parts->weights,
                                         candidates->linear + (size_t)i * (size_t)columns);
}
