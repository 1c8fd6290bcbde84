// From records to groups, halves and shares of variance.
#include "experiments/sweep_results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int sweep_rung_evaluations(const struct sweep_plan *plan, int rung)
{
    return plan->options->kind == SWEEP_HALVING ? plan->options->rungs->values[rung] : 0;
}

static const struct sweep_record *record_at(const struct sweep_results *results, int rung, int run)
{
    return &results->records[rung * results->plan->n_runs + run];
}

const struct sweep_record *sweep_results_newest(const struct sweep_results *results, int run)
{
    return results->rungs[run] >= 0 ? record_at(results, results->rungs[run], run) : NULL;
}

static double figure_of(const struct sweep_record *record, int task, int figure)
{
    return record->figures[task * FIGURE_COUNT + figure];
}

static int find_task(const struct sweep_record *record, const char *name)
{
    for (int t = 0; t < record->n_tasks; t++) {
        if (strcmp(record->tasks[t], name) == 0) {
            return t;
        }
    }
    return -1;
}

// ---- reading

static enum status read_records(struct sweep_results *out, struct arena *arena)
{
    const struct sweep_plan *plan = out->plan;
    const int halving = plan->options->kind == SWEEP_HALVING;
    out->n_rungs = halving ? plan->options->rungs->n : 1;
    ARENA_NEW(arena, out->records, (size_t)out->n_rungs * (size_t)plan->n_runs);
    for (int rung = 0; rung < out->n_rungs; rung++) {
        for (int i = 0; i < plan->n_runs; i++) {
            TRY(sweep_record_read(plan, &plan->runs[i], sweep_rung_evaluations(plan, rung), arena,
                                  &out->records[rung * plan->n_runs + i]));
        }
    }
    return OK;
}

static void note_newest(struct sweep_results *out)
{
    for (int i = 0; i < out->plan->n_runs; i++) {
        out->rungs[i] = -1;
        for (int rung = 0; rung < out->n_rungs; rung++) {
            if (record_at(out, rung, i)->state != SWEEP_WAITING) {
                out->rungs[i] = rung;
            }
        }
    }
}

static enum status collect_tasks(struct sweep_results *out, struct arena *arena)
{
    size_t most = 0;
    for (int i = 0; i < out->plan->n_runs; i++) {
        const struct sweep_record *record = sweep_results_newest(out, i);
        most += record != NULL ? (size_t)record->n_tasks : 0;
    }
    ARENA_NEW(arena, out->tasks, most);
    for (int i = 0; i < out->plan->n_runs; i++) {
        const struct sweep_record *record = sweep_results_newest(out, i);
        for (int t = 0; record != NULL && t < record->n_tasks; t++) {
            int known = 0;
            while (known < out->n_tasks && strcmp(out->tasks[known], record->tasks[t]) != 0) {
                known++;
            }
            if (known == out->n_tasks) {
                out->tasks[out->n_tasks++] = record->tasks[t];
            }
        }
    }
    return OK;
}

// The newest stage's accuracy that all runs have that are done.
static enum sweep_figure choose_figure(const struct sweep_results *results)
{
    static const enum sweep_figure order[] = {FIGURE_ACCURACY_TEST, FIGURE_ACCURACY_FOUND};
    const int asked = results->plan->options->figure;
    for (size_t k = 0; asked == FIGURE_COUNT && k < sizeof order / sizeof order[0]; k++) {
        bool all = true;
        int n = 0;
        for (int i = 0; i < results->plan->n_runs; i++) {
            const struct sweep_record *record = sweep_results_newest(results, i);
            const bool done = record != NULL && record->state == SWEEP_DONE;
            for (int t = 0; done && t < record->n_tasks; t++, n++) {
                all = all && isfinite(figure_of(record, t, (int)order[k]));
            }
        }
        if (all && n > 0) {
            return order[k];
        }
    }
    return asked == FIGURE_COUNT ? FIGURE_SCORE : (enum sweep_figure)asked;
}

// ---- groups

// One setting at one rung: which runs count, which tasks they have in common, and the figures.
struct sample {
    int n_runs, n_tasks;
    int *runs;      // [runs of the plan]
    int *tasks;     // [n_tasks of the results]
    double *values; // [n_runs, n_tasks]
};

static bool all_have(const struct sweep_results *results, const struct sample *sample, int rung,
                     const char *task)
{
    for (int k = 0; k < sample->n_runs; k++) {
        const struct sweep_record *record = record_at(results, rung, sample->runs[k]);
        const int at = find_task(record, task);
        if (at < 0 || !isfinite(figure_of(record, at, (int)results->figure))) {
            return false;
        }
    }
    return sample->n_runs > 0;
}

