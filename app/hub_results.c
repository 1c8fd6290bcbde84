// From a network's place in a run folder to results/TASK.json and config.json.
#include "app/hub_results.h"

#include "core/config.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "search_space/cost.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// Takes the last part off a path, which ends before it then; "" when there is none.
static const char *cut_last(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return "";
    }
    *slash = '\0';
    return slash + 1;
}

static enum status read_config(const char *run, struct arena *arena, struct run_config *out)
{
    char path[PATH_MAX];
    struct json *document;
    TRY(file_join(path, sizeof path, run, "config.json"));
    TRY(json_read_file(path, &document));
    const enum status code = config_read(document, path, run_config_table, out, arena);
    json_close(document);
    return code;
}

static enum status read_run(const char *run, struct arena *arena, struct hub_results *out)
{
    const char *path = arena_format(arena, "%s/results/%s.json", run, out->task);
    TRY(path != NULL ? OK : ERR_MEMORY);
    TRY(run_result_read(path, arena, &out->result));
    TRY(read_config(run, arena, &out->config));
    for (int i = 0; i < out->config.tasks->n; i++) {
        const struct task_config *task = run_config_task(&out->config, i);
        if (strcmp(task->name, out->task) == 0) {
            run_config_budget(task, out->budget, sizeof out->budget);
        }
    }
    return run_config_identity(&out->config, SHAPES_FINETUNE, &out->shapes);
}

enum status hub_results_find(const char *file, const struct network *network, struct arena *arena,
                             struct hub_results *out)
{
    char run[PATH_MAX];
    *out = (struct hub_results){.known = false};
    if (realpath(file, run) == NULL) {
        return OK; // it was read a moment ago; nothing is lost without results
    }
    char *task = arena_copy_text(arena, cut_last(run));
    TRY(task != NULL ? OK : ERR_MEMORY);
    char *dot = strrchr(task, '.');
    const char *folder = cut_last(run);
    out->final = strcmp(folder, "final") == 0;
    if (dot == NULL || (!out->final && strcmp(folder, "found") != 0)) {
        return OK;
    }
    *dot = '\0';
    out->task = task;
    const enum status code = read_run(run, arena, out);
    if (code == ERR_MEMORY) {
        return code;
    }
    const struct network_cost cost = cost_of_graph(&network->graph);
    out->known = code == OK && out->result.macs == cost.macs && out->result.params == cost.params &&
                 (out->result.tested || !out->final);
    if (code != OK) {
        log_warning("the model card has no results: %s", status_message());
    } else if (!out->known) {
        log_warning("the model card has no results: %s/results/%s.json is about another network",
                    run, task);
    }
    return OK;
}

void hub_results_close(struct hub_results *results)
{
    text_close(&results->shapes);
}
