// A report on one or several runs: a page to look at, or the same numbers as JSON, CSV or Markdown.
#pragma once
#include "core/text.h"
#include "experiments/report/report_run.h"

// Runs that differ in nothing but their seeds.
struct report_figure {
    int n;                  // runs that have it
    double mean, deviation; // of a sample; NAN for one run alone
};
struct report_group_task {
    const char *name, *budget;
    struct report_figure *figures; // [report_column_count()]
};
struct report_group {
    const char *name;
    int n, *runs;
    int n_tasks;
    struct report_group_task *tasks;
};
struct report_warning {
    const char *kind; // "seeds", "unfinished", "latency", "unsteady", "seen", "unknown", "failures"
    const char *where; // run and task
    const char *text;
};
struct report {
    struct arena arena;
    int n_runs;
    struct report_run *runs;
    int n_groups;
    struct report_group *groups;
    int n_detailed; // runs that charts, and tables of more than results, are made of
    int n_given;
    const char *const *given; // folders as they were asked for; borrowed
    int n_warnings, most_warnings;
    struct report_warning *warnings;
    const char *made;       // when, 2026-05-30T12:00:00Z
    double refresh_seconds; // of a page that is written again and again while runs go on; 0 = not
};
struct report_options {
    double latency_seconds; // for each network; 0 = no latency is measured
    double refresh_seconds;
    const char *const
        *given; // [n_given] what the folders stand for: of a sweep, its own tables are shown
    int n_given;
    bool own; // this process works in the (one) folder, and is done
};
// A page stays one that opens: of more runs than these there are results alone.
enum { REPORT_MOST_DETAILED = 24, REPORT_MOST_DRAWN = 8 }; // drawn: in charts before one asks
#define REPORT_LATENCY_SECONDS 0.3                         // by default
enum report_format { REPORT_PAGE, REPORT_JSON, REPORT_CSV, REPORT_MARKDOWN };

// Reads the folders. ERR_INPUT names one that is no run's.
enum status report_open(const char *const *folders, int n, const struct report_options *options,
                        struct report *out);
void report_close(struct report *report);          // a zeroed one is fine
bool report_is_going(const struct report *report); // any of its runs
// Appends it to a text that is empty. ERR_MEMORY.
enum status report_write(const struct report *report, enum report_format format, struct text *out);
// The page as a file, written whole or not at all.
enum status report_page_save(const struct report *report, const char *path);

// Whether a folder is a sweep's.
bool report_is_sweep(const char *folder);
// The folders of runs that `given` [n] stand for: themselves, and of a sweep those of its runs that
// have begun, by name. Arena. ERR_INPUT: a sweep without any.
enum status report_folders(const char *const *given, int n, struct arena *arena,
                           const char ***folders, int *n_folders);

// ---- its parts
enum status report_groups_make(struct report *report);
enum status report_warnings_make(struct report *report);
// What stands for a run in tables and charts: its folder's name, and more of the path where two are
// alike. Arena.
const char *report_run_label(const struct report *report, int run);
const struct report_task *report_find_task(const struct report_run *run,
                                           const char *name); // NULL: it has none of this name
// detailed: only the runs that are shown in detail; else all.
void report_json_write(const struct report *report, bool detailed, struct text *out);
enum status report_page_write(const struct report *report, struct text *out);
enum status report_markdown_write(const struct report *report, struct text *out);
void report_csv_write(const struct report *report, struct text *out);
