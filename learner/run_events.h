// What run.h5 holds as scalars over steps in an event file beside it, for TensorBoard and trackers
// that read its files:
//   update/COLUMN, update_cost/COLUMN   the numbers of both tables, at the update's number
//   COLUMN/TASK, best/TASK              of episodes, at the number of their row
// Where an episode failed, only failure/TASK is there; best/TASK is the most that any candidate of
// the task had been rewarded with so far (episodes with other budgets are none).
#pragma once
#include "core/arena.h"
#include "core/event_file.h"
#include "learner/run_rows.h"

struct run_events {
    struct event_file file;
    const char **tags; // [n_tasks][per task], arena
    double *best;      // [n_tasks] arena
    int n_tasks;
    int64_t rows; // of the table of episodes so far
    double began; // seconds since 1970 that row times are counted from
};
// Writes all that run_dir/run.h5 has, and goes on with what is appended. tasks: names [n_tasks],
// borrowed for the call. The clock stands at ran_seconds of the run. The struct stays where it is.
enum status run_events_open(const char *run_dir, const char *const *tasks, int n_tasks,
                            double ran_seconds, struct arena *arena, struct run_events *out);
// The next rows of run.h5: episodes [n] with their costs, and of an update.
enum status run_events_episodes(struct run_events *events, const struct episode_row *rows,
                                const struct episode_cost_row *costs, int n);
enum status run_events_update(struct run_events *events, const struct update_row *row,
                              const struct update_cost_row *cost);
