// What has come of a run, as results/LABEL.json (of a halving's rung results/LABEL.eN.json, N the
// evaluations): state, reason, and the figures of each task. Written when the run has ended, so
// that the same sweep given again knows what is done, and a table can be made of records alone.
#pragma once
#include "experiments/sweep_plan.h"

enum sweep_state {
    SWEEP_WAITING, // not begun, or begun and not ended
    SWEEP_DONE,
    SWEEP_FAILED,
    SWEEP_STOPPED, // the worse half of a rung
};
extern const char *const sweep_state_names[]; // NULL-ended

struct sweep_record {
    enum sweep_state state;
    const char *reason;   // of a failure; else ""
    const char *identity; // of the config that it was made with
    int64_t evaluations;  // of all tasks
    int n_tasks;
    const char **tasks; // [n_tasks]
    double *figures;    // [n_tasks, FIGURE_COUNT]; NAN = the run has none
};
// `evaluations`: the rung; 0 where there are no rungs. A record that is not there is
// SWEEP_WAITING. All in `arena`.
enum status sweep_record_read(const struct sweep_plan *plan, const struct sweep_run *run,
                              int evaluations, struct arena *arena, struct sweep_record *out);
// Of the report.json that the run has left in its folder.
enum status sweep_record_done(const struct sweep_plan *plan, const struct sweep_run *run,
                              int evaluations);
enum status sweep_record_failed(const struct sweep_plan *plan, const struct sweep_run *run,
                                int evaluations, const char *reason);
