// Dense linear algebra against plain loops: every transpose, sizes on both sides of the slicing of
// flat products, Gram matrices, and symmetric systems that can and cannot be solved.
#include "compute/blas.h"
#include "core/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static float *random_floats(struct rng *rng, size_t n)
{
    float *values = malloc((n + 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = rng_normal(rng);
    }
    return values;
}

struct product {
    bool transpose_a, transpose_b;
    int m, n, k;
    float alpha, beta;
};

static void check_product(const struct product *p, uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0, 0);
    const int extra = 3; // rows are longer than used
    const int lda = (p->transpose_a ? p->m : p->k) + extra;
    const int ldb = (p->transpose_b ? p->k : p->n) + extra, ldc = p->n + extra;
    float *a = random_floats(&rng, (size_t)(p->transpose_a ? p->k : p->m) * (size_t)lda);
    float *b = random_floats(&rng, (size_t)(p->transpose_b ? p->n : p->k) * (size_t)ldb);
    float *c = random_floats(&rng, (size_t)p->m * (size_t)ldc);
    float *before = malloc((size_t)p->m * (size_t)ldc * sizeof *before);
    assert_non_null(before);
    memcpy(before, c, (size_t)p->m * (size_t)ldc * sizeof *before);
    blas_gemm(p->transpose_a, p->transpose_b, p->m, p->n, p->k, p->alpha, a, lda, b, ldb, p->beta,
              c, ldc);
    for (int i = 0; i < p->m; i++) {
        for (int j = 0; j < ldc; j++) {
            const size_t at = (size_t)i * (size_t)ldc + (size_t)j;
            if (j >= p->n) {
                assert_true(c[at] == before[at]);
                continue;
            }
            double sum = 0.0;
            for (int k = 0; k < p->k; k++) {
                sum += (double)(p->transpose_a ? a[k * lda + i] : a[i * lda + k]) *
                       (double)(p->transpose_b ? b[j * ldb + k] : b[k * ldb + j]);
            }
            const double expected = (double)p->alpha * sum + (double)p->beta * (double)before[at];
            assert_true(fabs((double)c[at] - expected) <= 1e-5 * (sqrt(p->k) + 10.0));
        }
    }
    free(a);
    free(b);
    free(c);
    free(before);
}

static void products_equal_plain_loops(void **state)
{
    (void)state;
    static const int sizes[][3] = {{1, 1, 1},      {3, 5, 7},      {17, 33, 65},  {4, 1208, 302},
                                   {16, 700, 333}, {17, 700, 333}, {2, 130, 9000}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int kind = 0; kind < 4; kind++) {
            const struct product p = {.transpose_a = (kind & 1) != 0,
                                      .transpose_b = (kind & 2) != 0,
                                      .m = sizes[i][0],
                                      .n = sizes[i][1],
                                      .k = sizes[i][2],
                                      .alpha = 0.5F,
                                      .beta = kind == 0 ? 0.0F : 1.0F};
            check_product(&p, i * 4 + (size_t)kind);
        }
    }
}

static void zero_beta_overwrites_nan(void **state)
{
    (void)state;
    const float a[2] = {1.0F, 2.0F}, b[2] = {3.0F, 4.0F};
    float c[1] = {NAN};
    blas_gemm(false, false, 1, 1, 2, 1.0F, a, 2, b, 1, 0.0F, c, 1);
    assert_true(c[0] == 11.0F);
}

static void gram_adds_both_triangles(void **state)
{
    (void)state;
    enum { ROWS = 37, COLUMNS = 13, STRIDE = 15 };
    struct rng rng = rng_make(1, RNG_TEST, 1, 0);
    float *x = random_floats(&rng, ROWS * STRIDE);
    float g[COLUMNS * COLUMNS] = {0};
    blas_gram(ROWS, COLUMNS, x, STRIDE, g);
    blas_gram(ROWS, COLUMNS, x, STRIDE, g);
    for (int i = 0; i < COLUMNS; i++) {
        for (int j = 0; j < COLUMNS; j++) {
            double sum = 0.0;
            for (int row = 0; row < ROWS; row++) {
                sum += 2.0 * (double)x[row * STRIDE + i] * (double)x[row * STRIDE + j];
            }
            assert_true(fabs((double)g[i * COLUMNS + j] - sum) <= 1e-4);
            assert_true(g[i * COLUMNS + j] == g[j * COLUMNS + i]);
        }
    }
    free(x);
}

