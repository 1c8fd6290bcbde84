// Writing sweep.h5 and sweep.csv.
#include "experiments/sweep_table.h"

#include "core/csv_write.h"
#include "core/file.h"
#include "core/hdf5_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ITEMS = 40 };

// What goes into the file, in order.
struct items {
    struct arena arena;
    struct hdf5_item item[MOST_ITEMS];
    int n;
};

static void add_item(struct items *items, const char *name, enum hdf5_type type,
                     const int64_t dims[3], const void *data)
{
    CHECK(items->n < MOST_ITEMS);
    struct hdf5_item *item = &items->item[items->n++];
    *item = (struct hdf5_item){.name = name, .array = {.type = type, .count = 1}, .data = data};
    for (int i = 0; i < 3 && dims[i] >= 0; i++) {
        item->array.dims[item->array.n_dims++] = dims[i];
        item->array.count *= (size_t)dims[i];
    }
}

// words: [rows, columns], columns = 0: [rows]; rows = -1: one.
static enum status add_texts(struct items *items, const char *name, const char *const *words,
                             int64_t rows, int64_t columns)
{
    const size_t n = (size_t)(rows >= 0 ? rows : 1) * (size_t)(columns > 0 ? columns : 1);
    size_t width = 1;
    char *bytes;
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(words[i]);
        width = length > width ? length : width;
    }
    ARENA_NEW(&items->arena, bytes, n * width);
    for (size_t i = 0; i < n; i++) {
        memcpy(bytes + i * width, words[i], strlen(words[i]));
    }
    const int64_t wide = (int64_t)width;
    const int64_t dims[3] = {rows >= 0 ? rows : wide,
                             columns > 0 ? columns
                             : rows >= 0 ? wide
                                         : -1,
                             columns > 0 ? wide : -1};
    add_item(items, name, HDF5_U8, dims, bytes);
    return OK;
}

static enum status add_ints(struct items *items, const char *name, int n, int32_t **out)
{
    ARENA_NEW(&items->arena, *out, (size_t)n);
    add_item(items, name, HDF5_I32, (const int64_t[]){n, -1, -1}, *out);
    return OK;
}

static enum status add_doubles(struct items *items, const char *name, int rows, int columns,
                               double **out)
{
    const size_t n = (size_t)rows * (size_t)columns;
    ARENA_NEW(&items->arena, *out, n);
    for (size_t i = 0; i < n; i++) {
        (*out)[i] = (double)NAN;
    }
    add_item(items, name, HDF5_F64, (const int64_t[]){rows, columns, -1}, *out);
    return OK;
}

static enum status add_heads(const struct sweep_results *results, struct items *items)
{
    const struct sweep_plan *plan = results->plan;
    const char *kind = sweep_kind_names[plan->options->kind];
    const char *figure = sweep_figure_names[results->figure];
    const char **paths;
    ARENA_NEW(&items->arena, paths, (size_t)results->n_options);
    for (int k = 0; k < results->n_options; k++) {
        paths[k] = plan->axes.axes[results->options[k]].path;
    }
    TRY(add_texts(items, "sweep/name", &plan->name, -1, 0));
    TRY(add_texts(items, "sweep/kind", &kind, -1, 0));
    TRY(add_texts(items, "sweep/figure", &figure, -1, 0));
    TRY(add_texts(items, "options/name", paths, results->n_options, 0));
    add_item(items, "options/importance", HDF5_F64, (const int64_t[]){results->n_options, -1, -1},
             results->importance);
    return add_texts(items, "tasks/name", results->tasks, results->n_tasks, 0);
}

// ---- rows of runs

static enum status add_run_words(const struct sweep_results *results, struct items *items)
{
    const struct sweep_plan *plan = results->plan;
    const int n = plan->n_runs, n_options = results->n_options;
    const char **labels, **reasons, **values;
    ARENA_NEW(&items->arena, labels, (size_t)n);
    ARENA_NEW(&items->arena, reasons, (size_t)n);
    ARENA_NEW(&items->arena, values, (size_t)n * (size_t)n_options);
    for (int i = 0; i < n; i++) {
        const struct sweep_record *record = sweep_results_newest(results, i);
        labels[i] = plan->runs[i].label;
        reasons[i] = record != NULL ? record->reason : "";
        for (int k = 0; k < n_options; k++) {
            values[i * n_options + k] = plan->runs[i].values[results->options[k]]->word;
        }
    }
    TRY(add_texts(items, "runs/label", labels, n, 0));
    TRY(add_texts(items, "runs/reason", reasons, n, 0));
    return n_options > 0 ? add_texts(items, "runs/values", values, n, n_options) : OK;
}

