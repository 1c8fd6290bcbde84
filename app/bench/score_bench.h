// What `dikdik bench score` measures: the tasks of a config, opened, with candidates drawn for
// each.
#pragma once
#include "app/bench/score_grid.h"
#include "run/run_config.h"

struct score_bench_config {
    struct run_config run; // first: its rows are the config's
    int candidates, full_calibration;
    const struct int_list *images, *calibration;
    const char *calibrations, *dtypes, *rewards;
    bool json;
};
struct score_bench_task {
    const char *name;
    struct score_grid grid;
    const struct score_cell *own; // as configured; NULL: not in the grid
};
struct score_bench {
    const struct score_bench_config *config;
    const char *config_path;
    struct backend_use use;
    struct backend *backend; // owned
    struct score_grid_axes axes;
    struct score_bench_task *tasks; // [n_tasks] arena
    int n_tasks;
    struct arena arena;
};
// Fills tasks. config, config_path, backend and axes are there; numbers of images above what the
// data set has become that.
enum status score_bench_measure(struct score_bench *bench);
void score_bench_close(struct score_bench *bench);
