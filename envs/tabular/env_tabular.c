// Episodes that look up what somebody else has trained: an operation per step, the result at once.
#include "core/rng.h"
#include "envs/candidate_env.h"
#include "envs/small.h"
#include "envs/tabular/tabular.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const tables[] = {
#define X(id, name, text) text,
    TABULAR_FORMAT_LIST(X)
#undef X
        NULL};
static const char *const searches[] = {
    [TABULAR_ON_PROXY] = "proxy", [TABULAR_ON_FINAL] = "final", NULL};
static const char *const rewards[] = {
    [TABULAR_REWARD_ACCURACY] = "accuracy", [TABULAR_REWARD_ERROR] = "error", NULL};

#define TASK_AT(field) .offset = offsetof(struct tabular_task_options, field)
static const struct option task_table[] = {
    {"data", "data set of the table, such as cifar100; may be left out where it has only one",
     OPTION_STRING, TASK_AT(data)},
    {"macs",
     "most multiply-adds: a share of the largest network's up to 1, else a number; 0 = no limit",
     OPTION_DOUBLE, TASK_AT(macs), .fallback = 0, .least = 0, .most = 1e15},
    {"params", "most parameters, likewise", OPTION_DOUBLE, TASK_AT(params), .fallback = 0,
     .least = 0, .most = 1e15},
    {"objective", "what is rewarded beside accuracy", OPTION_OBJECT, TASK_AT(objective),
     .table = objective_option_table},
    {.key = NULL},
};
#define AT(field) .offset = offsetof(struct tabular_options, field)
const struct option tabular_option_table[] = {
    {"table", "of known results", OPTION_CHOICE, AT(table), .choices = tables},
    {"search_on",
     "what a search sees of a candidate: proxy: validation accuracy after 12 epochs "
     "(nasbench201), or the first seed's accuracy (nasbench-macro); final: what is reported, test "
     "accuracy after 200 epochs, or the mean of three seeds",
     OPTION_CHOICE, AT(search_on), .choices = searches},
    {"reward",
     "accuracy: as it is; error: minus the logarithm of the error, which lets differences between "
     "good candidates count and those between bad ones less",
     OPTION_CHOICE, AT(reward), .fallback_text = "error", .choices = rewards},
    {"path", "folder of the table's files; empty: nasbench201 or nasbenchmacro in $DIKDIK_DATA",
     OPTION_STRING, AT(path)},
    {"tasks", "data set and budget of each; none: all data sets of the table, without a budget",
     OPTION_LIST, AT(tasks), .table = task_table,
     .element_bytes = sizeof(struct tabular_task_options)},
    {.key = NULL},
};

enum { FEATURES = 5 };
// A step's operations lie evenly on the action axis, 0 left out: they mean nothing there.
static float place(int i, int n)
{
    return (float)(i + 1) / (float)n;
}

// ---- opening

static enum status open_steps(struct tabular *self)
{
    const struct tabular_format *format = self->table.format;
    const size_t steps = (size_t)format->steps, n = (size_t)format->n_operations;
    ARENA_NEW(&self->arena, self->n_choices, steps);
    ARENA_NEW(&self->arena, self->position, n);
    ARENA_NEW(&self->arena, self->positions, steps);
    ARENA_NEW(&self->arena, self->categorical, steps);
    for (int i = 0; i < format->n_operations; i++) {
        self->position[i] = place(i, format->n_operations);
    }
    for (int i = 0; i < format->steps; i++) {
        self->n_choices[i] = format->n_operations;
        self->positions[i] = self->position;
        self->categorical[i] = true;
    }
    return OK;
}

static enum status open_parts(struct tabular *self, const struct env_job *job)
{
    const struct tabular_options *options = self->options;
    TRY(tabular_table_read(options->table, options->path, &self->arena, &self->table));
    CHECK(self->table.format->steps <= TABULAR_MOST_STEPS);
    TRY(open_steps(self));
    TRY(tabular_open_tasks(self));
    ARENA_NEW(&self->arena, self->episodes, (size_t)small_slots(job));
    return OK;
}