static enum status take_sample(const struct sweep_results *results, int setting, int rung,
                               struct arena *arena, struct sample *out)
{
    const struct sweep_plan *plan = results->plan;
    const int seeds = plan->n_runs / plan->n_settings, first = setting * seeds;
    *out = (struct sample){0};
    ARENA_NEW(arena, out->runs, (size_t)seeds);
    ARENA_NEW(arena, out->tasks, (size_t)results->n_tasks);
    ARENA_NEW(arena, out->values, (size_t)seeds * (size_t)results->n_tasks);
    for (int i = first; i < first + seeds; i++) {
        if (record_at(results, rung, i)->state == SWEEP_DONE) {
            out->runs[out->n_runs++] = i;
        }
    }
    for (int t = 0; t < results->n_tasks; t++) {
        if (all_have(results, out, rung, results->tasks[t])) {
            out->tasks[out->n_tasks++] = t;
        }
    }
    for (int k = 0; k < out->n_runs; k++) {
        const struct sweep_record *record = record_at(results, rung, out->runs[k]);
        for (int t = 0; t < out->n_tasks; t++) {
            const int at = find_task(record, results->tasks[out->tasks[t]]);
            out->values[k * out->n_tasks + t] = figure_of(record, at, (int)results->figure);
        }
    }
    return OK;
}

static enum status summarise(const struct sweep_results *results, const struct sample *sample,
                             int setting, struct sweep_group *group, struct arena *arena)
{
    const struct sweep_options *options = results->plan->options;
    // Streams of their own for all tasks together and for each.
    const uint64_t index = (uint64_t)setting * ((uint64_t)results->n_tasks + 1);
    struct sweep_resampling how = {options->bootstrap, options->draw_seed, index};
    double *column;
    ARENA_NEW(arena, group->tasks, (size_t)results->n_tasks);
    group->any = sample->n_runs > 0 && sample->n_tasks > 0;
    if (!group->any) {
        return OK;
    }
    ARENA_NEW(arena, column, (size_t)sample->n_runs);
    TRY(sweep_summarise(sample->values, sample->n_runs, sample->n_tasks, &how, &group->all));
    for (int t = 0; t < sample->n_tasks; t++) {
        for (int k = 0; k < sample->n_runs; k++) {
            column[k] = sample->values[k * sample->n_tasks + t];
        }
        how.index = index + 1 + (uint64_t)sample->tasks[t];
        TRY(sweep_summarise(column, sample->n_runs, 1, &how, &group->tasks[sample->tasks[t]]));
    }
    return OK;
}

static enum status make_group(struct sweep_results *results, int setting, struct arena *arena)
{
    const struct sweep_plan *plan = results->plan;
    const int seeds = plan->n_runs / plan->n_settings;
    struct sweep_group *group = &results->groups[setting];
    for (int i = setting * seeds; i < (setting + 1) * seeds; i++) {
        const struct sweep_record *record = sweep_results_newest(results, i);
        if (record != NULL && record->state == SWEEP_DONE && results->rungs[i] > group->rung) {
            group->rung = results->rungs[i];
        }
        group->n_failed += record != NULL && record->state == SWEEP_FAILED ? 1 : 0;
    }
    struct sample sample;
    TRY(take_sample(results, setting, group->rung, arena, &sample));
    group->n_done = sample.n_runs;
    return summarise(results, &sample, setting, group, arena);
}

// ---- halves

static bool is_better_low(enum sweep_figure figure)
{
    return figure != FIGURE_SCORE && figure != FIGURE_ACCURACY_FOUND &&
           figure != FIGURE_ACCURACY_TEST;
}

// The mean that a setting has at a rung, so that more is better; the worst there is for none.
static enum status value_at(const struct sweep_results *results, int setting, int rung, double *out)
{
    struct arena arena = {0};
    struct sample sample;
    double sum = 0;
    const enum status code = take_sample(results, setting, rung, &arena, &sample);
    const int n = code == OK ? sample.n_runs * sample.n_tasks : 0;
    for (int i = 0; i < n; i++) {
        sum += sample.values[i];
    }
    *out = n == 0 ? -(double)INFINITY : (is_better_low(results->figure) ? -sum : sum) / n;
    arena_close(&arena);
    return code;
}

struct standing {
    int setting;
    double value;
};

static int by_value(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value ? 1 : -1) : x->setting - y->setting;
}

static bool all_ended(const struct sweep_results *results, int rung, const bool *alive)
{
    for (int i = 0; i < results->plan->n_runs; i++) {
        // What failed at an earlier rung comes no further.
        bool ended = !alive[results->plan->runs[i].setting];
        for (int r = 0; r <= rung && !ended; r++) {
            const enum sweep_state state = record_at(results, r, i)->state;
            ended = state == SWEEP_FAILED || (r == rung && state == SWEEP_DONE);
        }
        if (!ended) {
            return false;
        }
    }
    return true;
}

