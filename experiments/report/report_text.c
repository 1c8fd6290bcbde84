// A report as Markdown, and its tasks' lines as CSV.
#include "core/csv_write.h"
#include "experiments/report/report_table.h"

#include <stdio.h>
#include <string.h>

// ---- Markdown

static void add_markdown(struct text *out, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\r') {
            text_add(out, " ");
        } else {
            text_add(out, strchr("|\\`*_<>[]", *c) != NULL ? "\\%c" : "%c", *c);
        }
    }
}

static void add_table(struct text *out, const struct report_table *table)
{
    text_add(out, "\n### ");
    add_markdown(out, table->title);
    text_add(out, "\n\n|");
    for (int i = 0; i < table->columns; i++) {
        text_add(out, " ");
        add_markdown(out, table->headers[i] + (table->headers[i][0] == '>'));
        text_add(out, " |");
    }
    text_add(out, "\n|");
    for (int i = 0; i < table->columns; i++) {
        text_add(out, table->headers[i][0] == '>' ? "---:|" : "---|");
    }
    for (int i = 0; i < table->n; i++) {
        text_add(out, i % table->columns == 0 ? "\n| " : " ");
        add_markdown(out, table->cells[i]);
        text_add(out, " |");
    }
    text_add(out, "\n");
    if (table->note[0] != '\0') {
        text_add(out, "\n%s\n", table->note);
    }
}

enum status report_markdown_write(const struct report *report, struct text *out)
{
    static const char *const titles[SECTION_COUNT] = {[SECTION_RESULTS] = "Results",
                                                      [SECTION_DECISIONS] = "What was decided",
                                                      [SECTION_TIME] = "Time",
                                                      [SECTION_FAILURES] = "Failures",
                                                      [SECTION_ORIGIN] = "How it was made"};
    struct arena arena = {0};
    struct report_tables tables;
    const enum status code = report_tables_make(report, &arena, &tables);
    text_add(out, "# dikdik report\n");
    for (int i = 0; i < report->n_warnings; i++) {
        text_add(out, i == 0 ? "\n- **" : "- **");
        add_markdown(out, report->warnings[i].where);
        text_add(out, "**: ");
        add_markdown(out, report->warnings[i].text);
        text_add(out, "\n");
    }
    for (int s = 0; code == OK && s < SECTION_COUNT; s++) {
        text_add(out, "\n## %s\n", titles[s]);
        int n = 0;
        for (int i = 0; i < tables.n; i++) {
            if ((int)tables.tables[i].section == s) {
                add_table(out, &tables.tables[i]);
                n++;
            }
        }
        text_add(out, n == 0 ? "\nNone.\n" : "");
    }
    arena_close(&arena);
    TRY(code);
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the report");
    }
    return OK;
}

// ---- CSV: a line for each task of each run, then of each group of seeds

static void add_line(struct text *out, const char *what, const char *run, const char *seed,
                     const char *method)
{
    csv_add_field(out, what);
    text_add(out, ",");
    csv_add_field(out, run);
    text_add(out, ",%s,%s,", seed, method);
}

static void add_runs(const struct report *report, struct text *out)
{
    for (int r = 0; r < report->n_runs; r++) {
        const struct report_run *run = &report->runs[r];
        for (int t = 0; t < run->n_tasks; t++) {
            char seed[24];
            snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->config.seed);
            add_line(out, "run", report_run_label(report, r), seed, run->method);
            csv_add_field(out, run->tasks[t].name);
            text_add(out, ",");
            csv_add_field(out, run->tasks[t].budget);
            for (int c = 0; report_columns[c].key != NULL; c++) {
                text_add(out, ",");
                csv_add_number(out, report_columns[c].value(&run->tasks[t]));
            }
            text_add(out, "\n");
        }
    }
}

static void add_groups(const struct report *report, struct text *out)
{
    for (int g = 0; g < report->n_groups; g++) {
        const struct report_group *group = &report->groups[g];
        for (int t = 0; group->n > 1 && t < 2 * group->n_tasks; t++) {
            const struct report_group_task *task = &group->tasks[t / 2];
            const bool deviation = t % 2 == 1;
            add_line(out, deviation ? "deviation" : "mean", group->name, "",
                     report->runs[group->runs[0]].method);
            csv_add_field(out, task->name);
            text_add(out, ",");
            csv_add_field(out, task->budget);
            for (int c = 0; report_columns[c].key != NULL; c++) {
                const struct report_figure *figure = &task->figures[c];
                text_add(out, ",");
                csv_add_number(out, deviation ? figure->deviation : figure->mean);
            }
            text_add(out, "\n");
        }
    }
}

void report_csv_write(const struct report *report, struct text *out)
{
    text_add(out, "what,run,seed,method,task,budget");
    for (int c = 0; report_columns[c].key != NULL; c++) {
        text_add(out, ",%s", report_columns[c].key);
    }
    text_add(out, "\n");
    add_runs(report, out);
    add_groups(report, out);
}
