#include "experiments/report/report_latency.h"

#include "core/config.h"
#include "core/file.h"
#include "core/log.h"
#include "core/machine.h"
#include "deploy/network_timing.h"

#include <stddef.h>
#include <string.h>

// A task's latency as it is kept, with what it is of.
struct kept {
    const char *task;
    int64_t full_macs, full_params, macs, params;
    struct report_latency latency;
};
struct kept_file {
    const char *processor, *backend;
    int threads;
    const struct object_list *tasks; // struct kept
};
#define AT(field) .offset = offsetof(struct kept, field)
static const struct option kept_table[] = {
    {"task", "", OPTION_STRING, AT(task)},
    {"full_macs", "", OPTION_INT64, AT(full_macs)},
    {"full_params", "", OPTION_INT64, AT(full_params)},
    {"macs", "", OPTION_INT64, AT(macs)},
    {"params", "", OPTION_INT64, AT(params)},
    {"before_ms", "", OPTION_DOUBLE, AT(latency.before_ms)},
    {"before_p90_ms", "", OPTION_DOUBLE, AT(latency.before_p90_ms)},
    {"ms", "", OPTION_DOUBLE, AT(latency.ms)},
    {"p90_ms", "", OPTION_DOUBLE, AT(latency.p90_ms)},
    {"ratio", "", OPTION_DOUBLE, AT(latency.ratio)},
    {"ratio_error", "", OPTION_DOUBLE, AT(latency.ratio_error)},
    {"difference", "", OPTION_DOUBLE, AT(latency.difference)},
    {.key = NULL},
};
#undef AT
#define AT(field) .offset = offsetof(struct kept_file, field)
static const struct option file_table[] = {
    {"processor", "", OPTION_STRING, AT(processor)},
    {"backend", "", OPTION_STRING, AT(backend)},
    {"threads", "", OPTION_INT, AT(threads)},
    {"tasks", "", OPTION_LIST, AT(tasks), .table = kept_table,
     .element_bytes = sizeof(struct kept)},
    {.key = NULL},
};
#undef AT

static const char *const backend_name = "cpu";

static bool is_of(const struct kept *kept, const struct report_task *task)
{
    const struct run_result *result = &task->result;
    return strcmp(kept->task, task->name) == 0 && kept->full_macs == result->full_macs &&
           kept->full_params == result->full_params && kept->macs == result->macs &&
           kept->params == result->params;
}

// Whether all of it is of these networks on such a machine.
static bool take_kept(const struct kept_file *file, struct report_run *run)
{
    bool all = strcmp(file->processor, machine_processor()) == 0 &&
               strcmp(file->backend, backend_name) == 0 && file->threads == machine_cores() &&
               file->tasks->n == run->n_tasks;
    for (int i = 0; all && i < run->n_tasks; i++) {
        const struct kept *kept = option_list_at(file->tasks, i);
        all = is_of(kept, &run->tasks[i]);
        run->tasks[i].latency = kept->latency;
    }
    return all;
}

static bool read_kept(const char *path, struct arena *arena, struct report_run *run)
{
    struct json *document = NULL;
    struct kept_file file;
    if (!file_exists(path)) {
        return false;
    }
    enum status code = json_read_file(path, &document);
    if (code == OK) {
        code = config_read(document, path, file_table, &file, arena);
    }
    json_close(document);
    if (code != OK) {
        log_warning("%s; latencies are measured again", status_message());
        return false;
    }
    return take_kept(&file, run);
}

static enum status write_kept(const char *path, const struct report_run *run)
{
    struct arena arena = {0};
    struct text text = {0};
    struct kept *tasks = arena_alloc(&arena, (size_t)run->n_tasks, sizeof *tasks);
    const struct object_list list = {.n = run->n_tasks, .stride = sizeof *tasks, .values = tasks};
    const struct kept_file file = {.processor = machine_processor(),
                                   .backend = backend_name,
                                   .threads = machine_cores(),
                                   .tasks = &list};
    enum status code = tasks != NULL ? OK : ERR_MEMORY;
    for (int i = 0; code == OK && i < run->n_tasks; i++) {
        const struct run_result *result = &run->tasks[i].result;
        tasks[i] = (struct kept){run->tasks[i].name, result->full_macs, result->full_params,
                                 result->macs,       result->params,    run->tasks[i].latency};
    }
    if (code == OK) {
        code = config_text(file_table, &file, &text);
    }
    if (code == OK) {
        code = file_write(path, text.bytes, text.length);
    }
    text_close(&text);
    arena_close(&arena);
    return code;
}

