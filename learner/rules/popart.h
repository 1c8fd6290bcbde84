// Returns normalised per task (van Hasselt et al. 2016 and Hessel et al. 2018, PopArt): the value
// heads predict (V - mean) / sigma of their task; when mean and sigma move, the heads' weights are
// rescaled so that what they predict stays the same.
//
// Running mean and square are fed once per fresh episode with the averages over its rows, and
// divided by 1 - (1 - rate)^n, so that a few episodes are enough (Kingma & Ba 2015 do so in Adam).
// What is fed are discounted returns from rewards alone: the normaliser then depends on no network.
// Padding never enters.
#pragma once
#include "core/arena.h"
#include "transport/trajectory.h"

struct popart {
    int n_tasks;
    bool enabled;         // false: mean 0 and sigma 1 for ever
    double rate;          // (0, 1], per episode
    double *mean, *sigma; // [n_tasks], 0 and 1 before a task's first episode
    double *sums;         // [n_tasks][2] running mean and square, not yet divided
    int64_t *episodes;    // [n_tasks] fed so far
};
// Bounds of sigma. It is also at least SIGMA_SHARE of the root mean square (a task that always
// gives the same return must not blow up the last digits), and a mean known from n episodes adds
// mean^2 / n^2 to the variance, as one return says nothing about the spread.
#define POPART_SIGMA_LEAST 1e-4
#define POPART_SIGMA_MOST 1e6
#define POPART_SIGMA_SHARE 0.01

enum status popart_open(int n_tasks, bool enabled, double rate, struct arena *arena,
                        struct popart *out);
// One episode's average return and squared return over its rows.
void popart_feed(struct popart *popart, int task, double mean, double square);
// The discounted returns of an episode's rows, averaged. The row of a TRUNCATED observation is
// none.
void popart_episode(const struct trajectory *trajectory, double discount, double *mean,
                    double *square);
void popart_copy(const struct popart *from, struct popart *to); // of one size

// Value heads in the flat block: row `first + task` of weight [.][in] and of bias [.].
struct popart_heads {
    float *weight, *bias;
    int in, first;
};
// Rescales the heads of all tasks from `before`'s normalisers to `now`'s: sigma n + mean stays the
// same for every input. A task without episodes before has nothing worth keeping: its head stays,
// so that it begins by predicting the mean.
void popart_rescale(const struct popart *before, const struct popart *now,
                    const struct popart_heads *heads);
