// What stands in the tables of a report.
#include "experiments/report/report_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct filling {
    const struct report *report;
    struct report_tables *tables;
};

// Columns with anything in them.
static bool is_known(const struct report_group *group, int column)
{
    bool known = false;
    for (int t = 0; t < group->n_tasks; t++) {
        known = known || group->tasks[t].figures[column].n > 0;
    }
    return known;
}

// Where networks are designed, what the search alone saw is told by better numbers.
static bool is_shown(const struct report_group *group, int column)
{
    const bool designs = group->tasks[0].budget[0] != '\0';
    const bool search_only = strcmp(report_columns[column].key, "best_score") == 0;
    return !report_columns[column].wide && is_known(group, column) && !(designs && search_only);
}

static void result_headers(const struct filling *f, const struct report_group *group)
{
    const char *whole = f->report->runs[group->runs[0]].whole_word;
    for (int c = 0; c < report_column_count(); c++) {
        if (is_shown(group, c)) {
            const char *header = report_header(&report_columns[c], whole, f->tables->arena);
            char text[96];
            snprintf(text, sizeof text, ">%s", header != NULL ? header : "");
            report_table_header(f->tables, text);
        }
    }
}

enum { MOST_COLUMNS = 40 };

// The cells of a task's numbers, as they were in one run.
static void add_values(const struct filling *f, const struct report_group *group,
                       const double *values)
{
    for (int c = 0; c < report_column_count(); c++) {
        if (is_shown(group, c)) {
            char words[160];
            report_column_measured(c, values, words, sizeof words);
            report_table_cell(f->tables, "%s", words);
        }
    }
}

static void add_means(const struct filling *f, const struct report_group *group,
                      const struct report_figure *figures)
{
    for (int c = 0; c < report_column_count(); c++) {
        if (is_shown(group, c)) {
            char words[160];
            report_column_spread(&report_columns[c], figures[c].mean, figures[c].deviation, words,
                                 sizeof words);
            report_table_cell(f->tables, "%s", words);
        }
    }
}

static void add_group(const struct filling *f, const struct report_group *group)
{
    char title[512];
    const bool seeds = group->n > 1;
    snprintf(title, sizeof title, "%s%s", group->name,
             seeds ? ": mean and standard deviation over the seeds" : "");
    report_table_begin(
        f->tables, SECTION_RESULTS, title,
        "In parentheses: the images that it was measured on. Latency: one image at a "
        "time, median of a call (p90: nine of ten calls were faster); its ratio with half of its "
        "95% interval.",
        false);
    report_table_header(f->tables, "task");
    report_table_header(f->tables, "budget");
    if (seeds) {
        report_table_header(f->tables, ">seeds");
    }
    result_headers(f, group);
    for (int t = 0; t < group->n_tasks; t++) {
        const struct report_group_task *task = &group->tasks[t];
        report_table_cell(f->tables, "%s", task->name);
        report_table_cell(f->tables, "%s", task->budget[0] != '\0' ? task->budget : "-");
        if (seeds) {
            report_table_cell(f->tables, "%d", group->n);
        }
        if (seeds) {
            add_means(f, group, task->figures);
        } else {
            double values[MOST_COLUMNS];
            for (int c = 0; c < report_column_count(); c++) {
                values[c] = task->figures[c].mean;
            }
            add_values(f, group, values);
        }
    }
}

static void add_seeds(const struct filling *f, const struct report_group *group)
{
    char title[512];
    snprintf(title, sizeof title, "%s: every run", group->name);
    report_table_begin(f->tables, SECTION_RESULTS, title, "", true);
    report_table_header(f->tables, "run");
    report_table_header(f->tables, ">seed");
    report_table_header(f->tables, "task");
    result_headers(f, group);
    for (int i = 0; i < group->n; i++) {
        const struct report_run *run = &f->report->runs[group->runs[i]];
        for (int t = 0; t < run->n_tasks; t++) {
            report_table_cell(f->tables, "%s", report_run_label(f->report, group->runs[i]));
            report_table_cell(f->tables, "%llu", (unsigned long long)run->config.seed);
            report_table_cell(f->tables, "%s", run->tasks[t].name);
            double values[MOST_COLUMNS];
            for (int c = 0; c < report_column_count(); c++) {
                values[c] = report_columns[c].value(&run->tasks[t]);
            }
            add_values(f, group, values);
        }
    }
}