static void tabular_close(struct env *env)
{
    if (env != NULL) {
        struct tabular *self = (struct tabular *)env;
        arena_close(&self->arena);
        free(self);
    }
}

static enum status tabular_open(const struct env_job *job, struct env **out)
{
    struct tabular *self = calloc(1, sizeof *self);
    if (self == NULL) {
        FAIL(ERR_MEMORY, "no memory for the environment tabular");
    }
    self->base.ops = &env_tabular;
    self->options = job->config;
    self->seed = job->seed;
    const enum status code = open_parts(self, job);
    if (code != OK) {
        tabular_close(&self->base);
        return code;
    }
    *out = &self->base;
    return OK;
}

static void tabular_spec(const struct env *env, struct env_spec *out)
{
    const struct tabular *self = (const struct tabular *)env;
    const struct tabular_format *format = self->table.format;
    *out = (struct env_spec){.n_obs = format->steps * (1 + format->n_operations) + FEATURES +
                                      OBJECTIVE_FEATURES,
                             .n_choices = format->n_operations,
                             .most_steps = format->steps,
                             .n_result = format->steps,
                             .n_tasks = self->n_tasks};
}

// ---- episodes

// Whether any completion of the first `step` choices is allowed; number: of those choices.
static bool can_end(const struct tabular *self, const struct tabular_episode *episode, int step,
                    int number)
{
    const struct tabular_format *format = self->table.format;
    if (step == format->steps) {
        return tabular_has(self, &self->tasks[episode->task], episode->most, number);
    }
    for (int i = 0; i < format->n_operations; i++) {
        if (can_end(self, episode, step + 1, number * format->n_operations + i)) {
            return true;
        }
    }
    return false;
}

static void show_features(const struct tabular *self, const struct tabular_episode *episode,
                          float *out)
{
    const struct tabular_task *task = &self->tasks[episode->task];
    const struct tabular_data *data = &self->table.format->data[task->data];
    out[0] = (float)(0.5 * log10(data->classes));
    out[1] = (float)data->size / 32.0F;
    out[2] = (float)(log10(data->images) - 4.0);
    for (int k = 0; k < TABULAR_COSTS; k++) {
        out[3 + k] = (float)fmin(1.0, task->share[k] * (task->share[k] < 1 ? episode->factor : 1));
    }
    objective_features(&episode->objective, out + FEATURES);
}

// Step and choices so far, one-hot, and the task's features.
static void show(const struct tabular *self, const struct tabular_episode *episode,
                 const struct env_row *row)
{
    const struct tabular_format *format = self->table.format;
    const int n = format->n_operations;
    const size_t steps = (size_t)format->steps;
    float *chosen = row->obs + steps;
    int number = 0;
    memset(row->obs, 0, steps * (size_t)(1 + n) * sizeof *row->obs);
    row->obs[episode->step] = 1.0F;
    for (int i = 0; i < episode->step; i++) {
        chosen[episode->steps[i]] = 1.0F;
        chosen += n;
        number = number * n + episode->steps[i];
    }
    show_features(self, episode, row->obs + steps * (size_t)(1 + n));
    *row->choices = n;
    *row->categorical = 1;
    for (int i = 0; i < n; i++) {
        row->position[i] = self->position[i];
        row->legal[i] = can_end(self, episode, episode->step + 1, number * n + i);
    }
}

static int64_t scaled(int64_t most, double factor)
{
    const double limit = (double)most * factor;
    return most == INT64_MAX || limit >= 0x1p62 ? most : (int64_t)limit;
}

static enum status tabular_reset(struct env *env, int slot, const struct env_start *start,
                                 const struct env_row *row)
{
    struct tabular *self = (struct tabular *)env;
    struct tabular_episode *episode = &self->episodes[slot];
    const struct tabular_task *task = &self->tasks[start->task];
    *episode =
        (struct tabular_episode){.task = start->task, .imagined = start->imagined, .factor = 1};
    memcpy(episode->most, task->most, sizeof episode->most);
    objective_of_episode(&task->objective, self->seed, start->episode, &episode->objective);
    if (start->budget > 0) {
        for (int k = 0; k < TABULAR_COSTS; k++) {
            episode->most[k] = scaled(task->most[k], start->budget);
        }
        episode->factor = start->budget;
        if (!can_end(self, episode, 0, 0)) { // nothing is so small: the task's own limits
            memcpy(episode->most, task->most, sizeof episode->most);
            episode->factor = 1;
        }
    }
    show(self, episode, row);
    return OK;
}

