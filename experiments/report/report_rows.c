// The rows of run.h5, read in pieces and kept as what a report needs of them.
#include "core/file.h"
#include "experiments/report/report_run.h"
#include "learner/methods/method.h"
#include "transport/ticket.h"

#include <math.h>
#include <string.h>

enum { PIECE = 8192 };

struct reading {
    const char *path;
    struct arena *arena; // the caller's
    struct arena scratch;
    struct report_run *run;
    int64_t rows[N_TABLES];
    struct report_candidate *all; // [episodes] scratch
    int32_t *task_of;             // [episodes] of each of them; -1: no candidate; scratch
    int64_t (*first_given)[2];    // [tasks] lowest episodes with given actions
    void *piece;                  // [PIECE] rows of any table; scratch
};

static size_t most_row_bytes(void)
{
    size_t most = 0;
    for (int i = 0; i < N_TABLES; i++) {
        most = run_tables[i].row_bytes > most ? run_tables[i].row_bytes : most;
    }
    return most;
}

static enum status read_piece(struct reading *r, int table, int64_t first, int64_t *n)
{
    const int64_t left = r->rows[table] - first;
    *n = left < PIECE ? left : PIECE;
    return hdf5_log_read(r->path, &run_tables[table], first, *n, r->piece);
}

// ---- episodes

static void note_given(struct reading *r, const struct episode_row *row)
{
    int64_t *first = r->first_given[row->task];
    if (row->source == ACTIONS_GIVEN && row->budget == 0) {
        if (first[0] < 0 || row->episode < first[0]) {
            first[1] = first[0];
            first[0] = row->episode;
        } else if (first[1] < 0 || row->episode < first[1]) {
            first[1] = row->episode;
        }
    }
}

static void take_episode(struct reading *r, const struct episode_row *row, int64_t at)
{
    struct report_task *task = &r->run->tasks[row->task];
    r->task_of[at] = -1;
    task->episodes++;
    note_given(r, row);
    if (row->failure > FAILURE_NONE && row->failure < FAILURE_COUNT) {
        if (task->failures[row->failure]++ == 0) {
            task->first_failure[row->failure] = row->episode;
        }
    }
    if (row->fresh == 0) {
        return;
    }
    task->evaluations++;
    if (row->budget != 0 || row->failure != FAILURE_NONE || !isfinite(row->accuracy) ||
        !isfinite(row->reward)) {
        return;
    }
    r->task_of[at] = row->task;
    r->all[at] = (struct report_candidate){.episode = row->episode,
                                           .evaluation = task->evaluations,
                                           .accuracy = row->accuracy,
                                           .reward = row->reward,
                                           .costs = {row->macs, row->params, row->bytes},
                                           .source = row->source};
    task->n++;
}

static enum status make_tasks(struct reading *r, int32_t most)
{
    struct report_run *run = r->run;
    if (most < run->n_tasks) {
        return OK;
    }
    if (run_config_designs(&run->config) || most >= 1 << 16) {
        FAIL(ERR_INPUT, "%s has an episode of task %d, but the config names %d tasks", r->path,
             (int)most, run->n_tasks);
    }
    struct report_task *tasks;
    ARENA_NEW(r->arena, tasks, (size_t)most + 1);
    if (run->n_tasks > 0) {
        memcpy(tasks, run->tasks, (size_t)run->n_tasks * sizeof *tasks);
    }
    int64_t(*first)[2];
    ARENA_NEW(&r->scratch, first, (size_t)most + 1);
    for (int i = 0; i <= most; i++) {
        first[i][0] = i < run->n_tasks ? r->first_given[i][0] : -1;
        first[i][1] = i < run->n_tasks ? r->first_given[i][1] : -1;
        if (i >= run->n_tasks) {
            tasks[i].name = arena_format(r->arena, "%s-%d", run->config.environment, i);
            tasks[i].network = tasks[i].budget = "";
            TRY(tasks[i].name != NULL ? OK : ERR_MEMORY);
        }
    }
    r->first_given = first;
    run->tasks = tasks;
    run->n_tasks = most + 1;
    return OK;
}

