// How alike two measures order the same things. Equal values share their mean rank.
#pragma once
#include <stddef.h>

// ranks [n] out: 1 for the least value, n for the greatest. values [n], finite.
void rank_of(const double *values, size_t n, double *ranks);
// Spearman's rho, -1 to 1: the correlation of the ranks. scratch [2][n]. 0 where either measure has
// one value only.
double rank_spearman(const double *a, const double *b, size_t n, double *scratch);
// Kendall's tau-b, -1 to 1: pairs in the same order less those in opposite order, ties accounted
// for (Kendall 1945). 0 as above.
double rank_kendall(const double *a, const double *b, size_t n);
