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

// a [n, n] symmetric positive definite, only its lower triangle read: replaced by that of its
// Cholesky factor l, a = l l^T. ERR_INPUT when a is not positive definite.
enum status blas_cholesky(int n, double *a);

// l [n, n] as blas_cholesky leaves it: replaced by the inverse of the matrix it is the factor of,
// both triangles.
void blas_invert_factored(int n, double *l);

// c -= a b^T. a [m, k], b [n, k], c [m, n].
void blas_subtract_product(int m, int n, int k, const double *a, const double *b, double *c);

// b := b l. b [m, n]; l [n, n], only its lower triangle read.
void blas_times_lower(int m, int n, const double *l, double *b);

// Solves a z = b for a symmetric positive definite a [n, n] by Cholesky; only the lower triangle of
// a is read, and a is destroyed. b [rhs, n]: one right-hand side per row, replaced by its solution.
// ERR_INPUT when a is not positive definite (add to its diagonal, or give more data).
enum status blas_solve_positive(int n, int rhs, double *a, double *b);

void blas_set_threads(int threads); // of each call; at least 1

// OpenBLAS picks its kernels by a processor list that newer processors are missing from.
const char *blas_core_name(void); // what it picked, "SkylakeX"
const char *blas_best_core(void); // what it should pick here; NULL: nothing better is known
const char *blas_version(void);   // "OpenBLAS 0.3.21 ..."