static enum status read_episodes(struct reading *r)
{
    const int64_t total = r->rows[TABLE_EPISODES];
    ARENA_NEW(&r->scratch, r->all, (size_t)total);
    ARENA_NEW(&r->scratch, r->task_of, (size_t)total);
    for (int64_t first = 0, n; first < total; first += n) {
        const struct episode_row *rows = r->piece;
        TRY(read_piece(r, TABLE_EPISODES, first, &n));
        for (int64_t i = 0; i < n; i++) {
            if (rows[i].task < 0) {
                FAIL(ERR_INPUT, "%s has an episode of task %d: it is damaged", r->path,
                     (int)rows[i].task);
            }
            TRY(make_tasks(r, rows[i].task));
            take_episode(r, &rows[i], first + i);
        }
    }
    r->run->episodes = total;
    return OK;
}

// What the search begins with, where it does so by the book: learner/start.h.
static void find_baselines(const struct reading *r, struct report_task *task, int number)
{
    const enum search_start kind = r->run->config.search.start;
    const bool designs = run_config_designs(&r->run->config);
    const bool own = methods[r->run->config.search.method]->own_start;
    const bool prunes = strcmp(r->run->config.environment, "prune") == 0;
    const int64_t uniform = kind == START_BOTH || kind == START_UNIFORM ? 0 : -1;
    const int64_t ranked = !prunes ? -1 : kind == START_BOTH ? 1 : kind == START_RANKED ? 0 : -1;
    task->baseline[0] = task->baseline[1] = -1;
    for (int i = 0; i < task->n && designs && !own; i++) {
        const int64_t episode = task->candidates[i].episode;
        if (uniform >= 0 && episode == r->first_given[number][uniform]) {
            task->baseline[0] = i;
        }
        if (ranked >= 0 && episode == r->first_given[number][ranked]) {
            task->baseline[1] = i;
        }
    }
}

static enum status share_out(struct reading *r)
{
    for (int t = 0; t < r->run->n_tasks; t++) {
        struct report_task *task = &r->run->tasks[t];
        int n = 0;
        ARENA_NEW(r->arena, task->candidates, (size_t)task->n);
        for (int64_t i = 0; i < r->rows[TABLE_EPISODES]; i++) {
            if (r->task_of[i] == t) {
                task->candidates[n++] = r->all[i];
            }
        }
        CHECK(n == task->n);
        find_baselines(r, task, t);
        r->run->evaluations += task->evaluations;
    }
    return OK;
}

// ---- who did it, and how long it took

static enum status make_processes(struct reading *r, int32_t most)
{
    struct report_process *processes;
    if (most < r->run->n_processes) {
        return OK;
    }
    ARENA_NEW(r->arena, processes, (size_t)most + 1);
    if (r->run->n_processes > 0) {
        memcpy(processes, r->run->processes, (size_t)r->run->n_processes * sizeof *processes);
    }
    r->run->processes = processes;
    r->run->n_processes = most + 1;
    return OK;
}

static enum status read_episode_costs(struct reading *r)
{
    for (int64_t first = 0, n; first < r->rows[TABLE_EPISODE_COSTS]; first += n) {
        const struct episode_cost_row *rows = r->piece;
        TRY(read_piece(r, TABLE_EPISODE_COSTS, first, &n));
        for (int64_t i = 0; i < n; i++) {
            if (rows[i].actor < 0 || rows[i].actor >= 1 << 20) {
                FAIL(ERR_INPUT, "%s has an episode of actor %d: it is damaged", r->path,
                     (int)rows[i].actor);
            }
            TRY(make_processes(r, rows[i].actor));
            struct report_process *process = &r->run->processes[rows[i].actor];
            process->episodes++;
            process->retries += rows[i].tries > 1 ? rows[i].tries - 1 : 0;
            r->run->retries += rows[i].tries > 1 ? rows[i].tries - 1 : 0;
            process->environment_seconds += rows[i].environment_seconds;
            process->arithmetic_seconds += rows[i].arithmetic_seconds;
            process->policy_seconds += rows[i].policy_seconds;
            process->wire_seconds += rows[i].wire_seconds;
            r->run->seconds = fmax(r->run->seconds, rows[i].wall_seconds);
        }
    }
    return OK;
}

// ---- updates

