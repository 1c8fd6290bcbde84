#include "learner/model/gp_targets.h"

#include <math.h>
#include <string.h>

enum status gp_targets_open(bool ranked, int n_tasks, int capacity, struct arena *arena,
                            struct gp_targets *out)
{
    const size_t n = (size_t)capacity, tasks = (size_t)n_tasks;
    *out = (struct gp_targets){.ranked = ranked, .n_tasks = n_tasks, .capacity = capacity};
    ARENA_NEW(arena, out->values, n);
    ARENA_NEW(arena, out->mean, tasks);
    ARENA_NEW(arena, out->scale, tasks);
    ARENA_NEW(arena, out->order, ranked ? n : 0);
    ARENA_NEW(arena, out->scratch, ranked ? n : 0);
    ARENA_NEW(arena, out->first, tasks + 1);
    return OK;
}

// Newton's steps from a logistic guess; the tail that is at most a half keeps its digits.
double normal_quantile(double p)
{
    const double root_2 = 1.41421356237309504880, root_2_pi = 2.50662827463100050242;
    const double tail = p < 0.5 ? p : 1.0 - p, logistic = 0.6, enough = 1e-14;
    enum { MOST_STEPS = 60 };
    double z = logistic * log(tail / (1.0 - tail)); // at most 0
    for (int i = 0; i < MOST_STEPS; i++) {
        const double below = 0.5 * erfc(-z / root_2);
        // In the logarithm, which is all but a parabola down there, so that no step overshoots.
        const double slope = exp(-0.5 * z * z) / root_2_pi / below;
        const double step = log(below / tail) / slope;
        z -= step;
        if (fabs(step) <= enough * (1.0 + fabs(z))) {
            break;
        }
    }
    return p < 0.5 ? z : -z;
}

static int task_at(const int32_t *tasks, int i)
{
    return tasks != NULL ? tasks[i] : 0;
}

// Mean and scale of one task's rewards, and from these their values. Whether they are all equal.
static bool standardise(struct gp_targets *targets, int task, int n, const double *y,
                        const int32_t *tasks, double equal_scale)
{
    const double rounding = 1e-9;
    double sum = 0.0, squares = 0.0, greatest = 0.0;
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (task_at(tasks, i) == task) {
            sum += y[i];
            greatest = fmax(greatest, fabs(y[i]));
            count++;
        }
    }
    const double mean = count > 0 ? sum / count : 0.0;
    for (int i = 0; i < n; i++) {
        squares += task_at(tasks, i) == task ? (y[i] - mean) * (y[i] - mean) : 0.0;
    }
    const double deviation = count > 0 ? sqrt(squares / count) : 0.0;
    const bool equal = deviation <= rounding * greatest;
    targets->mean[task] = mean;
    targets->scale[task] = equal ? equal_scale : deviation;
    for (int i = 0; i < n && !targets->ranked; i++) {
        if (task_at(tasks, i) == task) {
            targets->values[i] = equal ? 0.0 : (y[i] - mean) / deviation;
        }
    }
    return equal;
}

static bool lower(const double *y, int32_t a, int32_t b)
{
    return y[a] < y[b] || (y[a] == y[b] && a < b);
}

// Sorts items [n] by reward, by merging runs, since qsort may allocate.
static void sort_by_reward(int n, const double *y, int32_t *items, int32_t *scratch)
{
    for (int run = 1; run < n; run *= 2) {
        for (int from = 0; from < n; from += 2 * run) {
            const int middle = from + run < n ? from + run : n;
            const int to = from + 2 * run < n ? from + 2 * run : n;
            int a = from, b = middle;
            for (int i = from; i < to; i++) {
                const bool right = a == middle || (b < to && lower(y, items[b], items[a]));
                scratch[i] = right ? items[b++] : items[a++];
            }
        }
        memcpy(items, scratch, (size_t)n * sizeof *items);
    }
}

// Scores of one task's data, `order` [n] by reward; equal rewards have the mean rank's.
static void score(struct gp_targets *targets, int task, int n, const double *y,
                  const int32_t *order)
{
    for (int from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && y[order[to]] == y[order[from]];) {
            to++;
        }
        const double value = normal_quantile(0.5 * (from + to) / n);
        for (int i = from; i < to; i++) {
            targets->values[order[i]] = value;
        }
    }
    const int32_t best = order[n - 1], middle = order[n / 2 - (n % 2 == 0 ? 1 : 0)];
    const double rise = y[best] - y[middle], run = targets->values[best] - targets->values[middle];
    targets->scale[task] = rise > 0.0 && run > 0.0 ? rise / run : targets->scale[task];
}

static void rank(struct gp_targets *targets, int n, const double *y, const int32_t *tasks)
{
    int at = 0;
    for (int task = 0; task < targets->n_tasks; task++) {
        targets->first[task] = at;
        for (int i = 0; i < n; i++) {
            if (task_at(tasks, i) == task) {
                targets->order[at++] = i;
            }
        }
        const int count = at - targets->first[task];
        int32_t *order = targets->order + targets->first[task];
        if (count > 0) {
            sort_by_reward(count, y, order, targets->scratch);
            score(targets, task, count, y, order);
        }
    }
    targets->first[targets->n_tasks] = at;
}

bool gp_targets_fit(struct gp_targets *targets, int n, const double *y, const int32_t *tasks,
                    double equal_scale)
{
    bool equal = true;
    for (int task = 0; task < targets->n_tasks; task++) {
        equal &= standardise(targets, task, n, y, tasks, equal_scale);
    }
    if (targets->ranked) {
        rank(targets, n, y, tasks);
    }
    return equal;
}

double gp_targets_reward(const struct gp_targets *targets, int task, const double *y, double value)
{
    if (!targets->ranked) {
        return value;
    }
    const int n = targets->first[task + 1] - targets->first[task];
    const int32_t *order = targets->order + targets->first[task];
    if (n == 0) {
        return targets->mean[task] + targets->scale[task] * value;
    }
    const double *values = targets->values;
    if (value <= values[order[0]] || value >= values[order[n - 1]]) {
        const int32_t end = value <= values[order[0]] ? order[0] : order[n - 1];
        return y[end] + targets->scale[task] * (value - values[end]);
    }
    int low = 0, high = n - 1; // values[order[low]] <= value < values[order[high]]
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (values[order[middle]] <= value) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const double from = values[order[low]], share = (value - from) / (values[order[high]] - from);
    return y[order[low]] + share * (y[order[high]] - y[order[low]]);
}
