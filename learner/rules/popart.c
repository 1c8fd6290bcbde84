// Running normalisers of returns, and the rescaling of the value heads.
#include "learner/rules/popart.h"

#include <math.h>
#include <string.h>

enum status popart_open(int n_tasks, bool enabled, double rate, struct arena *arena,
                        struct popart *out)
{
    *out = (struct popart){.n_tasks = n_tasks, .enabled = enabled, .rate = rate};
    ARENA_NEW(arena, out->mean, (size_t)n_tasks);
    ARENA_NEW(arena, out->sigma, (size_t)n_tasks);
    ARENA_NEW(arena, out->sums, 2 * (size_t)n_tasks);
    ARENA_NEW(arena, out->episodes, (size_t)n_tasks);
    for (int task = 0; task < n_tasks; task++) {
        out->sigma[task] = 1.0;
    }
    return OK;
}

void popart_feed(struct popart *popart, int task, double mean, double square)
{
    if (!popart->enabled) {
        return;
    }
    double *sums = popart->sums + 2 * (size_t)task;
    sums[0] += popart->rate * (mean - sums[0]);
    sums[1] += popart->rate * (square - sums[1]);
    const double n = (double)++popart->episodes[task];
    const double seen = 1.0 - pow(1.0 - popart->rate, n);
    const double average = sums[0] / seen, average_square = sums[1] / seen;
    double variance = average_square - average * average + average * average / (n * n);
    variance = fmax(variance, POPART_SIGMA_SHARE * POPART_SIGMA_SHARE * average_square);
    popart->mean[task] = average;
    popart->sigma[task] = fmin(fmax(sqrt(variance), POPART_SIGMA_LEAST), POPART_SIGMA_MOST);
}

void popart_episode(const struct trajectory *trajectory, double discount, double *mean,
                    double *square)
{
    double following = 0.0, sum = 0.0, squares = 0.0;
    int n = 0;
    for (int t = trajectory->header->rows - 1; t >= 0; t--) {
        if (trajectory->flags[t] & FLAG_TRUNCATED) {
            continue;
        }
        following = (double)trajectory->reward[t] + discount * following;
        sum += following;
        squares += following * following;
        n++;
    }
    *mean = n > 0 ? sum / n : 0.0;
    *square = n > 0 ? squares / n : 0.0;
}

void popart_copy(const struct popart *from, struct popart *to)
{
    const size_t n = (size_t)from->n_tasks;
    CHECK(from->n_tasks == to->n_tasks);
    memcpy(to->mean, from->mean, n * sizeof *to->mean);
    memcpy(to->sigma, from->sigma, n * sizeof *to->sigma);
    memcpy(to->sums, from->sums, 2 * n * sizeof *to->sums);
    memcpy(to->episodes, from->episodes, n * sizeof *to->episodes);
}

void popart_rescale(const struct popart *before, const struct popart *now,
                    const struct popart_heads *heads)
{
    for (int task = 0; task < now->n_tasks; task++) {
        if (before->episodes[task] == 0 || before->episodes[task] == now->episodes[task]) {
            continue;
        }
        const double factor = before->sigma[task] / now->sigma[task];
        const size_t row = (size_t)heads->first + (size_t)task, in = (size_t)heads->in;
        float *weight = heads->weight + row * in;
        for (size_t i = 0; i < in; i++) {
            weight[i] = (float)(factor * (double)weight[i]);
        }
        const double shift = (before->mean[task] - now->mean[task]) / now->sigma[task];
        heads->bias[row] = (float)(factor * (double)heads->bias[row] + shift);
    }
}