static void add_update(struct report_update *bin, const struct update_row *row)
{
    bin->first = bin->n == 0 && bin->last == 0 ? row->update : bin->first;
    bin->last = row->update;
    bin->lag_most = row->lag_most > bin->lag_most ? row->lag_most : bin->lag_most;
    bin->lag_mean += row->lag_mean;
    if (row->frames > 0 && row->skipped == 0) {
        bin->n++;
        bin->policy_loss += row->policy_loss;
        bin->value_loss += row->value_loss;
        bin->imitation_loss += row->imitation_loss;
        bin->entropy += row->entropy;
        bin->mean_rho += row->mean_rho;
        bin->effective_share += row->effective_share;
        bin->gradient_norm += row->gradient_norm;
        bin->learning_rate += row->learning_rate;
    }
    if (row->model_checked > 0) {
        bin->model_rank = row->model_rank;
        bin->model_error = row->model_error;
    }
}

static void finish_update(struct report_update *bin, int64_t updates)
{
    double *const means[] = {&bin->policy_loss,   &bin->value_loss,   &bin->imitation_loss,
                             &bin->entropy,       &bin->mean_rho,     &bin->effective_share,
                             &bin->gradient_norm, &bin->learning_rate};
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        *means[i] = bin->n > 0 ? *means[i] / bin->n : (double)NAN;
    }
    bin->lag_mean /= updates > 0 ? (double)updates : 1;
}

static enum status read_updates(struct reading *r)
{
    struct report_run *run = r->run;
    const int64_t total = r->rows[TABLE_UPDATES];
    double lags = 0;
    run->updates = total;
    run->n_bins = (int)(total < REPORT_MOST_UPDATES ? total : REPORT_MOST_UPDATES);
    ARENA_NEW(r->arena, run->bins, (size_t)run->n_bins);
    for (int b = 0; b < run->n_bins; b++) {
        run->bins[b].model_rank = run->bins[b].model_error = (double)NAN;
    }
    for (int64_t first = 0, n; first < total; first += n) {
        const struct update_row *rows = r->piece;
        TRY(read_piece(r, TABLE_UPDATES, first, &n));
        for (int64_t i = 0; i < n; i++) {
            add_update(&run->bins[(first + i) * run->n_bins / total], &rows[i]);
            lags += rows[i].lag_mean;
            run->lag_most = rows[i].lag_most > run->lag_most ? rows[i].lag_most : run->lag_most;
            run->skipped += rows[i].skipped;
        }
    }
    for (int b = 0; b < run->n_bins; b++) {
        // rows i of bin b: b <= i * bins / total < b + 1
        const int64_t from = (b * total + run->n_bins - 1) / run->n_bins;
        const int64_t to = ((b + 1) * total + run->n_bins - 1) / run->n_bins;
        finish_update(&run->bins[b], to - from);
    }
    run->lag_mean = total > 0 ? lags / (double)total : 0;
    return OK;
}

static enum status read_update_costs(struct reading *r)
{
    for (int64_t first = 0, n; first < r->rows[TABLE_UPDATE_COSTS]; first += n) {
        const struct update_cost_row *rows = r->piece;
        TRY(read_piece(r, TABLE_UPDATE_COSTS, first, &n));
        for (int64_t i = 0; i < n; i++) {
            r->run->learning_seconds += rows[i].seconds;
            r->run->waiting_seconds += rows[i].waited_seconds;
            r->run->model_seconds += rows[i].model_seconds;
            r->run->seconds = fmax(r->run->seconds, rows[i].wall_seconds);
        }
    }
    return OK;
}

// ---- decisions

// The looks of a task in equal groups, by their order.
struct looking {
    int64_t looks, at; // episodes that were looked at; the one that is being read
    int64_t episode;
};

static enum status make_steps(struct reading *r, struct report_task *task, int32_t step)
{
    struct report_step *steps;
    if (step < 0 || step >= 1 << 16) {
        FAIL(ERR_INPUT, "%s has a decision of step %d: it is damaged", r->path, (int)step);
    }
    if (step < task->n_steps) {
        return OK;
    }
    ARENA_NEW(r->arena, steps, (size_t)step + 1);
    if (task->n_steps > 0) {
        memcpy(steps, task->steps, (size_t)task->n_steps * sizeof *steps);
    }
    for (int i = task->n_steps; i <= step; i++) {
        steps[i].name = arena_format(r->arena, "step %d", i + 1);
        TRY(steps[i].name != NULL ? OK : ERR_MEMORY);
    }
    task->steps = steps;
    task->n_steps = step + 1;
    return OK;
}

