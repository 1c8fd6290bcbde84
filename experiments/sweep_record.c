// Records of runs.
#include "experiments/sweep_record.h"

#include "core/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const sweep_state_names[] = {[SWEEP_WAITING] = "waiting",
                                         [SWEEP_DONE] = "done",
                                         [SWEEP_FAILED] = "failed",
                                         [SWEEP_STOPPED] = "stopped",
                                         NULL};

static enum status record_path(const struct sweep_plan *plan, const struct sweep_run *run,
                               int evaluations, char out[4096])
{
    char name[512], rung[24] = "";
    if (evaluations > 0) {
        snprintf(rung, sizeof rung, ".e%d", evaluations);
    }
    snprintf(name, sizeof name, "results/%s%s.json", run->label, rung);
    return file_join(out, 4096, plan->folder, name);
}

static double number_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return value != NULL && json_kind(value) == JSON_NUMBER ? json_number(value) : (double)NAN;
}

static const char *string_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return value != NULL && json_kind(value) == JSON_STRING ? json_string(value) : "";
}

static enum status read_tasks(const struct json *tasks, struct arena *arena,
                              struct sweep_record *out)
{
    out->n_tasks = tasks != NULL && json_kind(tasks) == JSON_ARRAY ? json_count(tasks) : 0;
    ARENA_NEW(arena, out->tasks, (size_t)out->n_tasks);
    ARENA_NEW(arena, out->figures, (size_t)out->n_tasks * FIGURE_COUNT);
    for (int t = 0; t < out->n_tasks; t++) {
        const struct json *task = json_at(tasks, t);
        out->tasks[t] = arena_copy_text(arena, string_of(task, "task"));
        TRY(out->tasks[t] != NULL ? OK : ERR_MEMORY);
        for (int figure = 0; figure < FIGURE_COUNT; figure++) {
            out->figures[t * FIGURE_COUNT + figure] = number_of(task, sweep_figure_names[figure]);
        }
    }
    return OK;
}

static enum status take_record(const struct json *document, const char *path, struct arena *arena,
                               struct sweep_record *out)
{
    const char *state = string_of(document, "state");
    const bool done = strcmp(state, sweep_state_names[SWEEP_DONE]) == 0;
    if (!done && strcmp(state, sweep_state_names[SWEEP_FAILED]) != 0) {
        FAIL(ERR_INPUT,
             "%s: expected \"state\": \"done\" or \"failed\", got \"%s\"; remove the "
             "file to have the run looked at again",
             path, state);
    }
    out->state = done ? SWEEP_DONE : SWEEP_FAILED;
    out->reason = arena_copy_text(arena, string_of(document, "reason"));
    out->identity = arena_copy_text(arena, string_of(document, "identity"));
    const double evaluations = number_of(document, "evaluations");
    out->evaluations = isfinite(evaluations) ? (int64_t)evaluations : 0;
    TRY(out->reason != NULL && out->identity != NULL ? OK : ERR_MEMORY);
    return read_tasks(json_get(document, "tasks"), arena, out);
}

enum status sweep_record_read(const struct sweep_plan *plan, const struct sweep_run *run,
                              int evaluations, struct arena *arena, struct sweep_record *out)
{
    char path[4096];
    struct json *document;
    *out = (struct sweep_record){.state = SWEEP_WAITING, .reason = "", .identity = ""};
    TRY(record_path(plan, run, evaluations, path));
    if (!file_exists(path)) {
        return OK;
    }
    TRY(json_read_file(path, &document));
    const enum status code = take_record(document, path, arena, out);
    json_close(document);
    return code;
}

static void write_task(const struct json *task, int number, struct json_writer *writer)
{
    char name[32];
    const bool plain = json_kind(task) == JSON_NUMBER; // an environment's bare score
    snprintf(name, sizeof name, "%d", number);
    json_write_begin(writer, '{', NULL);
    json_write_string(writer, "task", plain ? name : string_of(task, "task"));
    for (int figure = 0; figure < FIGURE_COUNT; figure++) {
        const char *key = sweep_figure_names[figure];
        const double value = !plain                   ? number_of(task, key)
                             : figure == FIGURE_SCORE ? json_number(task)
                                                      : (double)NAN;
        if (isfinite(value)) {
            json_write_double(writer, key, value);
        }
    }
    json_write_end(writer, '}');
}

static void begin_record(const struct sweep_run *run, enum sweep_state state, const char *reason,
                         struct json_writer *writer)
{
    json_write_begin(writer, '{', NULL);
    json_write_string(writer, "run", run->label);
    json_write_string(writer, "state", sweep_state_names[state]);
    json_write_string(writer, "reason", reason);
    json_write_string(writer, "identity", run->identity);
}

static enum status end_record(const struct sweep_plan *plan, const struct sweep_run *run,
                              int evaluations, struct json_writer *writer)
{
    char path[4096];
    json_write_end(writer, '}');
    enum status code = writer->out->failed ? ERR_MEMORY : OK;
    if (code == OK) {
        code = record_path(plan, run, evaluations, path);
    }
    if (code == OK) {
        code = file_write(path, writer->out->bytes, writer->out->length);
    }
    text_close(writer->out);
    return code;
}

enum status sweep_record_done(const struct sweep_plan *plan, const struct sweep_run *run,
                              int evaluations)
{
    char path[4096];
    struct json *report;
    TRY(file_join(path, sizeof path, run->folder, "report.json"));
    TRY(json_read_file(path, &report));
    struct text text = {0};
    struct json_writer writer = {.out = &text, .pretty = true};
    const struct json *tasks = json_get(report, "tasks"), *scores = json_get(report, "scores");
    // An environment without tasks of its own has bare scores.
    const struct json *of = tasks != NULL && json_count(tasks) > 0 ? tasks : scores;
    const struct json *search = json_get(report, "search");
    begin_record(run, SWEEP_DONE, "", &writer);
    const double tried = search != NULL ? number_of(search, "evaluations") : 0;
    json_write_int(&writer, "evaluations", isfinite(tried) ? (int64_t)tried : 0);
    json_write_begin(&writer, '[', "tasks");
    for (int t = 0; of != NULL && json_kind(of) == JSON_ARRAY && t < json_count(of); t++) {
        write_task(json_at(of, t), t, &writer);
    }
    json_write_end(&writer, ']');
    json_close(report);
    return end_record(plan, run, evaluations, &writer);
}

enum status sweep_record_failed(const struct sweep_plan *plan, const struct sweep_run *run,
                                int evaluations, const char *reason)
{
    struct text text = {0};
    struct json_writer writer = {.out = &text, .pretty = true};
    begin_record(run, SWEEP_FAILED, reason, &writer);
    return end_record(plan, run, evaluations, &writer);
}
