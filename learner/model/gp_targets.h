// What a Gaussian process learns of rewards: standardised in each task, or their normal scores
// there (van der Waerden), which no heavy tail disturbs; and the way back.
#pragma once
#include "core/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct gp_targets {
    bool ranked;
    int n_tasks, capacity;
    double *values;       // [capacity] of the data, 0 where a task's rewards are all equal
    double *mean, *scale; // [n_tasks] reward = mean + scale * value, or that of the upper half's
                          // straight line, where ranked
    int32_t *order;       // [capacity] ranked: data by task, then by reward
    int32_t *first;       // [n_tasks + 1] where each task's begin in it
    int32_t *scratch;     // [capacity]
};
enum status gp_targets_open(bool ranked, int n_tasks, int capacity, struct arena *arena,
                            struct gp_targets *out);
// Of n rewards y, datum i of task tasks[i] (NULL: 0). equal_scale: where all rewards of a task are
// equal. Returns whether they are in all tasks.
bool gp_targets_fit(struct gp_targets *targets, int n, const double *y, const int32_t *tasks,
                    double equal_scale);
// What value [in scores, or in rewards where not ranked] stands for; y as fitted.
double gp_targets_reward(const struct gp_targets *targets, int task, const double *y, double value);
// The quantile of N(0, 1) at p in (0, 1).
double normal_quantile(double p);
