#include "experiments/report/report_thin.h"

#include "core/quantile.h"

#include <stdlib.h>

enum status report_thin_rewards(const struct report_candidate *candidates, int n,
                                struct arena *arena, struct report_bin *out, int *n_out)
{
    const int bins = n < REPORT_MOST_BINS ? n : REPORT_MOST_BINS;
    double *values;
    ARENA_NEW(arena, values, (size_t)n);
    for (int b = 0; b < bins; b++) {
        const int from = (int)((int64_t)n * b / bins), to = (int)((int64_t)n * (b + 1) / bins);
        const int m = to - from;
        for (int i = 0; i < m; i++) {
            values[i] = candidates[from + i].reward;
        }
        quantile_sort(values, (size_t)m);
        out[b] = (struct report_bin){.first = candidates[from].evaluation,
                                     .last = candidates[to - 1].evaluation,
                                     .least = values[0],
                                     .low = quantile_of_sorted(values, (size_t)m, 0.25),
                                     .middle = quantile_of_sorted(values, (size_t)m, 0.5),
                                     .high = quantile_of_sorted(values, (size_t)m, 0.75),
                                     .most = values[m - 1]};
    }
    *n_out = bins;
    return OK;
}

int report_best_so_far(const struct report_candidate *candidates, int n, int *out)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (kept == 0 || candidates[i].reward > candidates[out[kept - 1]].reward) {
            out[kept++] = i;
        }
    }
    return kept;
}

struct placed {
    int64_t cost;
    double accuracy;
    int number;
};

// Cheap ones first, of equal cost the most accurate, of equal ones the first.
static int by_cost(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->cost != y->cost) {
        return x->cost < y->cost ? -1 : 1;
    }
    if (x->accuracy > y->accuracy || x->accuracy < y->accuracy) {
        return x->accuracy > y->accuracy ? -1 : 1;
    }
    return x->number - y->number;
}

enum status report_front(const struct report_candidate *candidates, int n, int cost,
                         struct arena *arena, int *out, int *n_out)
{
    struct placed *placed;
    ARENA_NEW(arena, placed, (size_t)n);
    for (int i = 0; i < n; i++) {
        placed[i] = (struct placed){candidates[i].costs[cost], candidates[i].accuracy, i};
    }
    qsort(placed, (size_t)n, sizeof *placed, by_cost);
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (kept == 0 || placed[i].accuracy > candidates[out[kept - 1]].accuracy) {
            out[kept++] = placed[i].number;
        }
    }
    *n_out = kept;
    return OK;
}

int report_sample(int n, int most, int *out)
{
    const int kept = n < most ? n : most;
    for (int i = 0; i < kept; i++) {
        out[i] = (int)((int64_t)n * i / kept);
    }
    return kept;
}
