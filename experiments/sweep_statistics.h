// Statistics over the seeds of a setting, as Agarwal et al. 2021 ("Deep reinforcement learning at
// the edge of the statistical precipice") ask for, and how much each option of a sweep matters.
#pragma once
#include "core/status.h"

#include <stdint.h>

struct sweep_summary {
    int runs;
    double mean, mean_low, mean_high;
    double deviation; // of the runs' means over tasks, n - 1; NAN for one run
    double iqm, iqm_low, iqm_high;
};
// values: [runs, tasks], all finite; runs and tasks >= 1. The interquartile mean is that of all
// runs x tasks values without the lowest and the highest floor(n / 4) of them. Intervals: 95 %, by
// percentiles of `resamples` stratified resamples (each task's runs are drawn by themselves, with
// replacement), keyed by seed and index; NAN for one run. ERR_MEMORY.
struct sweep_resampling {
    int resamples;
    uint64_t seed, index;
};
enum status sweep_summarise(const double *values, int runs, int tasks,
                            const struct sweep_resampling *how, struct sweep_summary *out);

// values[n]: a figure of each setting; level[n]: which value of one option it has, 0 ..
// n_levels - 1. The share of the values' variance that lies between the levels' means: on a full
// grid the marginal variance of functional ANOVA (Hutter et al. 2014), first order. NAN where the
// values do not vary. ERR_MEMORY.
enum status sweep_importance(const double *values, const int *level, int n, int n_levels,
                             double *out);
// Levels of an option whose values were drawn from a range: up to four of equally many values, in
// their order. *n_levels: how many. ERR_MEMORY.
enum status sweep_levels_of_range(const double *numbers, int n, int *level, int *n_levels);
