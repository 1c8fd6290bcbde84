// Tables and JSON of a sweep.
#include "app/sweep_print.h"

#include "app/output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double factor_of(enum sweep_figure figure)
{
    return figure == FIGURE_MACS || figure == FIGURE_PARAMS || figure == FIGURE_BYTES ? 1 : 100;
}

static bool is_shown(const struct sweep_axis *axis)
{
    return sweep_axis_varies(axis) && !sweep_axis_is_seed(axis);
}

// ---- JSON

static void write_values(const struct sweep_plan *plan, const struct sweep_value *const *values,
                         bool seed, struct json_writer *w)
{
    json_write_begin(w, '{', "values");
    for (int a = 0; a < plan->axes.n; a++) {
        if (seed || !sweep_axis_is_seed(&plan->axes.axes[a])) {
            json_write_string(w, plan->axes.axes[a].path, values[a]->word);
        }
    }
    json_write_end(w, '}');
}

static void write_summary(const struct sweep_summary *summary, struct json_writer *w)
{
    json_write_int(w, "runs", summary->runs);
    json_write_double(w, "mean", summary->mean);
    json_write_double(w, "mean_low", summary->mean_low);
    json_write_double(w, "mean_high", summary->mean_high);
    json_write_double(w, "deviation", summary->deviation);
    json_write_double(w, "iqm", summary->iqm);
    json_write_double(w, "iqm_low", summary->iqm_low);
    json_write_double(w, "iqm_high", summary->iqm_high);
}

