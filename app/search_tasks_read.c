#include "app/search_tasks_read.h"

#include "app/search_config_read.h"
#include "core/config.h"
#include "core/option_word.h"
#include "envs/env_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Where costs are weighed against accuracy, a budget besides is not needed.
static bool weighs_costs(const struct run_config *config, const struct task_config *task)
{
    bool weighs = false;
    for (int k = 0; k < COST_KINDS; k++) {
        weighs = weighs || task->objective.weight[k] > 0;
    }
    return weighs && env_kind_find(config->environment) == ENV_NAS;
}

static enum status fill_task(const struct run_config *config, int i, struct task_config *task,
                             struct arena *arena)
{
    if (task->network[0] == '\0' && config->networks->n == 1) {
        task->network = run_config_network(config, 0)->name;
    }
    int kind = 0;
    while (kind < COST_KINDS && task->budget[kind] <= 0) {
        kind++;
    }
    if (kind == COST_KINDS && !weighs_costs(config, task)) {
        FAIL(ERR_CONFIG, "tasks[%d]: expected a budget, macs, params or bytes above 0", i);
    }
    if (task->name[0] == '\0' && kind == COST_KINDS) {
        task->name = task->network;
    } else if (task->name[0] == '\0') {
        task->name =
            arena_format(arena, "%s-%s%g", task->network, cost_names[kind], task->budget[kind]);
        if (task->name == NULL) {
            return ERR_MEMORY;
        }
    }
    char where[64];
    snprintf(where, sizeof where, "tasks[%d].name", i);
    return search_check_word(where, task->name);
}

static enum status resolve_tasks(struct run_config *config, struct arena *arena)
{
    const int n = config->tasks->n;
    struct task_config *tasks;
    struct object_list *list;
    ARENA_NEW(arena, tasks, (size_t)n);
    ARENA_NEW(arena, list, 1);
    for (int i = 0; i < n; i++) {
        tasks[i] = *run_config_task(config, i);
        TRY(fill_task(config, i, &tasks[i], arena));
        for (int j = 0; j < i; j++) {
            if (strcmp(tasks[j].name, tasks[i].name) == 0) {
                FAIL(ERR_CONFIG,
                     "tasks[%d] and tasks[%d] are both called \"%s\"; give one of them "
                     "another name",
                     j, i, tasks[i].name);
            }
        }
    }
    *list = (struct object_list){.n = n, .stride = sizeof *tasks, .values = tasks};
    config->tasks = list;
    for (int i = 0; i < n; i++) {
        if (run_config_task_network(config, i) < 0) {
            FAIL(ERR_CONFIG, "tasks[%d].network: there is no network \"%s\" in networks", i,
                 tasks[i].network);
        }
    }
    return OK;
}

static enum status refuse_task(const char *word)
{
    FAIL(ERR_CONFIG,
         "--task: expected the name of a task, or NETWORK:ROW=VALUE with rows of a task such as "
         "macs, params, bytes or objective.macs, as in NETWORK:macs=0.5:bytes=100000, got \"%s\"",
         word);
}

// Such as macs=0.38 or objective.form=linear.
static enum status set_row(struct json *task, const char *row)
{
    const char *equals = strchr(row, '=');
    if (equals == NULL || equals == row || equals[1] == '\0') {
        return refuse_task(row);
    }
    char *end;
    (void)strtod(equals + 1, &end);
    struct text path = {0}, value = {0};
    text_add(&path, "%.*s", (int)(equals - row), row);
    option_word_to_json(*end == '\0' ? OPTION_DOUBLE : OPTION_STRING, equals + 1, &value);
    enum status code = path.failed || value.failed ? ERR_MEMORY : OK;
    if (code == OK) {
        code = json_set_path(task, path.bytes, value.bytes);
    }
    text_close(&path);
    text_close(&value);
    return code;
}

// NETWORK:ROW=VALUE:ROW=VALUE, `rest` behind the first colon.
static enum status read_task(const char *network, char *rest, struct arena *arena,
                             struct task_config *out)
{
    struct json *task;
    TRY(json_parse("{}", 2, "--task", &task));
    enum status code = OK;
    for (char *row; code == OK && (row = strtok_r(NULL, ":", &rest)) != NULL;) {
        code = set_row(task, row);
    }
    if (code == OK) {
        code = config_read(task, "--task", run_task_table, out, arena);
    }
    json_close(task);
    if (code == OK && out->network[0] != '\0') {
        FAIL(ERR_CONFIG, "--task %s: the network stands before the first colon, not in a row",
             network);
    }
    out->network = network;
    return code;
}

static enum status choose_task(const struct run_config *config, char *word, struct arena *arena,
                               struct task_config *out)
{
    for (int i = 0; i < config->tasks->n; i++) {
        if (strcmp(run_config_task(config, i)->name, word) == 0) {
            *out = *run_config_task(config, i);
            return OK;
        }
    }
    char *rest = NULL;
    const char *network = strtok_r(word, ":", &rest);
    if (network == NULL || rest[0] == '\0') {
        return refuse_task(word);
    }
    return read_task(network, rest, arena, out);
}

enum status search_tasks_resolve(struct run_config *config, struct arena *arena)
{
    TRY(resolve_tasks(config, arena));
    if (config->only[0] == '\0') {
        return OK;
    }
    char *words = arena_copy_text(arena, config->only);
    struct task_config *tasks;
    struct object_list *list;
    int n = 0;
    if (words == NULL) {
        return ERR_MEMORY;
    }
    ARENA_NEW(arena, tasks, strlen(words) + 1);
    ARENA_NEW(arena, list, 1);
    char *rest = NULL;
    for (char *word = strtok_r(words, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        TRY(choose_task(config, word, arena, &tasks[n++]));
    }
    *list = (struct object_list){.n = n, .stride = sizeof *tasks, .values = tasks};
    config->tasks = list;
    return resolve_tasks(config, arena);
}
