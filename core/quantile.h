// Order statistics of numbers, none of them NaN.
#pragma once
#include <stddef.h>

void quantile_sort(double *values, size_t n); // ascending
// Of n >= 1 sorted values: that below which lies a share 0 to 1 of them, between two of them in
// proportion (type 7 of Hyndman and Fan 1996).
double quantile_of_sorted(const double *sorted, size_t n, double share);
double quantile_median(double *values, size_t n); // sorts them; n >= 1
