#include "learner/methods/knapsack.h"

#include <math.h>
#include <stdbool.h>

enum status knapsack_open(int most_items, int most_choices, struct arena *arena,
                          struct knapsack *out)
{
    struct knapsack knapsack = {.most_items = most_items, .most_choices = most_choices};
    const size_t items = (size_t)most_items, table = items * (size_t)most_choices;
    ARENA_NEW(arena, knapsack.cost, table);
    ARENA_NEW(arena, knapsack.loss, table);
    ARENA_NEW(arena, knapsack.least, 2 * ((size_t)KNAPSACK_UNITS + 1));
    ARENA_NEW(arena, knapsack.taken, items * (KNAPSACK_UNITS + 1));
    *out = knapsack;
    return OK;
}

static int units_of(double cost, double limit)
{
    const double units = round(cost / limit * KNAPSACK_UNITS);
    return units <= KNAPSACK_UNITS ? (int)units : KNAPSACK_UNITS + 1;
}

// One more item: now [u] is the least loss of the items so far within u units, INFINITY where they
// do not fit.
static void add_item(const struct knapsack *k, int item, int n_choices, double limit,
                     const double *before, double *now)
{
    const size_t row = (size_t)item * (size_t)k->most_choices;
    int16_t *taken = k->taken + (size_t)item * (KNAPSACK_UNITS + 1);
    for (int u = 0; u <= KNAPSACK_UNITS; u++) {
        now[u] = INFINITY;
        taken[u] = 0;
    }
    for (int c = 0; c < n_choices; c++) {
        const double loss = k->loss[row + (size_t)c];
        const int units = units_of(k->cost[row + (size_t)c], limit);
        for (int u = units; u <= KNAPSACK_UNITS; u++) {
            if (before[u - units] + loss < now[u]) {
                now[u] = before[u - units] + loss;
                taken[u] = (int16_t)c;
            }
        }
    }
}

void knapsack_solve(struct knapsack *k, int n, const int *n_choices, double limit, int16_t *choices)
{
    double *before = k->least, *now = k->least + KNAPSACK_UNITS + 1;
    for (int u = 0; u <= KNAPSACK_UNITS; u++) {
        before[u] = 0.0;
    }
    for (int i = 0; i < n && limit > 0.0; i++) {
        add_item(k, i, n_choices[i], limit, before, now);
        double *swapped = before;
        before = now;
        now = swapped;
    }
    const bool fits = limit > 0.0 && isfinite(before[KNAPSACK_UNITS]);
    int left = KNAPSACK_UNITS;
    for (int i = n - 1; i >= 0; i--) {
        const size_t row = (size_t)i * (size_t)k->most_choices;
        choices[i] = fits ? k->taken[(size_t)i * (KNAPSACK_UNITS + 1) + (size_t)left] : 0;
        left -= fits ? units_of(k->cost[row + (size_t)choices[i]], limit) : 0;
    }
}