static enum status add_run_numbers(const struct sweep_results *results, struct items *items)
{
    const struct sweep_plan *plan = results->plan;
    const int n = plan->n_runs;
    int32_t *setting, *state, *rung;
    int64_t *evaluations;
    uint64_t *seed;
    TRY(add_ints(items, "runs/setting", n, &setting));
    TRY(add_ints(items, "runs/state", n, &state));
    TRY(add_ints(items, "runs/rung", n, &rung));
    ARENA_NEW(&items->arena, evaluations, (size_t)n);
    ARENA_NEW(&items->arena, seed, (size_t)n);
    add_item(items, "runs/evaluations", HDF5_I64, (const int64_t[]){n, -1, -1}, evaluations);
    add_item(items, "runs/seed", HDF5_U64, (const int64_t[]){n, -1, -1}, seed);
    for (int i = 0; i < n; i++) {
        const struct sweep_record *record = sweep_results_newest(results, i);
        setting[i] = plan->runs[i].setting;
        state[i] = (int32_t)results->states[i];
        seed[i] = plan->runs[i].seed;
        rung[i] = record != NULL ? sweep_rung_evaluations(plan, results->rungs[i]) : 0;
        evaluations[i] = record != NULL ? record->evaluations : 0;
    }
    return OK;
}

static int task_number(const struct sweep_results *results, const char *name)
{
    int t = 0;
    while (strcmp(results->tasks[t], name) != 0) {
        t++;
    }
    return t;
}

static enum status add_run_figures(const struct sweep_results *results, struct items *items)
{
    static const char *const names[] = {
#define X(id, name) [FIGURE_##id] = "runs/" #name,
        SWEEP_FIGURES(X)
#undef X
    };
    for (int figure = 0; figure < FIGURE_COUNT; figure++) {
        double *values;
        TRY(add_doubles(items, names[figure], results->plan->n_runs, results->n_tasks, &values));
        for (int i = 0; i < results->plan->n_runs; i++) {
            const struct sweep_record *record = sweep_results_newest(results, i);
            for (int t = 0; record != NULL && t < record->n_tasks; t++) {
                values[i * results->n_tasks + task_number(results, record->tasks[t])] =
                    record->figures[t * FIGURE_COUNT + figure];
            }
        }
    }
    return OK;
}

// ---- rows of groups

static const char *group_word(const struct sweep_plan *plan, int setting, int a)
{
    const bool seed = sweep_axis_is_seed(&plan->axes.axes[a]);
    return seed ? "" : sweep_plan_first(plan, setting)->values[a]->word;
}

// Column n_tasks: over all tasks. NULL = nothing is known.
static const struct sweep_summary *summary_at(const struct sweep_results *results, int setting,
                                              int column)
{
    const struct sweep_group *group = &results->groups[setting];
    const struct sweep_summary *summary =
        column == results->n_tasks ? &group->all : &group->tasks[column];
    return group->any && summary->runs > 0 ? summary : NULL;
}

#define STATISTICS(X)                                                                              \
    X(mean)                                                                                        \
    X(mean_low)                                                                                    \
    X(mean_high)                                                                                   \
    X(deviation)                                                                                   \
    X(iqm)                                                                                         \
    X(iqm_low)                                                                                     \
    X(iqm_high)

