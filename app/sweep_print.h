// A sweep on standard output: what would run, and what has come of it.
#pragma once
#include "experiments/sweep_results.h"

// A row per run, and how many at once; for --dry-run. `places`: runs at once, each of `cores`.
enum status sweep_print_plan(const struct sweep_results *results, int places, int cores);
// Settings with their statistics, importance, failures; with --json one object.
enum status sweep_print_results(const struct sweep_results *results);