static enum status take_decision(struct reading *r, const struct decision_row *row,
                                 struct looking *looking, bool count)
{
    if (row->task < 0 || row->task >= r->run->n_tasks) {
        FAIL(ERR_INPUT, "%s has a decision of task %d: it is damaged", r->path, (int)row->task);
    }
    struct looking *l = &looking[row->task];
    if (row->step == 0 || row->episode != l->episode) {
        l->at += l->episode == row->episode ? 0 : 1;
        l->episode = row->episode;
        l->looks += count ? 1 : 0;
    }
    struct report_task *task = &r->run->tasks[row->task];
    TRY(make_steps(r, task, row->step));
    if (!count && row->legal > 1 && isfinite(row->entropy)) {
        struct report_step *step = &task->steps[row->step];
        const int64_t groups = l->looks < REPORT_LOOKS ? l->looks : REPORT_LOOKS;
        const int64_t group = l->at * groups / l->looks;
        step->share[group] += row->entropy / log((double)row->legal);
        step->n[group]++;
        step->until[group] = row->episode;
    }
    return OK;
}

// Twice: the groups are made by how many looks there are.
static enum status read_decisions(struct reading *r)
{
    struct looking *looking;
    ARENA_NEW(&r->scratch, looking, (size_t)r->run->n_tasks);
    for (int pass = 0; pass < 2; pass++) {
        for (int t = 0; t < r->run->n_tasks; t++) {
            looking[t].at = looking[t].episode = -1;
        }
        for (int64_t first = 0, n; first < r->rows[TABLE_DECISIONS]; first += n) {
            const struct decision_row *rows = r->piece;
            TRY(read_piece(r, TABLE_DECISIONS, first, &n));
            for (int64_t i = 0; i < n; i++) {
                TRY(take_decision(r, &rows[i], looking, pass == 0));
            }
        }
    }
    for (int t = 0; t < r->run->n_tasks; t++) {
        for (int s = 0; s < r->run->tasks[t].n_steps; s++) {
            struct report_step *step = &r->run->tasks[t].steps[s];
            for (int g = 0; g < REPORT_LOOKS; g++) {
                step->share[g] = step->n[g] > 0 ? step->share[g] / step->n[g] : (double)NAN;
            }
        }
    }
    return OK;
}

// ---- all of it

static enum status count_rows(struct reading *r)
{
    // A run of an earlier version has no decisions.
    enum status code = hdf5_log_count_all(r->path, run_tables, TABLE_DECISIONS, r->rows);
    TRY(code);
    r->rows[TABLE_DECISIONS] = 0;
    if (hdf5_log_count(r->path, &run_tables[TABLE_DECISIONS], &r->rows[TABLE_DECISIONS]) != OK) {
        r->rows[TABLE_DECISIONS] = 0;
    }
    // A flush between two counts may have put more into one table than into another.
    if (r->rows[TABLE_EPISODE_COSTS] < r->rows[TABLE_EPISODES]) {
        r->rows[TABLE_EPISODES] = r->rows[TABLE_EPISODE_COSTS];
    }
    return OK;
}

static enum status read_all(struct reading *r)
{
    TRY(count_rows(r));
    r->piece = arena_alloc(&r->scratch, PIECE, most_row_bytes());
    TRY(r->piece != NULL ? OK : ERR_MEMORY);
    ARENA_NEW(&r->scratch, r->first_given, (size_t)r->run->n_tasks);
    for (int i = 0; i < r->run->n_tasks; i++) {
        r->first_given[i][0] = r->first_given[i][1] = -1;
    }
    TRY(read_episodes(r));
    TRY(share_out(r));
    TRY(read_episode_costs(r));
    TRY(read_updates(r));
    TRY(read_update_costs(r));
    return read_decisions(r);
}

enum status report_rows_read(const char *path, struct arena *arena, struct report_run *run)
{
    struct reading r = {.path = path, .arena = arena, .run = run};
    const enum status code = read_all(&r);
    arena_close(&r.scratch);
    return code;
}
