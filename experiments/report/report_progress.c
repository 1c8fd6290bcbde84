#include "experiments/report/report_progress.h"

#include "core/quantile.h"

static int64_t longest(const struct report *report, const struct report_group *group,
                       const char *task)
{
    int64_t most = 0;
    for (int i = 0; i < group->n; i++) {
        const struct report_task *one = report_find_task(&report->runs[group->runs[i]], task);
        most = one != NULL && one->evaluations > most ? one->evaluations : most;
    }
    return most;
}

// Adds a run's best rewards at the points [n] that it has come to. values [n][runs of the group].
static void add_run(const struct report_task *task, int runs, struct report_point *points, int n,
                    double *values)
{
    double best = 0;
    int next = 0;
    for (int p = 0; p < n && points[p].evaluation <= task->evaluations; p++) {
        for (; next < task->n && task->candidates[next].evaluation <= points[p].evaluation;
             next++) {
            const double reward = task->candidates[next].reward;
            best = next == 0 || reward > best ? reward : best;
        }
        if (next > 0) {
            values[(size_t)p * (size_t)runs + (size_t)points[p].runs++] = best;
        }
    }
}

enum status report_progress(const struct report *report, const struct report_group *group,
                            const char *task, int most, struct arena *arena,
                            struct report_point *out, int *n_out)
{
    const int64_t all = longest(report, group, task);
    const int n = (int)(all < most ? all : most);
    double *values;
    int kept = 0;
    ARENA_NEW(arena, values, (size_t)n * (size_t)group->n);
    for (int p = 0; p < n; p++) {
        out[p] = (struct report_point){.evaluation = all * (p + 1) / n};
    }
    for (int i = 0; i < group->n; i++) {
        const struct report_task *one = report_find_task(&report->runs[group->runs[i]], task);
        if (one != NULL) {
            add_run(one, group->n, out, n, values);
        }
    }
    for (int p = 0; p < n; p++) {
        double *sorted = values + (size_t)p * (size_t)group->n;
        const size_t runs = (size_t)out[p].runs;
        if (runs > 0) { // before the first score of all there is nothing
            quantile_sort(sorted, runs);
            out[kept] = out[p];
            out[kept].low = quantile_of_sorted(sorted, runs, 0.25);
            out[kept].middle = quantile_of_sorted(sorted, runs, 0.5);
            out[kept].high = quantile_of_sorted(sorted, runs, 0.75);
            kept++;
        }
    }
    *n_out = kept;
    return OK;
}
