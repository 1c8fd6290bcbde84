// Means, intervals and shares of variance.
#include "experiments/sweep_statistics.h"

#include "core/quantile.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OUTSIDE 0.025 // of the resamples, at each end of an interval

static double mean_of(const double *values, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum / n;
}

// Sorts them.
static double middle_mean(double *values, int n)
{
    const int cut = n / 4;
    quantile_sort(values, (size_t)n);
    return mean_of(values + cut, n - 2 * cut);
}

static void take_interval(double *values, int n, double *low, double *high)
{
    quantile_sort(values, (size_t)n);
    *low = quantile_of_sorted(values, (size_t)n, OUTSIDE);
    *high = quantile_of_sorted(values, (size_t)n, 1 - OUTSIDE);
}

static double deviation_of_runs(const double *values, int runs, int tasks, double mean)
{
    double sum = 0;
    for (int run = 0; run < runs; run++) {
        const double difference = mean_of(values + (size_t)run * (size_t)tasks, tasks) - mean;
        sum += difference * difference;
    }
    return runs > 1 ? sqrt(sum / (runs - 1)) : (double)NAN;
}

// means, middles: [resamples]; drawn: [runs, tasks].
static void resample(const double *values, int runs, int tasks, const struct sweep_resampling *how,
                     double *means, double *middles, double *drawn)
{
    for (int i = 0; i < how->resamples; i++) {
        struct rng rng = rng_make(how->seed, RNG_BOOTSTRAP, how->index, (uint32_t)i);
        for (int at = 0; at < runs * tasks; at++) {
            const int run = (int)rng_below(&rng, (uint32_t)runs);
            drawn[at] = values[run * tasks + at % tasks];
        }
        means[i] = mean_of(drawn, runs * tasks);
        middles[i] = middle_mean(drawn, runs * tasks);
    }
}

enum status sweep_summarise(const double *values, int runs, int tasks,
                            const struct sweep_resampling *how, struct sweep_summary *out)
{
    CHECK(runs >= 1 && tasks >= 1 && how->resamples >= 1);
    const size_t n = (size_t)runs * (size_t)tasks, times = (size_t)how->resamples;
    double *memory = malloc((n + 2 * times) * sizeof *memory);
    if (memory == NULL) {
        FAIL(ERR_MEMORY, "no memory for statistics");
    }
    double *means = memory, *middles = memory + times, *drawn = memory + 2 * times;
    memset(out, 0, sizeof *out);
    out->runs = runs;
    out->mean = mean_of(values, (int)n);
    out->deviation = deviation_of_runs(values, runs, tasks, out->mean);
    memcpy(drawn, values, n * sizeof *values);
    out->iqm = middle_mean(drawn, (int)n);
    out->mean_low = out->mean_high = out->iqm_low = out->iqm_high = (double)NAN;
    if (runs > 1) {
        resample(values, runs, tasks, how, means, middles, drawn);
        take_interval(means, how->resamples, &out->mean_low, &out->mean_high);
        take_interval(middles, how->resamples, &out->iqm_low, &out->iqm_high);
    }
    free(memory);
    return OK;
}

enum status sweep_importance(const double *values, const int *level, int n, int n_levels,
                             double *out)
{
    double *sums = calloc((size_t)(n_levels > 0 ? n_levels : 1) * 2, sizeof *sums);
    if (sums == NULL) {
        FAIL(ERR_MEMORY, "no memory for statistics");
    }
    double *counts = sums + n_levels, all = 0, between = 0;
    const double mean = n > 0 ? mean_of(values, n) : 0;
    for (int i = 0; i < n; i++) {
        CHECK(level[i] >= 0 && level[i] < n_levels);
        sums[level[i]] += values[i];
        counts[level[i]] += 1;
        all += (values[i] - mean) * (values[i] - mean);
    }
    for (int l = 0; l < n_levels; l++) {
        const double off = counts[l] > 0 ? sums[l] / counts[l] - mean : 0;
        between += counts[l] * off * off;
    }
    free(sums);
    // Below the rounding of a sum of squares nothing varies.
    const double least = 1e-24 * n * (mean * mean + 1e-300);
    *out = all > least ? between / all : (double)NAN;
    return OK;
}

enum status sweep_levels_of_range(const double *numbers, int n, int *level, int *n_levels)
{
    enum { MOST_LEVELS = 4 };
    double *sorted = malloc((size_t)(n > 0 ? n : 1) * sizeof *sorted);
    if (sorted == NULL) {
        FAIL(ERR_MEMORY, "no memory for statistics");
    }
    memcpy(sorted, numbers, (size_t)n * sizeof *sorted);
    quantile_sort(sorted, (size_t)n);
    *n_levels = n / 2 < MOST_LEVELS ? n / 2 : MOST_LEVELS; // two values at least in each
    *n_levels = *n_levels > 0 ? *n_levels : 1;
    for (int i = 0; i < n; i++) {
        int rank = 0;
        while (sorted[rank] < numbers[i]) {
            rank++;
        }
        level[i] = (int)((int64_t)rank * *n_levels / n);
    }
    free(sorted);
    return OK;
}
