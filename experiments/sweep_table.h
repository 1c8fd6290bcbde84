// The results of a sweep as sweep.h5 and sweep.csv in its folder, each written whole or not at all.
// The same records give the same bytes.
//
// sweep.h5: n runs, s settings (groups of seeds), a options that vary, t tasks. Texts are rows
// of bytes padded with zeros, all of one width: h5py reads `sweep["runs/label"][:].view("S80")`, 80
// being the width. What is not known is NaN.
//   sweep/name, sweep/kind, sweep/figure   text [width]: figure = what runs are compared by
//   options/name               text [a, width]: path of each, "variant", or "seed"
//   options/importance         f64 [a]: share of the variance of the settings' means; NaN for seed
//   tasks/name                 text [t, width]
//   runs/label                 text [n, width]: its folder is runs/LABEL
//   runs/values                text [n, a, width]
//   runs/seed                  u64 [n]
//   runs/setting               i32 [n]: row of the groups
//   runs/state                 i32 [n]: 0 waiting, 1 done, 2 failed, 3 stopped by halving
//   runs/reason                text [n, width]: of a failure
//   runs/rung                  i32 [n]: evaluations of its newest rung; 0 without halving
//   runs/evaluations           i64 [n]
//   runs/score, accuracy_found, accuracy_test, regret, macs, params, bytes    f64 [n, t]
//   groups/values              text [s, a, width]: as of its runs; of seed ""
//   groups/done, groups/failed i32 [s]: how many runs
//   groups/rung                i32 [s]
//   groups/mean, mean_low, mean_high, deviation, iqm, iqm_low, iqm_high       f64 [s, t + 1]: of
//   the
//                              figure, for each task and in the last column over all of them
// sweep.csv: a row per setting and task, and one of task "all": the options, then task, figure,
// runs, failed, rung, mean, mean_low, mean_high, deviation, iqm, iqm_low, iqm_high; nothing where
// nothing is known.
#pragma once
#include "experiments/sweep_results.h"

enum status sweep_table_write(const struct sweep_results *results);
