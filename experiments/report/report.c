#include "experiments/report/report.h"

#include "experiments/report/report_latency.h"

#include <string.h>
#include <time.h>

static enum status note_time(struct report *report)
{
    const time_t seconds = time(NULL);
    struct tm utc;
    char text[40];
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        text[0] = '\0';
    }
    report->made = arena_copy_text(&report->arena, text);
    return report->made != NULL ? OK : ERR_MEMORY;
}

static enum status read_runs(const char *const *folders, int n,
                             const struct report_options *options, struct report *report)
{
    ARENA_NEW(&report->arena, report->runs, (size_t)n);
    for (int i = 0; i < n; i++) {
        struct report_run *run = &report->runs[i];
        TRY(report_run_read(folders[i], options->own, &report->arena, run));
        TRY(report_latency_find(options->latency_seconds, &report->arena, run));
        report->n_runs++;
    }
    TRY(note_time(report));
    TRY(report_groups_make(report));
    return report_warnings_make(report);
}

enum status report_open(const char *const *folders, int n, const struct report_options *options,
                        struct report *out)
{
    *out = (struct report){.refresh_seconds = options->refresh_seconds,
                           .n_given = options->n_given,
                           .given = options->given};
    const enum status code = read_runs(folders, n, options, out);
    if (code != OK) {
        report_close(out);
    }
    return code;
}

void report_close(struct report *report)
{
    arena_close(&report->arena);
    *report = (struct report){0};
}

bool report_is_going(const struct report *report)
{
    bool going = false;
    for (int i = 0; i < report->n_runs; i++) {
        going = going || report->runs[i].state == REPORT_GOING;
    }
    return going;
}

// The last part of a path, without what separates it from nothing.
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

const char *report_run_label(const struct report *report, int run)
{
    const char *name = last_part(report->runs[run].folder);
    for (int i = 0; i < report->n_runs; i++) {
        if (i != run && strcmp(last_part(report->runs[i].folder), name) == 0) {
            return report->runs[run].folder;
        }
    }
    return name;
}

const struct report_task *report_find_task(const struct report_run *run, const char *name)
{
    for (int i = 0; i < run->n_tasks; i++) {
        if (strcmp(run->tasks[i].name, name) == 0) {
            return &run->tasks[i];
        }
    }
    return NULL;
}

enum status report_write(const struct report *report, enum report_format format, struct text *out)
{
    switch (format) {
    case REPORT_PAGE:
        return report_page_write(report, out);
    case REPORT_MARKDOWN:
        return report_markdown_write(report, out);
    case REPORT_JSON:
        report_json_write(report, false, out);
        text_add(out, "\n");
        break;
    case REPORT_CSV:
        report_csv_write(report, out);
        break;
    }
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the report");
    }
    return OK;
}