static void add_decisions(const struct filling *f, int number)
{
    const struct report_run *run = &f->report->runs[number];
    for (int t = 0; t < run->n_tasks; t++) {
        const struct report_task *task = &run->tasks[t];
        char title[512];
        if (task->n_decisions == 0) {
            continue;
        }
        snprintf(title, sizeof title, "%s, %s", report_run_label(f->report, number), task->name);
        report_table_begin(f->tables, SECTION_DECISIONS, title, "", true);
        report_table_header(f->tables, "decision");
        report_table_header(f->tables,
                            task->decisions[0].before_word != NULL ? "greatest" : ">before");
        report_table_header(f->tables, task->decisions[0].before_word != NULL ? "taken" : ">after");
        report_table_header(f->tables, ">certainty at the end");
        for (int i = 0; i < task->n_decisions; i++) {
            const struct report_decision *d = &task->decisions[i];
            double last = (double)NAN;
            for (int g = 0; i < task->n_steps && g < REPORT_LOOKS; g++) {
                last = isfinite(task->steps[i].share[g]) ? task->steps[i].share[g] : last;
            }
            report_table_cell(f->tables, "%s", d->name);
            d->before_word != NULL ? report_table_cell(f->tables, "%s", d->before_word)
                                   : report_table_cell(f->tables, "%.0f", d->before);
            d->after_word != NULL ? report_table_cell(f->tables, "%s", d->after_word)
                                  : report_table_cell(f->tables, "%.0f", d->after);
            isfinite(last) ? report_table_cell(f->tables, "%.0f%%", 100 * (1 - fmin(last, 1)))
                           : report_table_cell(f->tables, "-");
        }
    }
}

// ---- time

static void add_stages(const struct filling *f, int number)
{
    const struct run_times *times = &f->report->runs[number].times;
    const struct {
        const char *name;
        const struct run_stage_time *time;
    } stages[] = {{"base networks", &times->base},
                  {"search", &times->search},
                  {"re-scoring", &times->rescore},
                  {"fine-tuning and tests", &times->finetune}};
    char title[512];
    snprintf(title, sizeof title, "%s: stages", report_run_label(f->report, number));
    report_table_begin(f->tables, SECTION_TIME, title, "", false);
    static const char *const headers[] = {"stage", ">seconds", ">cores busy", ">orders",
                                          ">retries"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        report_table_header(f->tables, headers[i]);
    }
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        const struct run_stage_time *time = stages[i].time;
        report_table_cell(f->tables, "%s", stages[i].name);
        report_table_cell(f->tables, "%.1f", time->seconds);
        report_table_cell(f->tables, "%.0f%%", 100 * run_busy_share(time));
        report_table_cell(f->tables, "%lld", (long long)time->orders);
        report_table_cell(f->tables, "%lld", (long long)time->retries);
    }
}

static void add_processes(const struct filling *f, int number)
{
    const struct report_run *run = &f->report->runs[number];
    char title[512];
    snprintf(title, sizeof title, "%s: seconds of the search per process",
             report_run_label(f->report, number));
    report_table_begin(f->tables, SECTION_TIME, title, "", true);
    static const char *const headers[] = {"process",
                                          ">episodes",
                                          ">retries",
                                          ">networks' arithmetic",
                                          ">rest of the environment",
                                          ">policy",
                                          ">wire",
                                          ">waiting and the rest"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        report_table_header(f->tables, headers[i]);
    }
    for (int i = 0; i < run->n_processes; i++) {
        const struct report_process *p = &run->processes[i];
        const double used = p->environment_seconds + p->policy_seconds + p->wire_seconds;
        report_table_cell(f->tables, "actor %d", i);
        report_table_cell(f->tables, "%lld", (long long)p->episodes);
        report_table_cell(f->tables, "%lld", (long long)p->retries);
        report_table_cell(f->tables, "%.2f", p->arithmetic_seconds);
        report_table_cell(f->tables, "%.2f", p->environment_seconds - p->arithmetic_seconds);
        report_table_cell(f->tables, "%.2f", p->policy_seconds);
        report_table_cell(f->tables, "%.2f", p->wire_seconds);
        report_table_cell(f->tables, "%.2f", fmax(run->seconds - used, 0));
    }
    report_table_cell(f->tables, "learner");
    report_table_cell(f->tables, "%lld", (long long)run->episodes);
    report_table_cell(f->tables, "-");
    report_table_cell(f->tables, "-");
    report_table_cell(f->tables, "-");
    report_table_cell(f->tables, "%.2f", run->learning_seconds);
    report_table_cell(f->tables, "-");
    report_table_cell(f->tables, "%.2f", fmax(run->seconds - run->learning_seconds, 0));
}

