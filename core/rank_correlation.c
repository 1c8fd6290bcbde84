// O(n^2) throughout: meant for some hundred values.
#include "core/rank_correlation.h"

#include <math.h>
#include <stdint.h>

void rank_of(const double *values, size_t n, double *ranks)
{
    for (size_t i = 0; i < n; i++) {
        ranks[i] = 0.5;
        for (size_t k = 0; k < n; k++) {
            ranks[i] += values[k] < values[i] ? 1.0 : values[k] > values[i] ? 0.0 : 0.5;
        }
    }
}

double rank_spearman(const double *a, const double *b, size_t n, double *scratch)
{
    double *of_a = scratch, *of_b = scratch + n;
    double ab = 0.0, aa = 0.0, bb = 0.0;
    const double middle = 0.5 * ((double)n + 1.0);
    rank_of(a, n, of_a);
    rank_of(b, n, of_b);
    for (size_t i = 0; i < n; i++) {
        ab += (of_a[i] - middle) * (of_b[i] - middle);
        aa += (of_a[i] - middle) * (of_a[i] - middle);
        bb += (of_b[i] - middle) * (of_b[i] - middle);
    }
    return aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : 0.0;
}

double rank_kendall(const double *a, const double *b, size_t n)
{
    int64_t order = 0, in_a = 0, in_b = 0; // pairs that a, that b tells apart
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            const int of_a = (a[i] > a[k]) - (a[i] < a[k]);
            const int of_b = (b[i] > b[k]) - (b[i] < b[k]);
            order += (int64_t)of_a * of_b;
            in_a += of_a != 0;
            in_b += of_b != 0;
        }
    }
    return in_a > 0 && in_b > 0 ? (double)order / sqrt((double)in_a * (double)in_b) : 0.0;
}
