#include "experiments/report/report_run.h"

#include "core/config.h"
#include "core/file.h"
#include "core/folder_lock.h"
#include "learner/methods/method.h"

#include <string.h>

enum { MOST_TEXT_BYTES = 16 << 20 };
const char *const report_state_names[] = {
    [REPORT_GOING] = "going on",
    [REPORT_STOPPED] = "stopped before its end",
    [REPORT_SEARCHED] = "searched, not fine-tuned",
    [REPORT_DONE] = "done",
};

static const char *path_of(const struct report_run *run, struct arena *arena, const char *name)
{
    return arena_format(arena, "%s/%s", run->folder, name);
}

static enum status read_text(const char *path, struct arena *arena, const char **out)
{
    char *text;
    size_t bytes;
    if (path == NULL) {
        return ERR_MEMORY;
    }
    TRY(file_read(path, MOST_TEXT_BYTES, arena, &text, &bytes));
    *out = text;
    return OK;
}

static enum status read_config(struct arena *arena, struct report_run *run)
{
    const char *path = path_of(run, arena, "config.json");
    struct json *document;
    if (path == NULL) {
        return ERR_MEMORY;
    }
    if (!file_is_folder(run->folder) || !file_exists(path)) {
        FAIL(ERR_INPUT,
             "%s is no folder of a run: there is no %s; give one that dikdik run or dikdik search "
             "has made, such as runs/quickstart",
             run->folder, path);
    }
    TRY(read_text(path, arena, &run->config_text));
    TRY(json_parse(run->config_text, strlen(run->config_text), path, &document));
    const enum status code = config_read(document, path, run_config_table, &run->config, arena);
    json_close(document);
    TRY(code);
    run->method = methods[run->config.search.method]->name;
    const struct env_ops *environment = env_find(run->config.environment);
    if (environment == NULL) {
        FAIL(ERR_INPUT, "%s has an environment that there is not: \"%s\"", path,
             run->config.environment);
    }
    run->whole_word = environment->network != NULL ? environment->network->whole : "";
    return OK;
}

static enum status name_tasks(struct arena *arena, struct report_run *run)
{
    if (!run_config_designs(&run->config)) {
        return OK;
    }
    run->n_tasks = run->config.tasks->n;
    ARENA_NEW(arena, run->tasks, (size_t)run->n_tasks);
    for (int i = 0; i < run->n_tasks; i++) {
        const struct task_config *task = run_config_task(&run->config, i);
        char budget[96];
        run_config_budget(task, budget, sizeof budget);
        run->tasks[i] =
            (struct report_task){.name = task->name,
                                 .network = task->network,
                                 .network_index = run_config_task_network(&run->config, i),
                                 .budget = arena_copy_text(arena, budget),
                                 .baseline = {-1, -1}};
        TRY(run->tasks[i].budget != NULL ? OK : ERR_MEMORY);
    }
    return OK;
}

static enum status read_results(struct arena *arena, struct report_run *run)
{
    for (int i = 0; i < run->n_tasks; i++) {
        struct report_task *task = &run->tasks[i];
        const char *path = arena_format(arena, "%s/results/%s.json", run->folder, task->name);
        if (path == NULL) {
            return ERR_MEMORY;
        }
        if (file_exists(path)) {
            TRY(run_result_read(path, arena, &task->result));
            task->found = true;
            task->whole[CANDIDATE_MACS] = task->result.full_macs;
            task->whole[CANDIDATE_PARAMS] = task->result.full_params;
            task->whole[CANDIDATE_BYTES] = task->result.full_bytes;
        }
    }
    return OK;
}

// Of an environment that knows the truth, whose names and numbers are nowhere else.
static enum status read_truth(struct arena *arena, struct report_run *run)
{
    const char *path = path_of(run, arena, "report.json");
    struct json *document;
    if (path == NULL || !file_exists(path) || run_config_designs(&run->config)) {
        return path != NULL ? OK : ERR_MEMORY;
    }
    TRY(json_read_file(path, &document));
    const struct json *tasks = json_get(document, "tasks");
    enum status code = OK;
    for (int i = 0; tasks != NULL && i < json_count(tasks) && i < run->n_tasks; i++) {
        const struct json *name = json_get(json_at(tasks, i), "task");
        const struct json *best = json_get(json_at(tasks, i), "best_known");
        if (name != NULL && best != NULL && json_kind(name) == JSON_STRING &&
            json_kind(best) == JSON_NUMBER) {
            run->tasks[i].name = arena_copy_text(arena, json_string(name));
            run->tasks[i].truth = true;
            run->tasks[i].best_known = json_number(best);
            code = run->tasks[i].name != NULL ? code : ERR_MEMORY;
        }
    }
    json_close(document);
    return code;
}

static enum status read_small_files(struct arena *arena, struct report_run *run)
{
    const char *numerics = path_of(run, arena, "numerics.txt");
    const char *times = path_of(run, arena, "times.json");
    const char *starts = path_of(run, arena, "starts.jsonl");
    run->numerics = "";
    if (numerics == NULL || times == NULL || starts == NULL) {
        return ERR_MEMORY;
    }
    if (file_exists(numerics)) {
        TRY(read_text(numerics, arena, &run->numerics));
    }
    TRY(run_times_read(times, &run->times));
    return run_starts_read(starts, arena, &run->starts, &run->n_starts);
}

static enum status find_state(bool own, struct arena *arena, struct report_run *run)
{
    bool held = false, found = run->n_tasks > 0, tested = run->n_tasks > 0;
    const char *report = path_of(run, arena, "report.json");
    TRY(report != NULL ? OK : ERR_MEMORY);
    if (!own) {
        TRY(folder_lock_is_held(run->folder, &held));
    }
    for (int i = 0; i < run->n_tasks; i++) {
        found = found && run->tasks[i].found;
        tested = tested && run->tasks[i].found && run->tasks[i].result.tested;
    }
    if (!run_config_designs(&run->config)) {
        found = tested = own || file_exists(report);
    }
    run->state = held     ? REPORT_GOING
                 : tested ? REPORT_DONE
                 : found  ? REPORT_SEARCHED
                          : REPORT_STOPPED;
    return OK;
}

enum status report_run_read(const char *folder, bool own, struct arena *arena,
                            struct report_run *out)
{
    *out = (struct report_run){.folder = folder, .latency_on = ""};
    TRY(read_config(arena, out));
    TRY(name_tasks(arena, out));
    TRY(read_small_files(arena, out));
    TRY(read_results(arena, out));
    const char *rows = path_of(out, arena, "run.h5");
    TRY(rows != NULL ? OK : ERR_MEMORY);
    if (file_exists(rows)) {
        TRY(report_rows_read(rows, arena, out));
    }
    TRY(read_truth(arena, out));
    TRY(find_state(own, arena, out));
    return report_decisions_read(arena, out);
}
