// Rows into run.h5, and sums over those of before.
#include "learner/run_log.h"

#include "core/clock.h"
#include "transport/trajectory.h"

#include <string.h>

enum { READ_ROWS = 8192 }; // at a time

enum status run_log_open(const char *path, const struct run_texts *texts, int batch, int steps,
                         const int64_t *keep, struct arena *arena, struct run_log *out)
{
    struct run_log log = {.batch = batch, .steps = steps, .flushed = clock_seconds()};
    ARENA_NEW(arena, log.episodes, (size_t)batch);
    ARENA_NEW(arena, log.costs, (size_t)batch);
    ARENA_NEW(arena, log.decisions, (size_t)batch * (size_t)steps);
    TRY(hdf5_log_open(path, run_tables, N_TABLES, texts->texts, texts->n, keep, &log.log));
    *out = log;
    return OK;
}

enum status run_log_follow(struct run_log *log, const char *run_dir, const char *const *tasks,
                           int n_tasks, double ran_seconds, struct arena *arena)
{
    return run_events_open(run_dir, tasks, n_tasks, ran_seconds, arena, &log->events);
}

static bool is_followed(const struct run_log *log)
{
    return log->events.file.file != NULL;
}

void run_log_next(struct run_log *log, struct episode_row **row, struct episode_cost_row **cost)
{
    CHECK(log->n < log->batch);
    *row = &log->episodes[log->n];
    *cost = &log->costs[log->n];
    log->n++;
    memset(*row, 0, sizeof **row);
    memset(*cost, 0, sizeof **cost);
}

struct decision_row *run_log_decisions(struct run_log *log)
{
    CHECK(log->n_decisions <= (log->batch - 1) * log->steps);
    return log->decisions + log->n_decisions;
}

void run_log_decided(struct run_log *log, int n)
{
    CHECK(n >= 0 && n <= log->steps);
    log->n_decisions += n;
}

enum status run_log_append(struct run_log *log, const struct update_row *row,
                           const struct update_cost_row *cost)
{
    TRY(hdf5_log_append(log->log, TABLE_EPISODES, log->episodes, log->n));
    TRY(hdf5_log_append(log->log, TABLE_EPISODE_COSTS, log->costs, log->n));
    TRY(hdf5_log_append(log->log, TABLE_DECISIONS, log->decisions, log->n_decisions));
    TRY(hdf5_log_append(log->log, TABLE_UPDATES, row, 1));
    TRY(hdf5_log_append(log->log, TABLE_UPDATE_COSTS, cost, 1));
    if (is_followed(log)) {
        TRY(run_events_episodes(&log->events, log->episodes, log->costs, log->n));
        TRY(run_events_update(&log->events, row, cost));
    }
    log->n = log->n_decisions = 0;
    return OK;
}

void run_log_rows(const struct run_log *log, int64_t *rows)
{
    for (int table = 0; table < N_TABLES; table++) {
        rows[table] = hdf5_log_rows(log->log, table);
    }
}

enum status run_log_flush(struct run_log *log, bool durable)
{
    log->flushed = clock_seconds();
    TRY(hdf5_log_flush(log->log, durable));
    return is_followed(log) ? event_file_flush(&log->events.file, durable) : OK;
}

enum status run_log_close(struct run_log *log)
{
    struct hdf5_log *open = log->log;
    log->log = NULL;
    const enum status status = hdf5_log_close(open);
    struct status_note note;
    status_save(&note);
    const enum status followed = event_file_close(&log->events.file);
    if (status != OK) { // what went wrong first is told
        status_restore(&note);
    }
    return status != OK ? status : followed;
}

static enum status add_episodes(const char *path, int64_t keep, int n_tasks, struct run_past *past,
                                struct episode_row *rows, struct episode_cost_row *costs)
{
    for (int64_t first = 0; first < keep; first += READ_ROWS) {
        const int64_t n = keep - first < READ_ROWS ? keep - first : READ_ROWS;
        const struct hdf5_log_part parts[] = {
            {.table = &run_tables[TABLE_EPISODES], .first = first, .n = n, .rows = rows},
            {.table = &run_tables[TABLE_EPISODE_COSTS], .first = first, .n = n, .rows = costs}};
        TRY(hdf5_log_read_parts(path, parts, 2));
        for (int64_t i = 0; i < n; i++) {
            past->wall_seconds = costs[i].wall_seconds;
            past->environment_seconds += costs[i].environment_seconds;
            past->policy_seconds += costs[i].policy_seconds;
            past->wire_seconds += costs[i].wire_seconds;
            past->retries += costs[i].tries > 1 ? costs[i].tries - 1 : 0;
            if (rows[i].task >= 0 && rows[i].task < n_tasks) {
                past->task_seconds[rows[i].task] += costs[i].environment_seconds;
            }
            past->diverged += rows[i].failure == FAILURE_DIVERGED;
            if (rows[i].failure == FAILURE_NONE || rows[i].failure == FAILURE_DIVERGED) {
                past->lag_sum += (double)rows[i].lag;
                past->lag_episodes++;
                past->lag_most = rows[i].lag > past->lag_most ? rows[i].lag : past->lag_most;
            }
        }
    }
    return OK;
}

static enum status add_updates(const char *path, int64_t keep, struct run_past *past,
                               struct update_cost_row *costs)
{
    for (int64_t first = 0; first < keep; first += READ_ROWS) {
        const int64_t n = keep - first < READ_ROWS ? keep - first : READ_ROWS;
        TRY(hdf5_log_read(path, &run_tables[TABLE_UPDATE_COSTS], first, n, costs));
        for (int64_t i = 0; i < n; i++) {
            past->wall_seconds = costs[i].wall_seconds;
            past->learning_seconds += costs[i].seconds;
            past->waiting_seconds += costs[i].waited_seconds;
        }
    }
    return OK;
}

static enum status read_past(const char *path, const int64_t *keep, int n_tasks,
                             struct arena *arena, struct run_past *past)
{
    struct episode_row *rows;
    struct episode_cost_row *costs;
    struct update_cost_row *updates;
    if (keep[TABLE_EPISODES] != keep[TABLE_EPISODE_COSTS]) {
        FAIL(ERR_INPUT,
             "the checkpoint's row counts make no sense: %lld episodes, %lld costs of episodes",
             (long long)keep[TABLE_EPISODES], (long long)keep[TABLE_EPISODE_COSTS]);
    }
    ARENA_NEW(arena, rows, READ_ROWS);
    ARENA_NEW(arena, costs, READ_ROWS);
    ARENA_NEW(arena, updates, READ_ROWS);
    TRY(add_episodes(path, keep[TABLE_EPISODES], n_tasks, past, rows, costs));
    return add_updates(path, keep[TABLE_UPDATE_COSTS], past, updates);
}

enum status run_log_past(const char *path, const int64_t *keep, int n_tasks, struct run_past *past)
{
    struct arena arena = {0};
    const enum status status = read_past(path, keep, n_tasks, &arena, past);
    arena_close(&arena);
    return status;
}
