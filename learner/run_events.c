// Rows of run.h5 as scalars. What an update has is what the tables of run_rows.h list; an episode's
// numbers are chosen below.
#include "learner/run_events.h"

#include "core/file.h"
#include "transport/trajectory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { READ_ROWS = 4096 }; // at a time

// Of an episode, each with its task's name.
enum tag {
    TAG_REWARD,
    TAG_ACCURACY,
    TAG_BEST,
    TAG_MACS,
    TAG_PARAMS,
    TAG_BYTES,
    TAG_LAG,
    TAG_SECONDS,
    TAG_FAILURE,
    N_TAGS
};
static const char *const tag_names[N_TAGS] = {
    [TAG_REWARD] = "reward",   [TAG_ACCURACY] = "accuracy",
    [TAG_BEST] = "best",       [TAG_MACS] = "macs",
    [TAG_PARAMS] = "params",   [TAG_BYTES] = "bytes",
    [TAG_LAG] = "lag",         [TAG_SECONDS] = "environment_seconds",
    [TAG_FAILURE] = "failure",
};

static enum status name_tags(const char *const *tasks, struct arena *arena, struct run_events *e)
{
    ARENA_NEW(arena, e->tags, (size_t)e->n_tasks * N_TAGS);
    for (int i = 0; i < e->n_tasks * N_TAGS; i++) {
        e->tags[i] = arena_format(arena, "%s/%s", tag_names[i % N_TAGS], tasks[i / N_TAGS]);
        TRY(e->tags[i] != NULL ? OK : ERR_MEMORY);
    }
    return OK;
}

// ---- rows
static enum status add_episode(struct run_events *e, const struct episode_row *row,
                               const struct episode_cost_row *cost)
{
    struct event_scalar scalars[N_TAGS];
    const int64_t step = e->rows++;
    int n = 0;
    if (row->task < 0 || row->task >= e->n_tasks) {
        return OK;
    }
    const char *const *tags = &e->tags[(ptrdiff_t)row->task * N_TAGS];
    if (row->failure != FAILURE_NONE && row->failure != FAILURE_DIVERGED) {
        scalars[n++] = (struct event_scalar){tags[TAG_FAILURE], (double)row->failure};
        return event_file_add(&e->file, step, e->began + cost->wall_seconds, scalars, n);
    }
    double *best = &e->best[row->task];
    if (row->budget == 0.0 && row->reward > *best) {
        *best = row->reward;
    }
    const double values[N_TAGS] = {
        [TAG_REWARD] = row->reward,
        [TAG_ACCURACY] = row->accuracy,
        [TAG_MACS] = (double)row->macs,
        [TAG_PARAMS] = (double)row->params,
        [TAG_BYTES] = (double)row->bytes,
        [TAG_LAG] = (double)row->lag,
        [TAG_BEST] = *best,
        [TAG_SECONDS] = cost->environment_seconds,
    };
    for (int tag = 0; tag < TAG_FAILURE; tag++) {
        if (tag != TAG_BEST || isfinite(*best)) {
            scalars[n++] = (struct event_scalar){tags[tag], values[tag]};
        }
    }
    return event_file_add(&e->file, step, e->began + cost->wall_seconds, scalars, n);
}

enum status run_events_episodes(struct run_events *e, const struct episode_row *rows,
                                const struct episode_cost_row *costs, int n)
{
    for (int i = 0; i < n; i++) {
        TRY(add_episode(e, &rows[i], &costs[i]));
    }
    return OK;
}

static double number_at(const char *row, const struct hdf5_column *column)
{
    int32_t i32;
    int64_t i64;
    double f64;
    const char *at = row + column->offset;
    switch (column->type) {
    case HDF5_I32:
        memcpy(&i32, at, sizeof i32);
        return (double)i32;
    case HDF5_I64:
        memcpy(&i64, at, sizeof i64);
        return (double)i64;
    default:
        CHECK(column->type == HDF5_F64);
        memcpy(&f64, at, sizeof f64);
        return f64;
    }
}

