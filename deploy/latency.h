// Times several things so that their ratios can be trusted: in turn, in short blocks, so that
// whatever drifts (clock rates, other programs) meets all of them alike, and the first of them
// twice, which shows what differs without a reason.
#pragma once
#include "core/arena.h"

#include <stdint.h>

// Medians of one thing that differ by more than this say that the machine is too unsteady.
#define LATENCY_LIMIT 0.02

struct latency_case {
    void (*run)(void *context, int64_t number); // number: of the run, 0, 1, ...
    void *context;
};
struct latency_options {
    double seconds;        // of each case; up to LATENCY_MOST_WINDOWS times that, while unsteady
    double (*clock)(void); // seconds since some start
};
#define LATENCY_MOST_WINDOWS 4
struct latency_result {
    double median_s, p90_s; // of one run
    double ratio;           // of the time to the first case's: median over rounds
    double ratio_error;     // half of its 95% interval
    int runs;
};
// Fills results [n]; *difference is how far the ratio of the last case, which is the first again,
// lies from 1. n >= 2; memory from `arena`. ERR_INTERRUPTED.
enum status latency_measure(const struct latency_case *cases, int n,
                            const struct latency_options *options, struct arena *arena,
                            struct latency_result *results, double *difference);
