// How far the runs of a setting had come: quartiles over its seeds of the best reward so far.
#pragma once
#include "experiments/report/report.h"

struct report_point {
    int64_t evaluation;
    int runs;                 // that have come so far, and have a score by then
    double low, middle, high; // quartiles of their best rewards so far
};
// Of the task of this name, at up to `most` >= 1 evenly spread evaluations, into out [most];
// returns how many. Scratch from `arena`.
enum status report_progress(const struct report *report, const struct report_group *group,
                            const char *task, int most, struct arena *arena,
                            struct report_point *out, int *n_out);