// a = m m^T + 0.5 I with random m, its upper triangle rubbish: the factor, what it multiplies, and
// the inverse from it.
static void factors_positive_systems(void **state)
{
    (void)state;
    enum { N = 19, M = 4 };
    struct rng rng = rng_make(4, RNG_TEST, 2, 0);
    float *m = random_floats(&rng, N * N);
    double full[N * N], l[N * N], b[M * N], product[M * N], rest[M * N];
    for (int i = 0; i < N * N; i++) {
        double sum = i / N == i % N ? 0.5 : 0.0;
        for (int k = 0; k < N; k++) {
            sum += (double)m[i / N * N + k] * (double)m[i % N * N + k];
        }
        full[i] = sum;
        l[i] = i % N <= i / N ? sum : 1e9;
    }
    for (int i = 0; i < M * N; i++) {
        b[i] = product[i] = (double)rng_normal(&rng);
        rest[i] = 1;
    }
    assert_int_equal(blas_cholesky(N, l), OK);
    blas_times_lower(M, N, l, product);
    for (int i = 0; i < M * N; i++) {
        double sum = 0.0;
        for (int k = i % N; k < N; k++) {
            sum += b[i / N * N + k] * l[k * N + i % N];
        }
        assert_true(fabs(sum - product[i]) <= 1e-9);
    }
    for (int r = 0; r < M; r++) {
        double left = 0.0, right = 0.0;
        for (int i = 0; i < N; i++) {
            left += product[r * N + i] * product[r * N + i];
            for (int j = 0; j < N; j++) {
                right += b[r * N + i] * full[i * N + j] * b[r * N + j];
            }
        }
        assert_true(fabs(left - right) <= 1e-9 * right);
    }
    blas_invert_factored(N, l);
    for (int i = 0; i < N * N; i++) {
        double sum = 0.0;
        for (int k = 0; k < N; k++) {
            sum += full[i / N * N + k] * l[k * N + i % N];
        }
        assert_true(fabs(sum - (i / N == i % N ? 1.0 : 0.0)) <= 1e-9);
        assert_true(l[i] == l[i % N * N + i / N]);
    }
    blas_subtract_product(M, N, 1, b, full, rest); // b as [M][1], full as [N][1]
    for (int i = 0; i < M * N; i++) {
        assert_true(fabs(rest[i] - (1 - b[i / N] * full[i % N])) <= 1e-12);
    }
    free(m);
}

// a = m m^T + 0.1 I with random m; the upper triangle is filled with rubbish, which must not
// matter.
static void solves_positive_systems(void **state)
{
    (void)state;
    enum { N = 23, RHS = 5 };
    struct rng rng = rng_make(2, RNG_TEST, 2, 0);
    float *m = random_floats(&rng, N * N);
    double full[N * N], a[N * N], b[RHS * N], z[RHS * N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            double sum = i == j ? 0.1 : 0.0;
            for (int k = 0; k < N; k++) {
                sum += (double)m[i * N + k] * (double)m[j * N + k];
            }
            full[i * N + j] = sum;
            a[i * N + j] = j <= i ? sum : 1e9;
        }
    }
    for (int i = 0; i < RHS * N; i++) {
        b[i] = z[i] = (double)rng_normal(&rng);
    }
    assert_int_equal(blas_solve_positive(N, RHS, a, z), OK);
    for (int r = 0; r < RHS; r++) {
        for (int i = 0; i < N; i++) {
            double sum = 0.0;
            for (int j = 0; j < N; j++) {
                sum += full[i * N + j] * z[r * N + j];
            }
            assert_true(fabs(sum - b[r * N + i]) <= 1e-8);
        }
    }
    free(m);
}

static void refuses_other_systems(void **state)
{
    (void)state;
    double indefinite[4] = {1.0, 2.0, 2.0, 1.0}, b[2] = {1.0, 1.0};
    assert_int_equal(blas_solve_positive(2, 1, indefinite, b), ERR_INPUT);
    assert_non_null(strstr(status_message(), "not positive definite"));
    double singular[4] = {0.0, 0.0, 0.0, 0.0};
    assert_int_equal(blas_solve_positive(2, 1, singular, b), ERR_INPUT);
    double undefined[4] = {1.0, 0.0, 0.0, (double)NAN};
    assert_int_equal(blas_solve_positive(2, 1, undefined, b), ERR_INPUT);
    assert_int_equal(blas_solve_positive(0, 1, NULL, NULL), OK);
}

static void names_are_known(void **state)
{
    (void)state;
    blas_set_threads(1);
    assert_true(strlen(blas_core_name()) > 0);
    assert_non_null(strstr(blas_version(), "OpenBLAS"));
    const char *best = blas_best_core();
    assert_true(best == NULL || strcmp(best, "SkylakeX") == 0 || strcmp(best, "Haswell") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_equal_plain_loops),
        cmocka_unit_test(zero_beta_overwrites_nan),
        cmocka_unit_test(gram_adds_both_triangles),
        cmocka_unit_test(factors_positive_systems),
        cmocka_unit_test(solves_positive_systems),
        cmocka_unit_test(refuses_other_systems),
        cmocka_unit_test(names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
