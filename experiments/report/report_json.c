// A report as one JSON object: what --json prints and what the page's charts are drawn from.
// Columns of tables carry all digits; what is only drawn is thinned and has six.
#include "core/json.h"
#include "experiments/report/report.h"
#include "experiments/report/report_columns.h"
#include "experiments/report/report_progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DRAWN = 1500, MOST_DRAWN = 300 }; // candidates of a cost's chart: of all tasks, of one

static const char *const cost_keys[CANDIDATE_COSTS] = {"macs", "params", "bytes"};

struct writing {
    const struct report *report;
    bool detailed; // only the runs that are
    struct json_writer w;
    struct arena scratch;
    int n_tasks; // of all runs that are written
    bool failed;
};

static void write_short(struct json_writer *w, const char *key, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.6g", value);
    json_write_raw(w, key, isfinite(value) ? text : "null");
}

static void write_warnings(struct writing *s)
{
    json_write_begin(&s->w, '[', "warnings");
    for (int i = 0; i < s->report->n_warnings; i++) {
        const struct report_warning *warning = &s->report->warnings[i];
        json_write_begin(&s->w, '{', NULL);
        json_write_string(&s->w, "kind", warning->kind);
        json_write_string(&s->w, "where", warning->where);
        json_write_string(&s->w, "text", warning->text);
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
}

static void write_figures(struct writing *s, const struct report_group_task *task)
{
    json_write_begin(&s->w, '{', "figures");
    for (int c = 0; report_columns[c].key != NULL; c++) {
        const struct report_figure *figure = &task->figures[c];
        if (figure->n > 0) {
            json_write_begin(&s->w, '{', report_columns[c].key);
            json_write_int(&s->w, "n", figure->n);
            json_write_double(&s->w, "mean", figure->mean);
            json_write_double(&s->w, "deviation", figure->deviation);
            json_write_end(&s->w, '}');
        }
    }
    json_write_end(&s->w, '}');
}

static bool is_written(const struct writing *s, int run)
{
    return !s->detailed || s->report->runs[run].place >= 0;
}

// Of a run among those that are written.
static int number_of(const struct writing *s, int run)
{
    int number = 0;
    for (int i = 0; i < run; i++) {
        number += is_written(s, i);
    }
    return number;
}

// Fewer points of each where there are many.
static void write_progress(struct writing *s, const struct report_group *group, const char *task)
{
    enum { MOST = 50, LEAST = 8 };
    const int share = MOST * REPORT_MOST_DETAILED / s->report->n_groups;
    const int most = share > MOST ? MOST : share < LEAST ? LEAST : share;
    struct report_point points[MOST];
    int n = 0;
    s->failed =
        s->failed || report_progress(s->report, group, task, most, &s->scratch, points, &n) != OK;
    arena_reset(&s->scratch);
    json_write_begin(&s->w, '[', "progress");
    for (int i = 0; i < n; i++) {
        json_write_begin(&s->w, '{', NULL);
        json_write_int(&s->w, "evaluation", points[i].evaluation);
        json_write_int(&s->w, "runs", points[i].runs);
        write_short(&s->w, "low", points[i].low);
        write_short(&s->w, "middle", points[i].middle);
        write_short(&s->w, "high", points[i].high);
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
}

static void write_groups(struct writing *s)
{
    json_write_begin(&s->w, '[', "groups");
    for (int g = 0; g < s->report->n_groups; g++) {
        const struct report_group *group = &s->report->groups[g];
        json_write_begin(&s->w, '{', NULL);
        json_write_string(&s->w, "name", group->name);
        json_write_int(&s->w, "seeds", group->n);
        json_write_begin(&s->w, '[', "runs");
        for (int i = 0; i < group->n; i++) {
            if (is_written(s, group->runs[i])) {
                json_write_int(&s->w, NULL, number_of(s, group->runs[i]));
            }
        }
        json_write_end(&s->w, ']');
        json_write_begin(&s->w, '[', "tasks");
        for (int t = 0; t < group->n_tasks; t++) {
            json_write_begin(&s->w, '{', NULL);
            json_write_string(&s->w, "task", group->tasks[t].name);
            json_write_string(&s->w, "budget", group->tasks[t].budget);
            write_figures(s, &group->tasks[t]);
            write_progress(s, group, group->tasks[t].name);
            json_write_end(&s->w, '}');
        }
        json_write_end(&s->w, ']');
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
}

// ---- a run

static void write_starts(struct writing *s, const struct report_run *run)
{
    json_write_begin(&s->w, '[', "starts");
    for (int i = 0; i < run->n_starts; i++) {
        const struct run_start *start = &run->starts[i];
        json_write_begin(&s->w, '{', NULL);
        json_write_string(&s->w, "command", start->command);
        json_write_string(&s->w, "time", start->time);
        json_write_string(&s->w, "dikdik", start->version);
        json_write_string(&s->w, "host", start->host);
        json_write_string(&s->w, "processor", start->processor);
        json_write_int(&s->w, "cores", start->cores);
        json_write_int(&s->w, "memory_bytes", start->memory_bytes);
        json_write_int(&s->w, "processes", start->processes);
        json_write_int(&s->w, "hosts", start->hosts);
        json_write_string(&s->w, "backend", start->backend);
        json_write_string(&s->w, "library", start->library);
        json_write_string(&s->w, "openblas", start->openblas);
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
}

static void write_stage(struct writing *s, const char *name, const struct run_stage_time *time)
{
    json_write_begin(&s->w, '{', name);
    json_write_double(&s->w, "seconds", time->seconds);
    json_write_double(&s->w, "busy_share", run_busy_share(time));
    json_write_int(&s->w, "orders", time->orders);
    json_write_int(&s->w, "retries", time->retries);
    json_write_end(&s->w, '}');
}

static void write_search(struct writing *s, const struct report_run *run)
{
    json_write_begin(&s->w, '{', "stages");
    write_stage(s, "base", &run->times.base);
    write_stage(s, "search", &run->times.search);
    write_stage(s, "rescore", &run->times.rescore);
    write_stage(s, "finetune", &run->times.finetune);
    json_write_end(&s->w, '}');
    json_write_begin(&s->w, '{', "search");
    json_write_int(&s->w, "episodes", run->episodes);
    json_write_int(&s->w, "evaluations", run->evaluations);
    json_write_int(&s->w, "updates", run->updates);
    json_write_int(&s->w, "skipped", run->skipped);
    json_write_int(&s->w, "retries", run->retries);
    json_write_double(&s->w, "lag_mean", run->lag_mean);
    json_write_int(&s->w, "lag_most", run->lag_most);
    json_write_double(&s->w, "seconds", run->seconds);
    json_write_double(&s->w, "learning_seconds", run->learning_seconds);
    json_write_double(&s->w, "model_seconds", run->model_seconds);
    json_write_double(&s->w, "waiting_seconds", run->waiting_seconds);
    json_write_end(&s->w, '}');
    json_write_begin(&s->w, '[', "processes");
    for (int i = 0; i < run->n_processes; i++) {
        const struct report_process *p = &run->processes[i];
        json_write_begin(&s->w, '{', NULL);
        json_write_int(&s->w, "actor", i);
        json_write_int(&s->w, "episodes", p->episodes);
        json_write_int(&s->w, "retries", p->retries);
        json_write_double(&s->w, "environment_seconds", p->environment_seconds);
        json_write_double(&s->w, "arithmetic_seconds", p->arithmetic_seconds);
        json_write_double(&s->w, "policy_seconds", p->policy_seconds);
        json_write_double(&s->w, "wire_seconds", p->wire_seconds);
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
}

static void write_updates(struct writing *s, const struct report_run *run)
{
    json_write_begin(&s->w, '[', "updates");
    for (int i = 0; i < run->n_bins; i++) {
        const struct report_update *u = &run->bins[i];
        json_write_begin(&s->w, '{', NULL);
        json_write_int(&s->w, "first", u->first);
        json_write_int(&s->w, "last", u->last);
        write_short(&s->w, "policy_loss", u->policy_loss);
        write_short(&s->w, "value_loss", u->value_loss);
        write_short(&s->w, "imitation_loss", u->imitation_loss);
        write_short(&s->w, "entropy", u->entropy);
        write_short(&s->w, "mean_rho", u->mean_rho);
        write_short(&s->w, "effective_share", u->effective_share);
        write_short(&s->w, "gradient_norm", u->gradient_norm);
        write_short(&s->w, "learning_rate", u->learning_rate);
        write_short(&s->w, "lag_mean", u->lag_mean);
        json_write_int(&s->w, "lag_most", u->lag_most);
        write_short(&s->w, "model_rank", u->model_rank);
        write_short(&s->w, "model_error", u->model_error);
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
}

// ---- a task

static void write_candidate(struct writing *s, const struct report_candidate *c, const char *key,
                            const char *name)
{
    json_write_begin(&s->w, '{', key);
    if (name != NULL) {
        json_write_string(&s->w, "name", name);
    }
    json_write_int(&s->w, "evaluation", c->evaluation);
    json_write_int(&s->w, "episode", c->episode);
    write_short(&s->w, "accuracy", c->accuracy);
    write_short(&s->w, "reward", c->reward);
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        if (c->costs[k] > 0) {
            json_write_int(&s->w, cost_keys[k], c->costs[k]);
        }
    }
    json_write_end(&s->w, '}');
}

static void write_list(struct writing *s, const struct report_task *task, const char *key,
                       const int *numbers, int n)
{
    json_write_begin(&s->w, '[', key);
    for (int i = 0; i < n; i++) {
        write_candidate(s, &task->candidates[numbers[i]], NULL, NULL);
    }
    json_write_end(&s->w, ']');
}

static void write_rewards(struct writing *s, const struct report_task *task)
{
    struct report_bin bins[REPORT_MOST_BINS];
    int n = 0;
    s->failed =
        s->failed || report_thin_rewards(task->candidates, task->n, &s->scratch, bins, &n) != OK;
    json_write_begin(&s->w, '[', "rewards");
    for (int i = 0; i < n; i++) {
        json_write_begin(&s->w, '{', NULL);
        json_write_int(&s->w, "first", bins[i].first);
        json_write_int(&s->w, "last", bins[i].last);
        write_short(&s->w, "least", bins[i].least);
        write_short(&s->w, "low", bins[i].low);
        write_short(&s->w, "middle", bins[i].middle);
        write_short(&s->w, "high", bins[i].high);
        write_short(&s->w, "most", bins[i].most);
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
}

static void write_fronts(struct writing *s, const struct report_task *task, int *numbers)
{
    json_write_begin(&s->w, '{', "front");
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        int n = 0;
        if (task->n > 0 && task->candidates[0].costs[k] > 0) {
            s->failed = s->failed ||
                        report_front(task->candidates, task->n, k, &s->scratch, numbers, &n) != OK;
            write_list(s, task, cost_keys[k], numbers, n);
        }
    }
    json_write_end(&s->w, '}');
}

static void write_drawn(struct writing *s, const struct report_task *task)
{
    static const char *const names[2] = {"equal shares", "one-shot ranking"};
    int *numbers = arena_alloc(&s->scratch, (size_t)task->n, sizeof *numbers);
    const int fair = DRAWN / (s->n_tasks > 0 ? s->n_tasks : 1),
              most = fair < MOST_DRAWN ? fair : MOST_DRAWN;
    if (numbers == NULL) {
        s->failed = true;
        return;
    }
    write_list(s, task, "best_so_far", numbers,
               report_best_so_far(task->candidates, task->n, numbers));
    write_rewards(s, task);
    write_list(s, task, "candidates", numbers,
               report_sample(task->n, most > 40 ? most : 40, numbers));
    write_fronts(s, task, numbers);
    json_write_begin(&s->w, '[', "baselines");
    for (int i = 0; i < 2; i++) {
        if (task->baseline[i] >= 0) {
            write_candidate(s, &task->candidates[task->baseline[i]], NULL, names[i]);
        }
    }
    json_write_end(&s->w, ']');
}

static void write_decisions(struct writing *s, const struct report_task *task)
{
    json_write_begin(&s->w, '[', "decisions");
    for (int i = 0; i < task->n_decisions; i++) {
        const struct report_decision *d = &task->decisions[i];
        json_write_begin(&s->w, '{', NULL);
        json_write_string(&s->w, "name", d->name);
        write_short(&s->w, "before", d->before);
        write_short(&s->w, "after", d->after);
        if (d->before_word != NULL) {
            json_write_string(&s->w, "before_word", d->before_word);
        }
        if (d->after_word != NULL) {
            json_write_string(&s->w, "after_word", d->after_word);
        }
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
    json_write_begin(&s->w, '[', "steps");
    for (int i = 0; i < task->n_steps; i++) {
        const struct report_step *step = &task->steps[i];
        json_write_begin(&s->w, '{', NULL);
        json_write_string(&s->w, "name", step->name);
        json_write_begin(&s->w, '[', "entropy");
        for (int g = 0; g < REPORT_LOOKS; g++) {
            if (step->n[g] > 0) {
                json_write_begin(&s->w, '{', NULL);
                json_write_int(&s->w, "until", step->until[g]);
                json_write_int(&s->w, "episodes", step->n[g]);
                write_short(&s->w, "share", step->share[g]);
                json_write_end(&s->w, '}');
            }
        }
        json_write_end(&s->w, ']');
        json_write_end(&s->w, '}');
    }
    json_write_end(&s->w, ']');
}

static void write_failures(struct writing *s, const struct report_task *task)
{
    json_write_begin(&s->w, '[', "failures");
    for (int i = FAILURE_NONE + 1; i < FAILURE_COUNT; i++) {
        if (task->failures[i] > 0) {
            json_write_begin(&s->w, '{', NULL);
            json_write_string(&s->w, "reason", failure_name((enum failure_reason)i));
            json_write_int(&s->w, "episodes", task->failures[i]);
            json_write_int(&s->w, "first", task->first_failure[i]);
            json_write_end(&s->w, '}');
        }
    }
    json_write_end(&s->w, ']');
}

static void write_task(struct writing *s, const struct report_task *task)
{
    json_write_begin(&s->w, '{', NULL);
    json_write_string(&s->w, "task", task->name);
    json_write_string(&s->w, "network", task->network);
    json_write_string(&s->w, "budget", task->budget);
    for (int c = 0; report_columns[c].key != NULL; c++) {
        json_write_double(&s->w, report_columns[c].key, report_columns[c].value(task));
    }
    if (task->found) {
        json_write_string(&s->w, "validation_images",
                          run_images_names[task->result.validation_images]);
    }
    write_failures(s, task);
    write_drawn(s, task);
    write_decisions(s, task);
    json_write_end(&s->w, '}');
    arena_reset(&s->scratch);
}

static void write_run(struct writing *s, int number)
{
    const struct report_run *run = &s->report->runs[number];
    char seed[24];
    json_write_begin(&s->w, '{', NULL);
    json_write_string(&s->w, "label", report_run_label(s->report, number));
    json_write_bool(&s->w, "drawn", run->place >= 0 && run->place < REPORT_MOST_DRAWN);
    json_write_string(&s->w, "folder", run->folder);
    json_write_string(&s->w, "name", run->config.name);
    json_write_string(&s->w, "method", run->method);
    json_write_string(&s->w, "environment", run->config.environment);
    json_write_string(&s->w, "mode", run->config.learner.mode == MODE_SYNC ? "sync" : "async");
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->config.seed);
    json_write_string(&s->w, "seed", seed);
    json_write_string(&s->w, "state", report_state_names[run->state]);
    json_write_string(&s->w, "whole", run->whole_word);
    json_write_string(&s->w, "numerics", run->numerics);
    json_write_string(&s->w, "latency_on", run->latency_on);
    write_starts(s, run);
    write_search(s, run);
    write_updates(s, run);
    json_write_begin(&s->w, '[', "tasks");
    for (int t = 0; t < run->n_tasks; t++) {
        write_task(s, &run->tasks[t]);
    }
    json_write_end(&s->w, ']');
    json_write_raw(&s->w, "config", run->config_text);
    json_write_end(&s->w, '}');
}

void report_json_write(const struct report *report, bool detailed, struct text *out)
{
    struct writing s = {.report = report, .detailed = detailed, .w = {.out = out}};
    for (int i = 0; i < report->n_runs; i++) {
        s.n_tasks += is_written(&s, i) ? report->runs[i].n_tasks : 0;
    }
    json_write_begin(&s.w, '{', NULL);
    json_write_string(&s.w, "dikdik", DIKDIK_VERSION);
    json_write_string(&s.w, "made", report->made);
    json_write_bool(&s.w, "going", report_is_going(report));
    json_write_double(&s.w, "refresh_seconds", report->refresh_seconds);
    write_warnings(&s);
    write_groups(&s);
    json_write_begin(&s.w, '[', "runs");
    for (int i = 0; i < report->n_runs; i++) {
        if (is_written(&s, i)) {
            write_run(&s, i);
        }
    }
    json_write_end(&s.w, ']');
    json_write_end(&s.w, '}');
    arena_close(&s.scratch);
    out->failed = out->failed || s.failed;
}
