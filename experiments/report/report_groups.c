// Runs that differ in nothing but the seed, put together: means and standard deviations.
#include "experiments/report/report.h"
#include "experiments/report/report_columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What all seeds of a setting have in common.
static enum status setting_of(const struct report_run *run, struct arena *arena, const char **out)
{
    struct run_config config = run->config;
    struct text text = {0};
    config.seed = 0;
    enum status code = run_config_identity(&config, SHAPES_FINETUNE, &text);
    if (code == OK) {
        *out = arena_format(arena, "%s %d %s", text.bytes, run->config.search.evaluations,
                            run_config_designs(&run->config) ? "" : run->config.environment);
        code = *out != NULL ? OK : ERR_MEMORY;
    }
    text_close(&text);
    return code;
}

static void add_value(struct report_figure *figure, double value)
{
    if (isfinite(value)) { // Welford 1962
        const double before = figure->mean;
        figure->n++;
        figure->mean += (value - before) / figure->n;
        figure->deviation += (value - before) * (value - figure->mean);
    }
}

static void finish(struct report_figure *figure)
{
    figure->deviation = figure->n > 1 ? sqrt(figure->deviation / (figure->n - 1)) : (double)NAN;
    figure->mean = figure->n > 0 ? figure->mean : (double)NAN;
}

static enum status sum_up(struct report *report, struct report_group *group)
{
    const struct report_run *first = &report->runs[group->runs[0]];
    const int columns = report_column_count();
    group->n_tasks = first->n_tasks;
    ARENA_NEW(&report->arena, group->tasks, (size_t)group->n_tasks);
    for (int t = 0; t < group->n_tasks; t++) {
        struct report_group_task *task = &group->tasks[t];
        task->name = first->tasks[t].name;
        task->budget = first->tasks[t].budget;
        ARENA_NEW(&report->arena, task->figures, (size_t)columns);
        for (int c = 0; c < columns; c++) {
            for (int i = 0; i < group->n; i++) {
                const struct report_task *from =
                    report_find_task(&report->runs[group->runs[i]], task->name);
                if (from != NULL) {
                    add_value(&task->figures[c], report_columns[c].value(from));
                }
            }
            finish(&task->figures[c]);
        }
    }
    return OK;
}

// What a sweep calls the runs of a setting, "learner.batch=3,seed=1", without the seed. Arena; ""
// where the folder's name is no such list.
static const char *setting_name(const struct report *report, int run, struct arena *arena)
{
    const char *label = report_run_label(report, run);
    char seed[40];
    snprintf(seed, sizeof seed, "seed=%llu", (unsigned long long)report->runs[run].config.seed);
    const size_t length = strlen(seed);
    const char *at = label;
    while (*at != '\0' &&
           (strncmp(at, seed, length) != 0 || (at[length] != ',' && at[length] != '\0') ||
            (at > label && at[-1] != ','))) {
        at++;
    }
    if (*at == '\0' || strlen(label) == length) {
        return "";
    }
    const char *rest = at[length] == ',' ? at + length + 1 : "";
    const int before = (int)(at - label);
    return arena_format(arena, "%.*s%s", *rest == '\0' ? before - 1 : before, label, rest);
}

static int alike_before(const struct report *report, int group)
{
    const struct report_run *run = &report->runs[report->groups[group].runs[0]];
    int alike = 0;
    for (int other = 0; other < group; other++) {
        const struct report_run *theirs = &report->runs[report->groups[other].runs[0]];
        alike += strcmp(theirs->config.name, run->config.name) == 0 &&
                 strcmp(theirs->method, run->method) == 0;
    }
    return alike;
}

// By config and what the sweep set, else by method; numbered where that says the same of two.
static enum status name_groups(struct report *report)
{
    struct arena *arena = &report->arena;
    for (int g = 0; g < report->n_groups; g++) {
        const int first = report->groups[g].runs[0];
        const struct report_run *run = &report->runs[first];
        const char *setting = setting_name(report, first, arena);
        TRY(setting != NULL ? OK : ERR_MEMORY);
        const bool set = setting[0] != '\0';
        const int alike = set ? 0 : alike_before(report, g);
        report->groups[g].name =
            alike > 0
                ? arena_format(arena, "%s, %s (%d)", run->config.name, run->method, alike + 1)
                : arena_format(arena, "%s, %s", run->config.name, set ? setting : run->method);
        TRY(report->groups[g].name != NULL ? OK : ERR_MEMORY);
    }
    return OK;
}

struct standing {
    int group;
    double accuracy; // mean of the tasks, of what is known after the most; -1: nothing is
};

static struct standing standing_of(const struct report *report, int group)
{
    static const char *const latest[] = {"accuracy_test", "accuracy_found", "best_score"};
    const struct report_group *g = &report->groups[group];
    struct report_figure mean = {0};
    for (int k = 0; k < 3 && mean.n == 0; k++) {
        const int column = report_column_find(latest[k]);
        for (int t = 0; t < g->n_tasks; t++) {
            add_value(&mean, g->tasks[t].figures[column].mean);
        }
    }
    return (struct standing){group, mean.n > 0 ? mean.mean : -1};
}

static int best_first(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;
    const int by_accuracy = (x->accuracy < y->accuracy) - (x->accuracy > y->accuracy);
    return by_accuracy != 0 ? by_accuracy : x->group - y->group;
}

// By turns the first run of each group, then the second, and so on; of more groups than there is
// room for, the best ones.
static enum status choose_detailed(struct report *report)
{
    struct standing *order;
    const size_t n = (size_t)report->n_groups;
    ARENA_NEW(&report->arena, order, n);
    for (int g = 0; g < report->n_groups; g++) {
        order[g] = standing_of(report, g);
    }
    if (report->n_groups > REPORT_MOST_DETAILED) {
        qsort(order, n, sizeof *order, best_first);
    }
    for (int i = 0; i < report->n_runs; i++) {
        report->runs[i].place = -1;
    }
    for (int turn = 0; turn < report->n_runs; turn++) {
        for (int g = 0; g < report->n_groups; g++) {
            const struct report_group *group = &report->groups[order[g].group];
            if (turn < group->n && report->n_detailed < REPORT_MOST_DETAILED) {
                report->runs[group->runs[turn]].place = report->n_detailed++;
            }
        }
    }
    return OK;
}

enum status report_groups_make(struct report *report)
{
    const char **settings; // [groups]
    ARENA_NEW(&report->arena, report->groups, (size_t)report->n_runs);
    ARENA_NEW(&report->arena, settings, (size_t)report->n_runs);
    for (int i = 0; i < report->n_runs; i++) {
        const char *setting;
        int g = 0;
        TRY(setting_of(&report->runs[i], &report->arena, &setting));
        while (g < report->n_groups && strcmp(settings[g], setting) != 0) {
            g++;
        }
        if (g == report->n_groups) {
            settings[g] = setting;
            ARENA_NEW(&report->arena, report->groups[g].runs, (size_t)report->n_runs);
            report->n_groups++;
        }
        struct report_group *group = &report->groups[g];
        group->runs[group->n++] = i;
    }
    for (int g = 0; g < report->n_groups; g++) {
        TRY(sum_up(report, &report->groups[g]));
    }
    TRY(choose_detailed(report));
    return name_groups(report);
}
