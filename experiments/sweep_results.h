// All records of a sweep with their statistics.
#pragma once
#include "experiments/sweep_record.h"
#include "experiments/sweep_statistics.h"

// The runs of one setting, over their seeds.
struct sweep_group {
    int n_done, n_failed;
    int rung;                    // of halving: the last one that any of them has done; else 0
    bool any;                    // something is done, so that there are statistics:
    struct sweep_summary all;    // over all tasks that its runs have in common
    struct sweep_summary *tasks; // [n_tasks]; runs = 0: not a task of all of them
};
struct sweep_results {
    const struct sweep_plan *plan;
    int n_rungs;                  // 1 where it is no halving
    struct sweep_record *records; // [n_rungs, n_runs]
    enum sweep_state *states;     // [n_runs]
    int *rungs;                   // [n_runs] of the newest record; -1 = there is none
    int n_tasks;
    const char **tasks; // names, as they come up in the runs
    enum sweep_figure figure;
    struct sweep_group *groups;              // [n_settings]
    int n_options, options[SWEEP_MOST_AXES]; // the axes that vary, seeds too
    double *importance;                      // [n_options]; NAN where it cannot be said
    int n_states[SWEEP_STOPPED + 1];
};
// Reads the records that there are. All in `arena`.
enum status sweep_results_read(const struct sweep_plan *plan, struct arena *arena,
                               struct sweep_results *out);
// Evaluations of a rung as records are called after; 0 where it is no halving.
int sweep_rung_evaluations(const struct sweep_plan *plan, int rung);
// The newest record of a run; NULL = none.
const struct sweep_record *sweep_results_newest(const struct sweep_results *results, int run);
// alive[n_settings]: those that do this rung. *complete: all of their runs have ended there; alive
// is then what goes on to the next one, the better half.
enum status sweep_rung_judge(const struct sweep_results *results, int rung, bool *alive,
                             bool *complete);