// The columns behind the first, which is the update's number.
static int add_columns(const struct hdf5_table *table, const char *prefix, const void *row,
                       char (*tags)[64], struct event_scalar *scalars, int n)
{
    for (int i = 1; i < table->n_columns; i++, n++) {
        CHECK(n < EVENT_MOST_SCALARS);
        snprintf(tags[n], sizeof tags[n], "%s/%s", prefix, table->columns[i].name);
        scalars[n] = (struct event_scalar){tags[n], number_at(row, &table->columns[i])};
    }
    return n;
}

enum status run_events_update(struct run_events *e, const struct update_row *row,
                              const struct update_cost_row *cost)
{
    char tags[EVENT_MOST_SCALARS][64];
    struct event_scalar scalars[EVENT_MOST_SCALARS];
    int n = add_columns(&run_tables[TABLE_UPDATES], "update", row, tags, scalars, 0);
    n = add_columns(&run_tables[TABLE_UPDATE_COSTS], "update_cost", cost, tags, scalars, n);
    return event_file_add(&e->file, row->update, e->began + cost->wall_seconds, scalars, n);
}

// ---- what is there already
// The next rows of two tables that stand side by side, both as far as the shorter one goes.
static enum status read_pair(const char *path, enum run_table first_table, int64_t first, int64_t n,
                             void *rows, void *costs)
{
    const struct hdf5_log_part parts[] = {
        {.table = &run_tables[first_table], .first = first, .n = n, .rows = rows},
        {.table = &run_tables[first_table + 1], .first = first, .n = n, .rows = costs}};
    return hdf5_log_read_parts(path, parts, 2);
}

static enum status take_episodes(struct run_events *e, const char *path, int64_t total,
                                 struct arena *arena)
{
    struct episode_row *rows;
    struct episode_cost_row *costs;
    ARENA_NEW(arena, rows, READ_ROWS);
    ARENA_NEW(arena, costs, READ_ROWS);
    for (int64_t first = 0; first < total; first += READ_ROWS) {
        const int n = (int)(total - first < READ_ROWS ? total - first : READ_ROWS);
        TRY(read_pair(path, TABLE_EPISODES, first, n, rows, costs));
        TRY(run_events_episodes(e, rows, costs, n));
    }
    return OK;
}

static enum status take_updates(struct run_events *e, const char *path, int64_t total,
                                struct arena *arena)
{
    struct update_row *rows;
    struct update_cost_row *costs;
    ARENA_NEW(arena, rows, READ_ROWS);
    ARENA_NEW(arena, costs, READ_ROWS);
    for (int64_t first = 0; first < total; first += READ_ROWS) {
        const int n = (int)(total - first < READ_ROWS ? total - first : READ_ROWS);
        TRY(read_pair(path, TABLE_UPDATES, first, n, rows, costs));
        for (int i = 0; i < n; i++) {
            TRY(run_events_update(e, &rows[i], &costs[i]));
        }
    }
    return OK;
}

static enum status take_over(struct run_events *e, const char *run_dir)
{
    char path[4096];
    int64_t rows[N_TABLES];
    struct arena arena = {0};
    TRY(file_join(path, sizeof path, run_dir, "run.h5"));
    TRY(hdf5_log_count_all(path, run_tables, N_TABLES, rows));
    enum status status = take_episodes(e, path, rows[TABLE_EPISODES], &arena);
    if (status == OK) {
        status = take_updates(e, path, rows[TABLE_UPDATES], &arena);
    }
    arena_close(&arena);
    TRY(status);
    return event_file_publish(&e->file);
}

enum status run_events_open(const char *run_dir, const char *const *tasks, int n_tasks,
                            double ran_seconds, struct arena *arena, struct run_events *out)
{
    *out = (struct run_events){.n_tasks = n_tasks, .began = (double)time(NULL) - ran_seconds};
    TRY(name_tags(tasks, arena, out));
    ARENA_NEW(arena, out->best, (size_t)n_tasks);
    for (int i = 0; i < n_tasks; i++) {
        out->best[i] = -INFINITY;
    }
    TRY(event_file_open(run_dir, &out->file));
    const enum status status = take_over(out, run_dir);
    if (status != OK) {
        struct status_note note;
        status_save(&note);
        (void)event_file_close(&out->file);
        status_restore(&note);
    }
    return status;
}
