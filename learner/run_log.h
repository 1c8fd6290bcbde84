// run.h5: the rows of a batch are put together here and appended at once, so that the file always
// ends at an update.
#pragma once
#include "core/arena.h"
#include "learner/run_events.h"

struct run_log {
    struct hdf5_log *log;           // owned
    struct run_events events;       // follows it, once run_log_follow was called
    struct episode_row *episodes;   // [batch], arena
    struct episode_cost_row *costs; // [batch], arena
    int n, batch;
    struct decision_row *decisions; // [batch * steps], arena
    int n_decisions, steps;         // steps: most of an episode
    double flushed;                 // clock_seconds
};
// What the rows kept from before a resume amount to: times are in no checkpoint.
struct run_past {
    double wall_seconds; // of the last row
    double environment_seconds, policy_seconds, wire_seconds;
    double learning_seconds, waiting_seconds; // of the updates
    int64_t retries;
    int64_t diverged; // episodes, see FAILURE_DIVERGED
    double lag_sum;   // over episodes
    int64_t lag_most, lag_episodes;
    double *task_seconds; // [n_tasks] in the environment; the caller's
};
// What run.h5 says of the run as a whole: attributes of the file.
struct run_texts {
    const struct hdf5_text *texts; // [n], borrowed for the call
    int n;
};
// keep: rows [N_TABLES] to take over from the file that is there, NULL = a new one.
enum status run_log_open(const char *path, const struct run_texts *texts, int batch, int steps,
                         const int64_t *keep, struct arena *arena, struct run_log *out);
// From here on an event file beside run.h5 has what is appended, and all that is there already; see
// run_events_open.
enum status run_log_follow(struct run_log *log, const char *run_dir, const char *const *tasks,
                           int n_tasks, double ran_seconds, struct arena *arena);
// Reads the first keep[i] rows of each table. Before run_log_open.
enum status run_log_past(const char *path, const int64_t *keep, int n_tasks, struct run_past *past);
// Room for the next episode's rows, zeroed.
void run_log_next(struct run_log *log, struct episode_row **row, struct episode_cost_row **cost);
// Room for the decisions of an episode [steps]; say with run_log_decided how many there were.
struct decision_row *run_log_decisions(struct run_log *log);
void run_log_decided(struct run_log *log, int n);
enum status run_log_append(struct run_log *log, const struct update_row *row,
                           const struct update_cost_row *cost);
void run_log_rows(const struct run_log *log, int64_t *rows); // [N_TABLES] so far
enum status run_log_flush(struct run_log *log, bool durable);
enum status run_log_close(struct run_log *log); // a zeroed or closed one is fine