static double found_accuracy(const struct tabular *self, const struct tabular_episode *episode)
{
    const struct tabular_table *table = &self->table;
    const double *of = self->options->search_on == TABULAR_ON_PROXY ? table->proxy : table->final;
    const int number = tabular_number(table->format, episode->steps);
    return of[(size_t)self->tasks[episode->task].data * (size_t)table->n + (size_t)number];
}

static void finish(const struct tabular *self, struct tabular_episode *episode)
{
    const struct tabular_table *table = &self->table;
    if (table->canonical != NULL) {
        const int number = tabular_number(table->format, episode->steps);
        tabular_steps(table->format, table->canonical[number], episode->steps);
    }
    for (int i = 0; i < table->format->steps; i++) {
        episode->result[i] = episode->steps[i];
    }
}

// A result of 100 % would be worth no more than one of 99.9 %.
static const double least_error = 1e-3;

static double reward_by(const struct tabular *self, const struct tabular_episode *episode,
                        const struct objective *objective)
{
    const struct tabular_table *table = &self->table;
    const size_t number = (size_t)tabular_number(table->format, episode->steps);
    const double accuracy = found_accuracy(self, episode);
    const bool by_error = self->options->reward == TABULAR_REWARD_ERROR;
    const struct nas_cost cost = {
        .of = {[COST_MACS] = table->macs != NULL ? table->macs[number] : 0,
               [COST_PARAMS] = table->params != NULL ? table->params[number] : 0}};
    return objective_reward(objective,
                            by_error ? -log(fmax(1.0 - accuracy, least_error)) : accuracy, &cost);
}

static enum status tabular_step(struct env *env, int slot, int choice, const struct env_row *row,
                                float *reward, enum env_end *end)
{
    struct tabular *self = (struct tabular *)env;
    struct tabular_episode *episode = &self->episodes[slot];
    const struct tabular_format *format = self->table.format;
    CHECK(choice >= 0 && choice < format->n_operations && episode->step < format->steps);
    episode->steps[episode->step++] = (int16_t)choice;
    *reward = 0.0F;
    *end = episode->step < format->steps ? ENV_RUNNING : ENV_TERMINATED;
    if (*end == ENV_RUNNING) {
        show(self, episode, row);
        return OK;
    }
    finish(self, episode);
    *reward = episode->imagined ? 0.0F : (float)reward_by(self, episode, &episode->objective);
    return OK;
}

static void tabular_outcome(const struct env *env, int slot, struct env_outcome *out)
{
    const struct tabular *self = (const struct tabular *)env;
    const struct tabular_table *table = &self->table;
    const struct tabular_episode *episode = &self->episodes[slot];
    const size_t number = (size_t)tabular_number(table->format, episode->steps);
    const struct tabular_task *task = &self->tasks[episode->task];
    const size_t at = (size_t)task->data * (size_t)table->n + number;
    const bool other = !episode->imagined && task->objective.draws != OBJECTIVE_DRAWS_NOTHING;
    *out = (struct env_outcome){
        .score = episode->imagined ? 0.0 : table->final[at],
        .off_task = other ? reward_by(self, episode, &episode->objective) -
                                reward_by(self, episode, &task->objective)
                          : 0.0,
        .macs = table->macs != NULL ? table->macs[number] : 0,
        .params = table->params != NULL ? table->params[number] : 0,
        .n_result = table->format->steps,
        .result = episode->result,
    };
}

const struct env_ops env_tabular = {
    .name = "tabular",
    .about = "networks that somebody has trained already: results are looked up in a table",
    .options = tabular_option_table,
    .options_bytes = sizeof(struct tabular_options),
    .open = tabular_open,
    .spec = tabular_spec,
    .reset = tabular_reset,
    .step = tabular_step,
    .outcome = tabular_outcome,
    .close = tabular_close,
    .candidates = &tabular_candidate_ops,
};
