// The multiple-choice knapsack problem by dynamic programming over the budget: one choice for each
// item, so that the costs together stay within a limit and the losses together are least.
#pragma once
#include "core/arena.h"

#include <stdint.h>

enum { KNAPSACK_UNITS = 4096 }; // the limit in whole units, to which costs are rounded

struct knapsack {
    int most_items, most_choices;
    double *cost;   // [most_items][most_choices] >= 0; arena, as all here
    double *loss;   // [most_items][most_choices]
    double *least;  // [2][KNAPSACK_UNITS + 1] scratch
    int16_t *taken; // [most_items][KNAPSACK_UNITS + 1] scratch
};
enum status knapsack_open(int most_items, int most_choices, struct arena *arena,
                          struct knapsack *out);
// By cost and loss of n items with n_choices [n]: choices [n] out. Rounding may have them cost more
// or less than the limit by n / 2 units. Where nothing fits, all are 0.
void knapsack_solve(struct knapsack *knapsack, int n, const int *n_choices, double limit,
                    int16_t *choices);
