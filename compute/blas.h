// Dense linear algebra on the host: the only way to OpenBLAS and the LAPACK inside it. Matrices are
// row-major; ld* is the distance between rows in elements. Safe to call from several threads at
// once.
#pragma once
#include "core/status.h"

#include <stdbool.h>

// c = alpha * op(a) * op(b) + beta * c, with op(a) [m, k], op(b) [k, n], c [m, n]; op transposes
// what is stored. beta = 0 overwrites c, whatever it held. m, n or k may be 0.
void blas_gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a,
               int lda, const float *b, int ldb, float beta, float *c, int ldc);

// g += x^T x. x [rows, columns]; g [columns, columns], symmetric before and (both triangles) after.
void blas_gram(int rows, int columns, const float *x, int ldx, float *g);

// Where memory is limited: has OpenBLAS take the buffers of so many products at a time now, because
// it would wait for ever for one that it does not get. ERR_MEMORY says how much is needed.
enum status blas_reserve(int products);

// In float64: c = alpha * op(a) * op(b) + beta * c, as blas_gemm.
void blas_gemm_double(bool transpose_a, bool transpose_b, int m, int n, int k, double alpha,
                      const double *a, int lda, const double *b, int ldb, double beta, double *c,
                      int ldc);
// c = a * b for a symmetric a [n, n], of which only the lower triangle is read; b, c [n, columns].
void blas_multiply_symmetric(int n, int columns, const double *a, int lda, const double *b, int ldb,
                             double *c, int ldc);
double blas_dot(int n, const double *x, const double *y);

// a [n, n] = l l^T: the lower triangle of a becomes the factor l, the upper one stays as it is.
// ERR_INPUT when a is not positive definite; a then holds rubbish.
enum status blas_cholesky(int n, double *a, int lda);
// l z = b, or l^T z = b when transposed, for each row b [n] of `rows` rows, replaced by its z; of
// l [n, n] the lower triangle is read.
void blas_solve_lower(bool transposed, int rows, int n, const double *l, int ldl, double *b,
                      int ldb);
// b l for each row b [n] of `rows` rows, in place; of l [n, n] the lower triangle is read.
void blas_times_lower(int rows, int n, const double *l, double *b);
// The factor l of a becomes the inverse of a: its lower triangle.
void blas_invert_factored(int n, double *l, int ldl);

// Solves a z = b for a symmetric positive definite a [n, n] by Cholesky; only the lower triangle of
// a is read, and a is destroyed. b [rhs, n]: one right-hand side per row, replaced by its solution.
// ERR_INPUT when a is not positive definite (add to its diagonal, or give more data).
enum status blas_solve_positive(int n, int rhs, double *a, double *b);

void blas_set_threads(int threads); // of each call; at least 1

// OpenBLAS picks its kernels by a processor list that newer processors are missing from.
const char *blas_core_name(void); // what it picked, "SkylakeX"
const char *blas_best_core(void); // what it should pick here; NULL: nothing better is known
const char *blas_version(void);   // "OpenBLAS 0.3.21 ..."