static void write_runs(const struct sweep_results *results, struct json_writer *w)
{
    const struct sweep_plan *plan = results->plan;
    json_write_begin(w, '[', "runs");
    for (int i = 0; i < plan->n_runs; i++) {
        const struct sweep_record *record = sweep_results_newest(results, i);
        json_write_begin(w, '{', NULL);
        json_write_string(w, "run", plan->runs[i].label);
        json_write_string(w, "run_dir", plan->runs[i].folder);
        write_values(plan, plan->runs[i].values, true, w);
        json_write_string(w, "state", sweep_state_names[results->states[i]]);
        json_write_string(w, "reason", record != NULL ? record->reason : "");
        json_write_int(w, "rung",
                       record != NULL ? sweep_rung_evaluations(plan, results->rungs[i]) : 0);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
}

static void write_groups(const struct sweep_results *results, struct json_writer *w)
{
    const struct sweep_plan *plan = results->plan;
    json_write_begin(w, '[', "groups");
    for (int s = 0; s < plan->n_settings; s++) {
        const struct sweep_group *group = &results->groups[s];
        json_write_begin(w, '{', NULL);
        write_values(plan, sweep_plan_first(plan, s)->values, false, w);
        json_write_int(w, "done", group->n_done);
        json_write_int(w, "failed", group->n_failed);
        json_write_int(w, "rung", sweep_rung_evaluations(plan, group->rung));
        if (group->any) {
            json_write_begin(w, '{', "all");
            write_summary(&group->all, w);
            json_write_end(w, '}');
        }
        json_write_begin(w, '[', "tasks");
        for (int t = 0; group->any && t < results->n_tasks; t++) {
            if (group->tasks[t].runs > 0) {
                json_write_begin(w, '{', NULL);
                json_write_string(w, "task", results->tasks[t]);
                write_summary(&group->tasks[t], w);
                json_write_end(w, '}');
            }
        }
        json_write_end(w, ']');
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
}

static enum status print_json(const struct sweep_results *results)
{
    const struct sweep_plan *plan = results->plan;
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_string(w, "name", plan->name);
    json_write_string(w, "sweep_dir", plan->folder);
    json_write_string(w, "kind", sweep_kind_names[plan->options->kind]);
    json_write_string(w, "figure", sweep_figure_names[results->figure]);
    write_runs(results, w);
    write_groups(results, w);
    json_write_begin(w, '[', "importance");
    for (int k = 0; k < results->n_options; k++) {
        if (isfinite(results->importance[k])) {
            json_write_begin(w, '{', NULL);
            json_write_string(w, "option", plan->axes.axes[results->options[k]].path);
            json_write_double(w, "share", results->importance[k]);
            json_write_end(w, '}');
        }
    }
    json_write_end(w, ']');
    return output_json_end(&json);
}

// ---- tables

// Headers of the options that vary, in front of `rest`.
static void begin_table(const struct sweep_plan *plan, const char *const *rest,
                        const char **headers, struct output_table *table)
{
    int n = 0;
    for (int a = 0; a < plan->axes.n; a++) {
        if (is_shown(&plan->axes.axes[a])) {
            headers[n++] = plan->axes.axes[a].name;
        }
    }
    for (int i = 0; rest[i] != NULL; i++) {
        headers[n++] = rest[i];
    }
    headers[n] = NULL;
    output_table_open(table, headers);
}

static void add_setting(const struct sweep_plan *plan, int setting, struct output_table *table)
{
    for (int a = 0; a < plan->axes.n; a++) {
        if (is_shown(&plan->axes.axes[a])) {
            output_cell(table, "%.60s", sweep_plan_first(plan, setting)->values[a]->word);
        }
    }
}

static void add_interval(struct output_table *table, double low, double high)
{
    if (isfinite(low)) {
        output_cell(table, "%.2f to %.2f", low, high);
    } else {
        output_cell(table, "-");
    }
}

static void print_groups(const struct sweep_results *results)
{
    static const char *const rest[] = {">evaluations", ">runs", ">failed",    ">mean", ">deviation",
                                       ">95% of it",   ">IQM",  ">95% of it", NULL};
    const char *headers[SWEEP_MOST_AXES + 9];
    struct output_table table;
    const double factor = factor_of(results->figure);
    const bool halving = results->plan->options->kind == SWEEP_HALVING;
    begin_table(results->plan, halving ? rest : rest + 1, headers, &table);
    for (int s = 0; s < results->plan->n_settings; s++) {
        const struct sweep_group *group = &results->groups[s];
        add_setting(results->plan, s, &table);
        if (halving) {
            output_cell(&table, "%d", sweep_rung_evaluations(results->plan, group->rung));
        }
        output_cell(&table, "%d", group->n_done);
        output_cell(&table, "%d", group->n_failed);
        if (!group->any) {
            for (int i = 0; i < 5; i++) {
                output_cell(&table, "-");
            }
            continue;
        }
        const struct sweep_summary *all = &group->all;
        output_cell(&table, "%.2f", factor * all->mean);
        output_cell(&table, isfinite(all->deviation) ? "%.2f" : "-", factor * all->deviation);
        add_interval(&table, factor * all->mean_low, factor * all->mean_high);
        output_cell(&table, "%.2f", factor * all->iqm);
        add_interval(&table, factor * all->iqm_low, factor * all->iqm_high);
    }
    output_table_print(&table);
    output_table_close(&table);
    printf("\n%s%s, mean of the tasks over the seeds\n", sweep_figure_names[results->figure],
           factor > 1 ? " in percent" : "");
}

static void print_importance(const struct sweep_results *results)
{
    static const char *const headers[] = {"option", ">share of the variance", NULL};
    const struct sweep_plan *plan = results->plan;
    struct output_table table;
    output_table_open(&table, headers);
    for (int k = 0; k < results->n_options; k++) {
        if (isfinite(results->importance[k])) {
            output_cell(&table, "%s", plan->axes.axes[results->options[k]].path);
            output_cell(&table, "%.1f%%", 100 * results->importance[k]);
        }
    }
    if (table.n > 0) {
        printf("\n");
        output_table_print(&table);
    }
    output_table_close(&table);
}

static void print_failures(const struct sweep_results *results)
{
    static const char *const headers[] = {"failed run", "reason", NULL};
    struct output_table table;
    output_table_open(&table, headers);
    for (int i = 0; i < results->plan->n_runs; i++) {
        if (results->states[i] == SWEEP_FAILED) {
            output_cell(&table, "%s", results->plan->runs[i].label);
            output_cell(&table, "%s", sweep_results_newest(results, i)->reason);
        }
    }
    if (table.n > 0) {
        printf("\n");
        output_table_print(&table);
    }
    output_table_close(&table);
}

enum status sweep_print_results(const struct sweep_results *results)
{
    if (results->plan->options->json) {
        return print_json(results);
    }
    print_groups(results);
    print_importance(results);
    print_failures(results);
    printf("\n%d runs: %d done, %d failed, %d stopped by halving, %d not done\n"
           "results: %s/sweep.h5, %s/sweep.csv\n",
           results->plan->n_runs, results->n_states[SWEEP_DONE], results->n_states[SWEEP_FAILED],
           results->n_states[SWEEP_STOPPED], results->n_states[SWEEP_WAITING],
           results->plan->folder, results->plan->folder);
    return OK;
}

enum status sweep_print_plan(const struct sweep_results *results, int places, int cores)
{
    static const char *const headers[] = {"run", "state", "options of its command line", NULL};
    const struct sweep_plan *plan = results->plan;
    struct output_table table;
    if (plan->options->json) {
        return print_json(results);
    }
    output_table_open(&table, headers);
    for (int i = 0; i < plan->n_runs; i++) {
        char words[1024] = "";
        size_t length = 0;
        for (int k = 0; k < plan->runs[i].n_words && length < sizeof words; k++) {
            length += (size_t)snprintf(words + length, sizeof words - length, "%s%s",
                                       k > 0 ? " " : "", plan->runs[i].words[k]);
        }
        output_cell(&table, "%s", plan->runs[i].label);
        output_cell(&table, "%s", sweep_state_names[results->states[i]]);
        output_cell(&table, "%s", words);
    }
    output_table_print(&table);
    output_table_close(&table);
    printf("\n%d runs of %d settings, dikdik %s each, in %s; ", plan->n_runs, plan->n_settings,
           sweep_command_names[plan->options->command], plan->folder);
    printf("here %d at once, each on %d core%s\n", places, cores, cores == 1 ? "" : "s");
    return OK;
}
