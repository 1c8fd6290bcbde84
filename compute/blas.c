// OpenBLAS behind our own calls; cblas.h is included here only.
#include "compute/blas.h"

#include "core/machine.h"
#include "core/room.h"

#include <cblas.h>
#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

// LAPACK, by Fortran's calling rules: column-major, everything by address, lengths of texts last.
extern void dpotrf_(const char *triangle, const int *n, double *a, const int *lda, int *info,
                    size_t triangle_length);
extern void dpotri_(const char *triangle, const int *n, double *a, const int *lda, int *info,
                    size_t triangle_length);
extern void dpotrs_(const char *triangle, const int *n, const int *rhs, const double *a,
                    const int *lda, double *b, const int *ldb, int *info, size_t triangle_length);

// OpenBLAS's own, exported but in no header: the buffer of one product. Freed ones are kept.
extern void *blas_memory_alloc(int position) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));
#define BUFFER_BYTES ((size_t)128 << 20) // the largest of any x86-64 build
#define SPARE_BYTES ((size_t)32 << 20)   // for everything else that starts at the same time
enum { MOST_RESERVED = 32 };             // OpenBLAS has a table of at least twice as many

static atomic_int reserved; // buffers that OpenBLAS has and keeps

enum status blas_reserve(int products)
{
    if (!room_is_limited() || blas_memory_alloc == NULL || blas_memory_free == NULL) {
        return OK;
    }
    void *buffers[MOST_RESERVED];
    const int wanted = products < MOST_RESERVED ? products : MOST_RESERVED;
    int n = 0;
    enum status code = OK;
    while (code == OK && n < wanted) {
        if (n >= atomic_load(&reserved)) {
            char what[64];
            snprintf(what, sizeof what, "OpenBLAS, with %d threads,", wanted);
            code = room_check((size_t)(wanted - n) * BUFFER_BYTES + SPARE_BYTES, what);
        }
        if (code == OK) {
            buffers[n++] = blas_memory_alloc(0);
        }
    }
    if (n > atomic_load(&reserved)) {
        atomic_store(&reserved, n);
    }
    while (n > 0) {
        blas_memory_free(buffers[--n]);
    }
    return code;
}

// Up to SMALL_TERMS multiply-adds OpenBLAS multiplies without first copying b into its own layout.
// With few rows in a the copy costs more than the product, so b is taken in slices below that size:
// 3 times faster at [4, 302] x [302, 1208]. Slices narrower than LEAST_SLICE lose it again.
enum { SMALL_TERMS = 1000 * 1000, MOST_SLICED_ROWS = 16, LEAST_SLICE = 64, SLICE_MULTIPLE = 16 };

static int slice_columns(int m, int n, int k)
{
    if (m > MOST_SLICED_ROWS || m < 1 || k < 1 || (double)m * k * n <= SMALL_TERMS) {
        return n;
    }
    const int columns = SMALL_TERMS / m / k / SLICE_MULTIPLE * SLICE_MULTIPLE;
    return columns >= LEAST_SLICE ? columns : n;
}

void blas_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a,
               int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    const int step = transpose_a || transpose_b ? n : slice_columns(m, n, k);
    for (int at = 0; at < n; at += step) {
        cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                    transpose_b ? CblasTrans : CblasNoTrans, m, n - at < step ? n - at : step, k,
                    alpha, a, lda, b + at, ldb, beta, c + at, ldc);
    }
}

void blas_gram(int rows, int columns, const float *x, int ldx, float *g)
{
    cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, columns, rows, 1.0F, x, ldx, 1.0F, g,
                columns);
    for (int i = 0; i < columns; i++) {
        for (int j = 0; j < i; j++) {
            g[(size_t)i * (size_t)columns + (size_t)j] = g[(size_t)j * (size_t)columns + (size_t)i];
        }
    }
}

void blas_gemm_double(bool transpose_a, bool transpose_b, int m, int n, int k, double alpha,
                      const double *a, int lda, const double *b, int ldb, double beta, double *c,
                      int ldc)
{
    cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c,
                ldc);
}

void blas_multiply_symmetric(int n, int columns, const double *a, int lda, const double *b, int ldb,
                             double *c, int ldc)
{
    cblas_dsymm(CblasRowMajor, CblasLeft, CblasLower, n, columns, 1.0, a, lda, b, ldb, 0.0, c, ldc);
}

double blas_dot(int n, const double *x, const double *y)
{
    return cblas_ddot(n, x, 1, y, 1);
}

// For LAPACK, row-major lower is column-major upper, and rows are columns.
enum status blas_cholesky(int n, double *a, int lda)
{
    int info = 0;
    CHECK(n >= 0 && lda >= n);
    if (n > 0) {
        dpotrf_("U", &n, a, &lda, &info, 1);
    }
    CHECK(info >= 0);
    // dpotrf lets NaN and infinity through: they end up on the diagonal of the factor.
    for (int i = 0; info == 0 && i < n; i++) {
        info = isfinite(a[(size_t)i * (size_t)lda + (size_t)i]) ? 0 : i + 1;
    }
    if (info > 0) {
        FAIL(ERR_INPUT,
             "the %d x %d system is not positive definite (from row %d on): some inputs depend on "
             "others or are not finite; give it more data or a larger ridge",
             n, n, info);
    }
    return OK;
}

void blas_solve_lower(bool transposed, int rows, int n, const double *l, int ldl, double *b,
                      int ldb)
{
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, transposed ? CblasNoTrans : CblasTrans,
                CblasNonUnit, rows, n, 1.0, l, ldl, b, ldb);
}

void blas_times_lower(int rows, int n, const double *l, double *b)
{
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, rows, n, 1.0, l,
                n, b, n);
}

void blas_invert_factored(int n, double *l, int ldl)
{
    int info = 0;
    if (n > 0) {
        dpotri_("U", &n, l, &ldl, &info, 1);
    }
    CHECK(info == 0);
}

enum status blas_solve_positive(int n, int rhs, double *a, double *b)
{
    CHECK(n >= 0 && rhs >= 0);
    if (n == 0 || rhs == 0) {
        return OK;
    }
    int info = 0;
    TRY(blas_cholesky(n, a, n));
    dpotrs_("U", &n, &rhs, a, &n, b, &n, &info, 1);
    CHECK(info == 0);
    return OK;
}

void blas_set_threads(int threads)
{
    CHECK(threads >= 1);
    openblas_set_num_threads(threads);
}

const char *blas_core_name(void)
{
    return openblas_get_corename();
}

const char *blas_best_core(void)
{
    if (machine_has_avx512()) {
        return "SkylakeX";
    }
#if defined(__x86_64__)
    if (machine_has_avx2() && __builtin_cpu_supports("fma")) {
        return "Haswell";
    }
#endif
    return NULL;
}

const char *blas_version(void)
{
    return openblas_get_config();
}
