// Rounds: in each, every case has a block of runs. What a block begins with is not timed, since the
// caches still hold another case's weights.
#include "deploy/latency.h"

#include "core/interrupt.h"
#include "core/quantile.h"

#include <math.h>

enum {
    WARM_UP_RUNS = 50,
    LEAST_WARM_UP_RUNS = 3,
    LEAST_ROUNDS = 10,
    MOST_ROUNDS = 1 << 14,
    MOST_RUNS = 1 << 17,
    MOST_BLOCK_RUNS = 100
};
#define WARM_UP_SECONDS 0.2
#define BLOCK_SECONDS 0.005

struct series {
    double *runs;   // [n_runs], seconds
    double *blocks; // [rounds] medians of blocks
    int n_runs, per_block;
    int64_t number; // runs so far, untimed ones too
};

static double run_once(const struct latency_case *what, const struct latency_options *options,
                       struct series *series)
{
    const double start = options->clock();
    what->run(what->context, series->number++);
    return options->clock() - start;
}

static void warm_up(const struct latency_case *what, const struct latency_options *options,
                    struct series *series)
{
    const double end = options->clock() + WARM_UP_SECONDS;
    double least = INFINITY;
    for (int i = 0; i < LEAST_WARM_UP_RUNS || (i < WARM_UP_RUNS && options->clock() < end); i++) {
        least = fmin(least, run_once(what, options, series));
    }
    const double fits = BLOCK_SECONDS / fmax(least, BLOCK_SECONDS / MOST_BLOCK_RUNS);
    series->per_block = fits > 1 ? (int)fits : 1;
}

static void run_block(const struct latency_case *what, const struct latency_options *options,
                      int round, struct series *series)
{
    double block[MOST_BLOCK_RUNS];
    (void)run_once(what, options, series);
    for (int i = 0; i < series->per_block; i++) {
        block[i] = run_once(what, options, series);
        series->runs[series->n_runs++] = block[i];
    }
    series->blocks[round] = quantile_median(block, (size_t)series->per_block);
}

static bool has_room(const struct series *series, int n, int rounds)
{
    bool room = rounds < MOST_ROUNDS;
    for (int i = 0; i < n; i++) {
        room = room && series[i].n_runs + series[i].per_block <= MOST_RUNS;
    }
    return room;
}

// Rounds until `end`, as far as there is room, which earlier windows may have used up; each begins
// with another case, so that none always follows the same one.
static enum status run_rounds(const struct latency_case *cases, int n,
                              const struct latency_options *options, double end,
                              struct series *series, int *rounds)
{
    while (has_room(series, n, *rounds) && (*rounds < LEAST_ROUNDS || options->clock() < end)) {
        TRY(interrupt_check());
        for (int i = 0; i < n; i++) {
            const int which = (*rounds + i) % n;
            run_block(&cases[which], options, *rounds, &series[which]);
        }
        ++*rounds;
    }
    return OK;
}

// The median over rounds, and from its spread (1.4826 median absolute deviations stand for a
// standard deviation, of which the median's error is 1.2533 / sqrt(rounds)) the half of the 95%
// interval.
static void compare(const struct series *series, const struct series *first, int rounds,
                    double *scratch, struct latency_result *out)
{
    for (int i = 0; i < rounds; i++) {
        scratch[i] = series->blocks[i] / first->blocks[i];
    }
    out->ratio = quantile_median(scratch, (size_t)rounds);
    for (int i = 0; i < rounds; i++) {
        scratch[i] = fabs(scratch[i] - out->ratio);
    }
    const double deviation = 1.4826 * quantile_median(scratch, (size_t)rounds);
    out->ratio_error = 1.96 * 1.2533 * deviation / sqrt(rounds);
}

enum status latency_measure(const struct latency_case *cases, int n,
                            const struct latency_options *options, struct arena *arena,
                            struct latency_result *results, double *difference)
{
    CHECK(n >= 2);
    struct series *series;
    double *scratch;
    ARENA_NEW(arena, series, (size_t)n);
    ARENA_NEW(arena, scratch, MOST_ROUNDS);
    for (int i = 0; i < n; i++) {
        ARENA_NEW(arena, series[i].runs, MOST_RUNS);
        ARENA_NEW(arena, series[i].blocks, MOST_ROUNDS);
        warm_up(&cases[i], options, &series[i]);
    }
    int rounds = 0;
    for (int window = 0; window < LATENCY_MOST_WINDOWS; window++) {
        const double end = options->clock() + options->seconds * n;
        TRY(run_rounds(cases, n, options, end, series, &rounds));
        compare(&series[n - 1], &series[0], rounds, scratch, &results[n - 1]);
        *difference = fabs(results[n - 1].ratio - 1);
        if (*difference <= LATENCY_LIMIT) {
            break;
        }
    }
    for (int i = 0; i < n; i++) {
        compare(&series[i], &series[0], rounds, scratch, &results[i]);
        results[i].runs = series[i].n_runs;
        results[i].median_s = quantile_median(series[i].runs, (size_t)series[i].n_runs);
        results[i].p90_s = quantile_of_sorted(series[i].runs, (size_t)series[i].n_runs, 0.9);
    }
    return OK;
}
