// What a reader must know before believing the numbers.
#include "deploy/latency.h"
#include "experiments/report/report.h"
#include "run/run_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ENOUGH_SEEDS = 3 };
#define MANY_FAILURES 0.05 // of the episodes

static enum status add(struct report *report, const char *kind, const char *where,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
static enum status add(struct report *report, const char *kind, const char *where,
                       const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (report->n_warnings == report->most_warnings) {
        struct report_warning *more;
        const int most = report->most_warnings > 0 ? 2 * report->most_warnings : 16;
        ARENA_NEW(&report->arena, more, (size_t)most);
        if (report->n_warnings > 0) {
            memcpy(more, report->warnings, (size_t)report->n_warnings * sizeof *more);
        }
        report->warnings = more;
        report->most_warnings = most;
    }
    struct report_warning *warning = &report->warnings[report->n_warnings];
    *warning = (struct report_warning){.kind = kind,
                                       .where = arena_copy_text(&report->arena, where),
                                       .text = arena_copy_text(&report->arena, text)};
    if (warning->where == NULL || warning->text == NULL) {
        return ERR_MEMORY;
    }
    report->n_warnings++;
    return OK;
}

static enum status warn_of_latency(struct report *report, const struct report_run *run,
                                   const struct report_task *task, const char *where)
{
    const struct report_latency *l = &task->latency;
    if (!task->timed) {
        return OK;
    }
    if (l->difference > LATENCY_LIMIT) {
        return add(report, "unsteady", where,
                   "the %s network differed from itself by %.1f%% while latencies were measured: "
                   "this machine was too unsteady to conclude anything from them; end what else "
                   "runs here, remove latency.json of the run's folder and make the report again",
                   run->whole_word, 100 * l->difference);
    }
    if (task->result.macs < task->result.full_macs && l->ratio + l->ratio_error >= 1) {
        return add(report, "latency", where,
                   "%.1f%% of the MACs, but not faster on this machine: it takes %.3f ± %.3f times "
                   "as long as the %s network",
                   100.0 * (double)task->result.macs / (double)task->result.full_macs, l->ratio,
                   l->ratio_error, run->whole_word);
    }
    return OK;
}

static enum status warn_of_images(struct report *report, const struct report_run *run,
                                  const struct report_task *task, const char *where)
{
    if (!task->found || task->result.validation_images == IMAGES_UNSEEN) {
        return OK;
    }
    if (run_report_seen(&task->result)) {
        return add(
            report, "seen", where,
            "the %s network has %.2f%% on the search-validation images and %.2f%% on the test "
            "images, so the given weights have almost surely been trained on the images "
            "that candidates were scored on: their scores compare little",
            run->whole_word, 100 * task->result.accuracy_base,
            100 * task->result.accuracy_base_test);
    }
    return add(report, "unknown", where,
               "nobody said which images the given weights were trained on (train_rows), so they "
               "may have seen those that candidates were scored on: compare these scores with "
               "each other only");
}

static enum status warn_of_failures(struct report *report, const struct report_task *task,
                                    const char *where)
{
    int64_t failed = 0;
    for (int i = FAILURE_NONE + 1; i < FAILURE_COUNT; i++) {
        failed += task->failures[i];
    }
    if ((double)failed > MANY_FAILURES * (double)task->episodes) {
        return add(report, "failures", where,
                   "%lld of %lld episodes failed or diverged; the reasons are below",
                   (long long)failed, (long long)task->episodes);
    }
    return OK;
}

static enum status warn_of_run(struct report *report, int number)
{
    const struct report_run *run = &report->runs[number];
    for (int i = 0; i < run->n_tasks; i++) {
        char where[512];
        snprintf(where, sizeof where, "%s, %s", report_run_label(report, number),
                 run->tasks[i].name);
        TRY(warn_of_images(report, run, &run->tasks[i], where));
        TRY(warn_of_latency(report, run, &run->tasks[i], where));
        TRY(warn_of_failures(report, &run->tasks[i], where));
    }
    if (run->state == REPORT_GOING || run->state == REPORT_STOPPED) {
        return add(report, "unfinished", report_run_label(report, number),
                   run->state == REPORT_GOING
                       ? "the run goes on: these are the numbers of now"
                       : "the run was stopped before its end; the same command goes on with it");
    }
    return OK;
}

enum status report_warnings_make(struct report *report)
{
    for (int g = 0; g < report->n_groups; g++) {
        const struct report_group *group = &report->groups[g];
        if (group->n < ENOUGH_SEEDS) {
            TRY(add(report, "seeds", group->name,
                    "%d seed%s: another one gives other numbers, and how different they are is "
                    "only known from %d or more",
                    group->n, group->n == 1 ? "" : "s", ENOUGH_SEEDS));
        }
    }
    for (int i = 0; i < report->n_runs; i++) {
        TRY(warn_of_run(report, i));
    }
    return OK;
}