static enum status keep_half(const struct sweep_results *results, int rung, bool *alive)
{
    const int n_settings = results->plan->n_settings;
    struct standing *standings = malloc((size_t)n_settings * sizeof *standings);
    enum status code = OK;
    int n = 0;
    if (standings == NULL) {
        FAIL(ERR_MEMORY, "no memory for %d settings", n_settings);
    }
    for (int s = 0; s < n_settings && code == OK; s++) {
        if (alive[s]) {
            standings[n].setting = s;
            code = value_at(results, s, rung, &standings[n++].value);
        }
    }
    qsort(standings, (size_t)n, sizeof *standings, by_value);
    for (int k = (n + 1) / 2; k < n; k++) {
        alive[standings[k].setting] = false;
    }
    free(standings);
    return code;
}

enum status sweep_rung_judge(const struct sweep_results *results, int rung, bool *alive,
                             bool *complete)
{
    *complete = all_ended(results, rung, alive);
    return *complete && rung + 1 < results->n_rungs ? keep_half(results, rung, alive) : OK;
}

static enum status find_states(struct sweep_results *results, struct arena *arena)
{
    const struct sweep_plan *plan = results->plan;
    bool *alive, complete = true;
    ARENA_NEW(arena, alive, (size_t)plan->n_settings);
    memset(alive, true, (size_t)plan->n_settings * sizeof *alive);
    for (int rung = 0; rung < results->n_rungs && complete; rung++) {
        TRY(sweep_rung_judge(results, rung, alive, &complete));
    }
    for (int i = 0; i < plan->n_runs; i++) {
        const int rung = results->rungs[i];
        enum sweep_state state = rung >= 0 ? record_at(results, rung, i)->state : SWEEP_WAITING;
        if (state == SWEEP_DONE && rung + 1 < results->n_rungs) {
            state = alive[plan->runs[i].setting] ? SWEEP_WAITING : SWEEP_STOPPED;
        }
        results->states[i] = state;
        results->n_states[state]++;
    }
    return OK;
}

// ---- importance

static int level_of(const struct sweep_axis *axis, const struct sweep_value *value)
{
    int level = 0;
    while (level < axis->n && &axis->values[level] != value) {
        level++;
    }
    CHECK(level < axis->n);
    return level;
}

// At the first rung, which all settings have done.
static enum status weigh_axis(const struct sweep_results *results, int a, struct arena *arena,
                              double *out)
{
    const struct sweep_plan *plan = results->plan;
    const struct sweep_axis *axis = &plan->axes.axes[a];
    double *values, *numbers;
    int *level, n = 0, n_levels = axis->n;
    ARENA_NEW(arena, values, (size_t)plan->n_settings);
    ARENA_NEW(arena, numbers, (size_t)plan->n_settings);
    ARENA_NEW(arena, level, (size_t)plan->n_settings);
    for (int s = 0; s < plan->n_settings; s++) {
        const struct sweep_value *value = sweep_plan_first(plan, s)->values[a];
        TRY(value_at(results, s, 0, &values[n]));
        if (isfinite(values[n])) {
            level[n] = axis->n > 0 ? level_of(axis, value) : 0;
            numbers[n++] = axis->n > 0 ? 0 : strtod(value->json, NULL);
        }
    }
    if (axis->n == 0) {
        TRY(sweep_levels_of_range(numbers, n, level, &n_levels));
    }
    return sweep_importance(values, level, n, n_levels, out);
}

static enum status weigh(struct sweep_results *results, struct arena *arena)
{
    const struct sweep_axes *axes = &results->plan->axes;
    for (int a = 0; a < axes->n; a++) {
        if (sweep_axis_varies(&axes->axes[a])) {
            results->options[results->n_options++] = a;
        }
    }
    ARENA_NEW(arena, results->importance, (size_t)results->n_options);
    for (int k = 0; k < results->n_options; k++) {
        results->importance[k] = (double)NAN;
        if (!sweep_axis_is_seed(&axes->axes[results->options[k]])) {
            TRY(weigh_axis(results, results->options[k], arena, &results->importance[k]));
        }
    }
    return OK;
}

enum status sweep_results_read(const struct sweep_plan *plan, struct arena *arena,
                               struct sweep_results *out)
{
    *out = (struct sweep_results){.plan = plan};
    ARENA_NEW(arena, out->states, (size_t)plan->n_runs);
    ARENA_NEW(arena, out->rungs, (size_t)plan->n_runs);
    ARENA_NEW(arena, out->groups, (size_t)plan->n_settings);
    TRY(read_records(out, arena));
    note_newest(out);
    TRY(collect_tasks(out, arena));
    out->figure = choose_figure(out);
    TRY(find_states(out, arena));
    for (int setting = 0; setting < plan->n_settings; setting++) {
        TRY(make_group(out, setting, arena));
    }
    return weigh(out, arena);
}