// ---- measuring

static enum status load_whole(const struct report_run *run, int network, struct arena *arena,
                              struct network *out)
{
    const char *name = run_config_network(&run->config, network)->name;
    const char *largest =
        arena_format(arena, "%s/networks/%s.largest.safetensors", run->folder, name);
    const char *plain = arena_format(arena, "%s/networks/%s.safetensors", run->folder, name);
    TRY(largest != NULL && plain != NULL ? OK : ERR_MEMORY);
    return network_load(file_exists(largest) ? largest : plain, NULL, out);
}

static enum status load_final(const struct report_run *run, const struct report_task *task,
                              struct arena *arena, struct network *out)
{
    const char *path = arena_format(arena, "%s/final/%s.safetensors", run->folder, task->name);
    TRY(path != NULL ? OK : ERR_MEMORY);
    return network_load(path, NULL, out);
}

// A task's network in turn with the uncut one.
static enum status time_task(struct backend *backend, double seconds, const struct report_run *run,
                             struct report_task *task)
{
    const struct timing_options options = {.batch = 1, .seconds = seconds};
    struct network networks[2] = {0};
    const struct timed_network timed[2] = {{&networks[0], NULL}, {&networks[1], NULL}};
    struct latency_result results[2];
    struct arena arena = {0};
    double difference = 0;
    enum status code = load_whole(run, task->network_index, &arena, &networks[0]);
    if (code == OK) {
        code = load_final(run, task, &arena, &networks[1]);
    }
    if (code == OK) {
        code = network_timing(backend, timed, 2, &options, results, &difference);
    }
    if (code == OK) {
        task->latency = (struct report_latency){.before_ms = 1e3 * results[0].median_s,
                                                .before_p90_ms = 1e3 * results[0].p90_s,
                                                .ms = 1e3 * results[1].median_s,
                                                .p90_ms = 1e3 * results[1].p90_s,
                                                .ratio = results[1].ratio,
                                                .ratio_error = results[1].ratio_error,
                                                .difference = difference};
    }
    network_close(&networks[0]);
    network_close(&networks[1]);
    arena_close(&arena);
    return code;
}

static enum status time_tasks(double seconds, struct report_run *run)
{
    const struct backend_config config = {.name = backend_name, .device = -1};
    struct backend *backend = NULL;
    struct progress progress;
    TRY(load_backend(&config, 0, 1, &backend));
    enum status code = OK;
    progress_begin(&progress, "latency", "networks", run->n_tasks);
    for (int i = 0; code == OK && i < run->n_tasks; i++) {
        code = time_task(backend, seconds, run, &run->tasks[i]);
        progress_update(&progress, i + 1, "%s", run->tasks[i].name);
    }
    progress_end(&progress);
    backend_close(backend);
    return code;
}

enum status report_latency_find(double seconds, struct arena *arena, struct report_run *run)
{
    const char *path = arena_format(arena, "%s/latency.json", run->folder);
    TRY(path != NULL ? OK : ERR_MEMORY);
    if (run->state != REPORT_DONE || !run_config_designs(&run->config)) {
        return OK;
    }
    if (!read_kept(path, arena, run)) {
        const enum status code = seconds > 0 ? time_tasks(seconds, run) : OK;
        if (code == ERR_INTERRUPTED || code == ERR_MEMORY) {
            return code;
        }
        if (code != OK) {
            log_warning("%s: latencies are not in the report: %s", run->folder, status_message());
        }
        if (code != OK || seconds <= 0) {
            return OK;
        }
        if (write_kept(path, run) != OK) {
            log_warning("%s; the latencies are in this report alone", status_message());
        }
    }
    for (int i = 0; i < run->n_tasks; i++) {
        run->tasks[i].timed = true;
    }
    run->latency_on = arena_format(arena, "%s, %s, %d threads", machine_processor(), backend_name,
                                   machine_cores());
    return run->latency_on != NULL ? OK : ERR_MEMORY;
}
