// New rows W of the factor solve W L^T = K(new, old); the corner that is left, K(new, new) - W W^T,
// is factored by itself.
#include "learner/model/gp_factor.h"

#include "compute/blas.h"

enum { ROWS_AT_ONCE = 64 };

enum status gp_factor_open(int most, const struct gp_form *form, struct arena *arena,
                           struct gp_factor *out)
{
    const size_t n = (size_t)most;
    *out = (struct gp_factor){.most = most};
    ARENA_NEW(arena, out->lower, n * n);
    return gp_points_open(most, form, arena, &out->points);
}

// Rows from..to - 1 of K + noise^2 I, by blocks that go a little beyond the diagonal.
static void fill_rows(struct gp_factor *f, int from, int to, const double *params)
{
    const double noise = gp_noise(&f->points.form, params);
    const size_t ld = (size_t)f->most;
    for (int first = from; first < to; first += ROWS_AT_ONCE) {
        const int rows = to - first < ROWS_AT_ONCE ? to - first : ROWS_AT_ONCE;
        gp_covariances(&f->points, first, rows, &f->points, first + rows, params,
                       f->lower + (size_t)first * ld, f->most);
        for (int i = first; i < first + rows; i++) {
            f->lower[(size_t)i * ld + (size_t)i] = f->points.variances[i] + noise * noise;
        }
    }
}

enum status gp_factor_grow(struct gp_factor *f, int n, const double *x, const double *params)
{
    const int old = f->n;
    double *rows = f->lower + (size_t)old * (size_t)f->most, *corner = rows + old;
    CHECK(old + n <= f->most);
    if (n == 0) {
        return OK;
    }
    gp_points_fill(&f->points, old, n, x, params);
    fill_rows(f, old, old + n, params);
    if (old > 0) {
        blas_solve_lower(false, n, old, f->lower, f->most, rows, f->most);
        blas_gemm_double(false, true, n, n, old, -1.0, rows, f->most, rows, f->most, 1.0, corner,
                         f->most);
    }
    TRY(blas_cholesky(n, corner, f->most));
    f->n = old + n;
    return OK;
}
