#include "core/quantile.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void quantile_sort(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
}

double quantile_of_sorted(const double *sorted, size_t n, double share)
{
    const double at = share * (double)(n - 1);
    const size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

double quantile_median(double *values, size_t n)
{
    quantile_sort(values, n);
    return quantile_of_sorted(values, n, 0.5);
}