static enum status add_statistics(const struct sweep_results *results, struct items *items)
{
    const int n = results->plan->n_settings, columns = results->n_tasks + 1;
#define X(name)                                                                                    \
    double *(name);                                                                                \
    TRY(add_doubles(items, "groups/" #name, n, columns, &(name)));
    STATISTICS(X)
#undef X
    for (int at = 0; at < n * columns; at++) {
        const struct sweep_summary *summary = summary_at(results, at / columns, at % columns);
        if (summary != NULL) {
#define X(name) (name)[at] = summary->name;
            STATISTICS(X)
#undef X
        }
    }
    return OK;
}

static enum status add_groups(const struct sweep_results *results, struct items *items)
{
    const struct sweep_plan *plan = results->plan;
    const int n = plan->n_settings, n_options = results->n_options;
    const char **values;
    int32_t *done, *failed, *rung;
    ARENA_NEW(&items->arena, values, (size_t)n * (size_t)n_options);
    TRY(add_ints(items, "groups/done", n, &done));
    TRY(add_ints(items, "groups/failed", n, &failed));
    TRY(add_ints(items, "groups/rung", n, &rung));
    for (int s = 0; s < n; s++) {
        done[s] = results->groups[s].n_done;
        failed[s] = results->groups[s].n_failed;
        rung[s] = sweep_rung_evaluations(plan, results->groups[s].rung);
        for (int k = 0; k < n_options; k++) {
            values[s * n_options + k] = group_word(plan, s, results->options[k]);
        }
    }
    if (n_options > 0) {
        TRY(add_texts(items, "groups/values", values, n, n_options));
    }
    return add_statistics(results, items);
}

static enum status write_hdf5(const struct sweep_results *results, struct items *items)
{
    char path[4096];
    TRY(file_join(path, sizeof path, results->plan->folder, "sweep.h5"));
    TRY(add_heads(results, items));
    TRY(add_run_words(results, items));
    TRY(add_run_numbers(results, items));
    TRY(add_run_figures(results, items));
    TRY(add_groups(results, items));
    return hdf5_write(path, items->item, items->n);
}

// ---- sweep.csv

static void add_field(struct text *out, const char *word)
{
    csv_add_field(out, word);
    text_add(out, ",");
}

static void add_csv_row(const struct sweep_results *results, int setting, int column,
                        struct text *out)
{
    const struct sweep_plan *plan = results->plan;
    const struct sweep_group *group = &results->groups[setting];
    const struct sweep_summary *summary = summary_at(results, setting, column);
    for (int k = 0; k < results->n_options; k++) {
        if (!sweep_axis_is_seed(&plan->axes.axes[results->options[k]])) {
            add_field(out, group_word(plan, setting, results->options[k]));
        }
    }
    add_field(out, column == results->n_tasks ? "all" : results->tasks[column]);
    text_add(out, "%s,%d,%d,%d", sweep_figure_names[results->figure],
             summary != NULL ? summary->runs : 0, group->n_failed,
             sweep_rung_evaluations(plan, group->rung));
#define X(name)                                                                                    \
    text_add(out, ",");                                                                            \
    csv_add_number(out, summary != NULL ? summary->name : (double)NAN);
    STATISTICS(X)
#undef X
    text_add(out, "\n");
}

static enum status write_csv(const struct sweep_results *results)
{
    struct text text = {0};
    char path[4096];
    const struct sweep_plan *plan = results->plan;
    for (int k = 0; k < results->n_options; k++) {
        if (!sweep_axis_is_seed(&plan->axes.axes[results->options[k]])) {
            add_field(&text, plan->axes.axes[results->options[k]].path);
        }
    }
    text_add(&text, "task,figure,runs,failed,rung");
#define X(name) text_add(&text, ",%s", #name);
    STATISTICS(X)
#undef X
    text_add(&text, "\n");
    for (int s = 0; s < plan->n_settings; s++) {
        for (int column = 0; column <= results->n_tasks; column++) {
            if (column == results->n_tasks || summary_at(results, s, column) != NULL) {
                add_csv_row(results, s, column, &text);
            }
        }
    }
    enum status code = text.failed ? ERR_MEMORY : OK;
    if (code == OK) {
        code = file_join(path, sizeof path, plan->folder, "sweep.csv");
    }
    if (code == OK) {
        code = file_write(path, text.bytes, text.length);
    }
    text_close(&text);
    return code;
}

enum status sweep_table_write(const struct sweep_results *results)
{
    struct items items = {.n = 0};
    enum status code = write_hdf5(results, &items);
    arena_close(&items.arena);
    return code == OK ? write_csv(results) : code;
}
