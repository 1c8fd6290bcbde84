// What is known of a table's candidates without looking any up, and its tasks.
#include "envs/candidate_env.h"
#include "envs/tabular/tabular.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct tabular *self_of(const struct env *env)
{
    return (const struct tabular *)env;
}

static size_t result_of(const struct tabular *self, const struct tabular_task *task, int number)
{
    return (size_t)task->data * (size_t)self->table.n + (size_t)number;
}

static const int64_t *costs_of(const struct tabular_table *table, int cost)
{
    return cost == TABULAR_MACS ? table->macs : table->params;
}

bool tabular_has(const struct tabular *self, const struct tabular_task *task, const int64_t *most,
                 int number)
{
    const struct tabular_table *table = &self->table;
    const size_t at = result_of(self, task, number);
    if (isnan(table->final[at]) || isnan(table->proxy[at])) {
        return false;
    }
    for (int k = 0; k < TABULAR_COSTS; k++) {
        if (most[k] != INT64_MAX && costs_of(table, k)[number] > most[k]) {
            return false;
        }
    }
    return true;
}

// ---- tasks

static const char *const cost_names[TABULAR_COSTS] = {
    [TABULAR_MACS] = "macs", [TABULAR_PARAMS] = "params"};

static enum status find_data(const struct tabular_format *format, int i, const char *name, int *out)
{
    char names[TABULAR_MOST_WORDS] = "";
    for (int k = 0; k < format->n_data; k++) {
        if (strcmp(format->data[k].name, name) == 0 || (name[0] == '\0' && format->n_data == 1)) {
            *out = k;
            return OK;
        }
        const size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", k > 0 ? ", " : "",
                 format->data[k].name);
    }
    FAIL(ERR_CONFIG, "tabular.tasks[%d].data: the table %s has %s, got \"%.40s\"", i, format->name,
         names, name);
}

static enum status set_limit(const struct tabular *self, int i, int cost, double asked,
                             struct tabular_task *task)
{
    const struct tabular_table *table = &self->table;
    const int64_t *costs = costs_of(table, cost);
    int64_t largest = 0;
    task->most[cost] = INT64_MAX;
    task->share[cost] = 1;
    if (asked <= 0) {
        return OK;
    }
    if (costs == NULL) {
        FAIL(ERR_CONFIG, "tabular.tasks[%d].%s: expected 0, as the table %s says nothing of costs",
             i, cost_names[cost], table->format->name);
    }
    for (int number = 0; number < table->n; number++) {
        largest = costs[number] > largest ? costs[number] : largest;
    }
    const double limit = asked <= 1 ? asked * (double)largest : asked;
    task->most[cost] = (int64_t)limit;
    task->share[cost] = fmin(1, limit / (double)largest);
    return OK;
}

// What the known candidates cost.
static void find_range(const struct tabular *self, struct objective_range *out)
{
    const struct tabular_table *table = &self->table;
    *out = (struct objective_range){0};
    for (int kind = 0; kind < TABULAR_COSTS && table->macs != NULL; kind++) {
        const int64_t *costs = costs_of(table, kind);
        out->least.of[kind] = INT64_MAX;
        for (int number = 0; number < table->n; number++) {
            if (!isnan(table->final[number])) {
                out->least.of[kind] =
                    costs[number] < out->least.of[kind] ? costs[number] : out->least.of[kind];
                out->whole.of[kind] =
                    costs[number] > out->whole.of[kind] ? costs[number] : out->whole.of[kind];
            }
        }
    }
}

static enum status name_objective(struct tabular *self, const struct objective_options *asked,
                                  struct tabular_task *task)
{
    for (int k = 0; k < TABULAR_COSTS && task->name != NULL; k++) {
        if (asked->weight[k] > 0) {
            task->name = arena_format(&self->arena, "%s-%gx%s@%g", task->name, asked->weight[k],
                                      cost_names[k], asked->target[k]);
        }
    }
    return task->name != NULL ? OK : ERR_MEMORY;
}

static enum status name_task(struct tabular *self, const double *asked, struct tabular_task *task)
{
    const char *data = self->table.format->data[task->data].name;
    task->name = data;
    for (int k = 0; k < TABULAR_COSTS && task->name != NULL; k++) {
        if (asked[k] > 0) {
            task->name = arena_format(&self->arena, "%s-%s%g", task->name, cost_names[k], asked[k]);
        }
    }
    return task->name != NULL ? OK : ERR_MEMORY;
}

// What a known candidate uses of the limits: the greatest share.
static double use_of(const struct tabular *self, const struct tabular_task *task, int number)
{
    double use = 0;
    for (int k = 0; k < TABULAR_COSTS; k++) {
        if (task->most[k] != INT64_MAX) {
            use = fmax(use, (double)costs_of(&self->table, k)[number] / (double)task->most[k]);
        }
    }
    return use;
}

// The best that there is, and the least; ERR_CONFIG when there is nothing.
static enum status find_ends(const struct tabular *self, int i, struct tabular_task *task)
{
    const struct tabular_table *table = &self->table;
    double least = INFINITY;
    task->best = -INFINITY;
    for (int number = 0; number < table->n; number++) {
        const bool itself = table->canonical == NULL || table->canonical[number] == number;
        if (itself && tabular_has(self, task, task->most, number)) {
            const double use = use_of(self, task, number);
            task->best = fmax(task->best, table->final[result_of(self, task, number)]);
            if (use < least) {
                least = use;
                tabular_steps(table->format, number, task->least);
            }
        }
    }
    if (!isfinite(task->best)) {
        FAIL(ERR_CONFIG,
             "tabular.tasks[%d]: no network that the table knows keeps this budget; "
             "raise it",
             i);
    }
    return OK;
}