static void add_failures(const struct filling *f)
{
    bool any = false;
    for (int r = 0; r < f->report->n_runs; r++) {
        const struct report_run *run = &f->report->runs[r];
        for (int t = 0; t < run->n_tasks; t++) {
            for (int reason = FAILURE_NONE + 1; reason < FAILURE_COUNT; reason++) {
                const struct report_task *task = &run->tasks[t];
                if (task->failures[reason] == 0) {
                    continue;
                }
                if (!any) {
                    report_table_begin(f->tables, SECTION_FAILURES, "Failed episodes", "", false);
                    report_table_header(f->tables, "run");
                    report_table_header(f->tables, "task");
                    report_table_header(f->tables, "reason");
                    report_table_header(f->tables, ">episodes");
                    report_table_header(f->tables, ">first one");
                }
                any = true;
                report_table_cell(f->tables, "%s", report_run_label(f->report, r));
                report_table_cell(f->tables, "%s", task->name);
                report_table_cell(f->tables, "%s", failure_name((enum failure_reason)reason));
                report_table_cell(f->tables, "%lld", (long long)task->failures[reason]);
                report_table_cell(f->tables, "%lld", (long long)task->first_failure[reason]);
            }
        }
    }
}

// ---- where it comes from

static void fact(const struct filling *f, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        report_table_cell(f->tables, "%s", name);
        report_table_cell(f->tables, "%s", value);
    }
}

static void add_start_facts(const struct filling *f, const struct report_run *run)
{
    char text[256];
    if (run->n_starts == 0) {
        fact(f, "command", "not recorded: the run is of an earlier version");
        return;
    }
    const struct run_start *start = &run->starts[run->n_starts - 1];
    for (int i = 0; i < run->n_starts; i++) {
        const bool same = i > 0 && strcmp(run->starts[i].command, run->starts[i - 1].command) == 0;
        if (!same) {
            fact(f, i == 0 ? "command" : "then", run->starts[i].command);
        }
    }
    fact(f, "started", run->starts[0].time);
    if (run->n_starts > 1) {
        snprintf(text, sizeof text, "%s, the last of %d", start->time, run->n_starts);
        fact(f, "started again", text);
    }
    fact(f, "dikdik", start->version);
    fact(f, "host", start->host);
    fact(f, "processor", start->processor);
    snprintf(text, sizeof text, "%lld cores, %.1f GiB of memory", (long long)start->cores,
             (double)start->memory_bytes / (1024.0 * 1024.0 * 1024.0));
    fact(f, "machine", text);
    snprintf(text, sizeof text, "%lld on %lld host%s", (long long)start->processes,
             (long long)start->hosts, start->hosts == 1 ? "" : "s");
    fact(f, "processes", text);
    snprintf(text, sizeof text, "%s (%s)", start->backend, start->library);
    fact(f, "computed by", text);
    fact(f, "OpenBLAS", start->openblas);
}

static void add_origin(const struct filling *f, int number)
{
    const struct report_run *run = &f->report->runs[number];
    char text[256];
    report_table_begin(f->tables, SECTION_ORIGIN, report_run_label(f->report, number), "", false);
    report_table_header(f->tables, "what");
    report_table_header(f->tables, "value");
    fact(f, "folder", run->folder);
    fact(f, "state", report_state_names[run->state]);
    add_start_facts(f, run);
    snprintf(text, sizeof text, "%s, mode %s, seed %llu", run->method,
             run->config.learner.mode == MODE_SYNC ? "sync" : "async",
             (unsigned long long)run->config.seed);
    fact(f, "search", text);
    snprintf(text, sizeof text,
             "%lld evaluations in %lld episodes, %lld updates, %.1f s; lag %.1f on average, %lld "
             "at most",
             (long long)run->evaluations, (long long)run->episodes, (long long)run->updates,
             run->seconds, run->lag_mean, (long long)run->lag_most);
    fact(f, "so far", text);
    fact(f, "scores depend on", run->numerics);
    fact(f, "latency on", run->latency_on);
}

enum status report_tables_make(const struct report *report, struct arena *arena,
                               struct report_tables *out)
{
    CHECK(report_column_count() <= MOST_COLUMNS);
    *out = (struct report_tables){.arena = arena};
    const struct filling f = {report, out};
    for (int i = 0; i < report->n_given; i++) {
        if (report_is_sweep(report->given[i])) {
            TRY(report_sweep_tables(report->given[i], out));
        }
    }
    for (int g = 0; g < report->n_groups; g++) {
        if (report->groups[g].n_tasks > 0) {
            add_group(&f, &report->groups[g]);
        }
        if (report->groups[g].n > 1 && report->groups[g].n_tasks > 0) {
            add_seeds(&f, &report->groups[g]);
        }
    }
    for (int r = 0; r < report->n_runs; r++) {
        if (report->runs[r].place >= 0) {
            add_decisions(&f, r);
            add_stages(&f, r);
            add_processes(&f, r);
            add_origin(&f, r);
        }
    }
    add_failures(&f);
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the tables of the report");
    }
    return OK;
}