static enum status open_task(struct tabular *self, int i, const struct tabular_task_options *asked)
{
    struct tabular_task *task = &self->tasks[i];
    const double limits[TABULAR_COSTS] = {
        [TABULAR_MACS] = asked->macs, [TABULAR_PARAMS] = asked->params};
    TRY(find_data(self->table.format, i, asked->data, &task->data));
    for (int k = 0; k < TABULAR_COSTS; k++) {
        TRY(set_limit(self, i, k, limits[k], task));
    }
    struct objective_range range;
    find_range(self, &range);
    TRY(name_task(self, limits, task));
    TRY(objective_make(&asked->objective, &range, task->name, &task->objective));
    TRY(name_objective(self, &asked->objective, task));
    for (int k = 0; k < i; k++) {
        if (strcmp(self->tasks[k].name, task->name) == 0) {
            FAIL(ERR_CONFIG, "tabular.tasks[%d] and tabular.tasks[%d] are the same task, %s", k, i,
                 task->name);
        }
    }
    return find_ends(self, i, task);
}

static int find_model(const struct tabular *self, int i, int *n_models)
{
    for (int k = 0; k < i; k++) {
        if (self->tasks[k].data == self->tasks[i].data &&
            objective_same(&self->tasks[k].objective, &self->tasks[i].objective)) {
            return self->tasks[k].model;
        }
    }
    return (*n_models)++;
}

enum status tabular_open_tasks(struct tabular *self)
{
    const struct tabular_format *format = self->table.format;
    const struct object_list *asked = self->options->tasks;
    const bool all = asked->n == 0;
    int n_models = 0;
    self->n_tasks = all ? format->n_data : asked->n;
    ARENA_NEW(&self->arena, self->tasks, (size_t)self->n_tasks);
    for (int i = 0; i < self->n_tasks; i++) {
        const struct tabular_task_options whole = {.data = format->data[all ? i : 0].name,
                                                   .objective = {.accuracy = 1}};
        TRY(open_task(self, i, all ? &whole : option_list_at(asked, i)));
        self->tasks[i].model = find_model(self, i, &n_models);
    }
    return OK;
}

// ---- candidates

static void space(const struct env *env, int task, struct candidate_env_space *out)
{
    const struct tabular *self = self_of(env);
    const struct tabular_task *t = &self->tasks[task];
    *out = (struct candidate_env_space){
        .model = t->model,
        .family = 0,
        .steps = self->table.format->steps,
        .n_choices = self->n_choices,
        .position = self->positions,
        .categorical = self->categorical,
        .least = t->least,
        .budget = fmin(t->share[TABULAR_MACS], t->share[TABULAR_PARAMS]),
        .draws = t->objective.draws != OBJECTIVE_DRAWS_NOTHING,
        .whole = t->objective.range.whole,
    };
}

static bool holds(struct env *env, int task, const int16_t *steps)
{
    const struct tabular *self = self_of(env);
    const struct tabular_task *t = &self->tasks[task];
    return tabular_has(self, t, t->most, tabular_number(self->table.format, steps));
}

// What the table does not know has no cost either, and holds nowhere.
static double use(struct env *env, int task, const int16_t *steps)
{
    const struct tabular *self = self_of(env);
    const struct tabular_task *t = &self->tasks[task];
    const int number = tabular_number(self->table.format, steps);
    const bool known = !isnan(self->table.final[result_of(self, t, number)]);
    return known ? use_of(self, t, number) : (double)INFINITY;
}

static void canonical(struct env *env, int task, int16_t *steps)
{
    const struct tabular_table *table = &self_of(env)->table;
    (void)task;
    if (table->canonical != NULL) {
        tabular_steps(table->format, table->canonical[tabular_number(table->format, steps)], steps);
    }
}

static bool steps_of(struct env *env, int task, const int32_t *choice, int n, int16_t *steps)
{
    const struct tabular_format *format = self_of(env)->table.format;
    (void)task;
    if (n != format->steps) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (choice[i] < 0 || choice[i] >= format->n_operations) {
            return false;
        }
        steps[i] = (int16_t)choice[i];
    }
    return true;
}

static double value(struct env *env, int task, int64_t episode, const int16_t *steps,
                    double quality)
{
    const struct tabular *self = self_of(env);
    const struct tabular_table *table = &self->table;
    const int number = tabular_number(table->format, steps);
    struct objective objective = self->tasks[task].objective;
    struct nas_cost cost = {{0}};
    if (episode >= 0) {
        objective_of_episode(&self->tasks[task].objective, self->seed, episode, &objective);
    }
    for (int k = 0; k < TABULAR_COSTS && table->macs != NULL; k++) {
        cost.of[k] = costs_of(table, k)[number];
    }
    return objective_reward(&objective, quality, &cost);
}

// Asked again, a table says the same.
static double noise(const struct env *env)
{
    (void)env;
    return 0;
}

static void truth(const struct env *env, int task, const char **name, double *best)
{
    *name = self_of(env)->tasks[task].name;
    *best = self_of(env)->tasks[task].best;
}

static void words(const struct env *env, const int32_t *choice, int n, char *out, size_t bytes)
{
    const struct tabular_format *format = self_of(env)->table.format;
    char text[TABULAR_MOST_WORDS];
    int16_t steps[TABULAR_MOST_STEPS];
    CHECK(n == format->steps);
    for (int i = 0; i < n; i++) {
        steps[i] = (int16_t)choice[i];
    }
    format->write(steps, text);
    snprintf(out, bytes, "%s", text);
}

const struct candidate_env_ops tabular_candidate_ops = {
    .space = space,
    .use = use,
    .holds = holds,
    .canonical = canonical,
    .steps_of = steps_of,
    .value = value,
    .noise = noise,
    .truth = truth,
    .words = words,
};
