#include "run/run_experience.h"

#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "learner/run_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 8192 };

struct earlier_run {
    const char *dir; // borrowed
    char log[4096];
    struct json *config, *own; // the earlier one and this one
    int *task_of;              // [its tasks] a task of this run with the same network; -1: none
    int n_tasks;
};

static void close_earlier(struct earlier_run *run)
{
    json_close(run->config);
    json_close(run->own);
    free(run->task_of);
}

// Numbers and options that every reward depends on.
static bool scores_alike(const struct earlier_run *run)
{
    static const char *const shared[] = {"seed", "environment", "space", "scoring"};
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        const struct json *theirs = json_get(run->config, shared[i]);
        const struct json *ours = json_get(run->own, shared[i]);
        if (theirs == NULL || ours == NULL || !json_same(theirs, ours)) {
            log_info("--policy: candidates of its run are not taken over: \"%s\" differs there",
                     shared[i]);
            return false;
        }
    }
    return true;
}

static const struct json *find_network(const struct json *config, const char *name)
{
    const struct json *networks = json_get(config, "networks");
    for (int i = 0; networks != NULL && i < json_count(networks); i++) {
        const struct json *own = json_get(json_at(networks, i), "name");
        if (own != NULL && json_kind(own) == JSON_STRING && strcmp(json_string(own), name) == 0) {
            return json_at(networks, i);
        }
    }
    return NULL;
}

static const struct json *network_of_task(const struct json *config, int task)
{
    const struct json *network = json_get(json_at(json_get(config, "tasks"), task), "network");
    return network != NULL && json_kind(network) == JSON_STRING
               ? find_network(config, json_string(network))
               : NULL;
}

static const char *string_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return value != NULL && json_kind(value) == JSON_STRING ? json_string(value) : "";
}

// The same weights: of one file, or those that lie in the earlier run's folder.
static bool weights_same(const struct earlier_run *run, const struct json *theirs,
                         const struct json *ours)
{
    const char *now = string_of(ours, "weights");
    char trained[4096];
    if (strcmp(string_of(theirs, "weights"), now) == 0) {
        return true;
    }
    const int length = snprintf(trained, sizeof trained, "%s/networks/%s.safetensors", run->dir,
                                string_of(theirs, "name"));
    return length < (int)sizeof trained && strcmp(trained, now) == 0;
}

static bool networks_same(const struct earlier_run *run, const struct json *theirs,
                          const struct json *ours)
{
    bool same = json_count(theirs) == json_count(ours);
    for (int i = 0; i < json_count(theirs) && same; i++) {
        const struct json *member = json_at(theirs, i), *other = json_get(ours, json_key(member));
        same = strcmp(json_key(member), "name") == 0 || strcmp(json_key(member), "weights") == 0 ||
               (other != NULL && json_same(member, other));
    }
    return same && weights_same(run, theirs, ours);
}

static int match_task(const struct earlier_run *run, int task, int n_own)
{
    const struct json *theirs = network_of_task(run->config, task);
    for (int own = 0; theirs != NULL && own < n_own; own++) {
        const struct json *ours = network_of_task(run->own, own);
        if (ours != NULL && networks_same(run, theirs, ours)) {
            return own;
        }
    }
    return -1;
}

static enum status open_earlier(const struct run_config *config, const char *run_dir,
                                struct earlier_run *out)
{
    char path[4096];
    struct text own = {0};
    *out = (struct earlier_run){.dir = run_dir};
    TRY(file_join(path, sizeof path, run_dir, "config.json"));
    TRY(file_join(out->log, sizeof out->log, run_dir, "run.h5"));
    TRY(run_config_text(config, &own));
    enum status status = json_parse(own.bytes, own.length, "this run's config", &out->own);
    text_close(&own);
    if (status == OK) {
        status = json_read_file(path, &out->config);
    }
    const struct json *tasks = status == OK ? json_get(out->config, "tasks") : NULL;
    if (tasks == NULL || !scores_alike(out)) {
        return status;
    }
    out->task_of = calloc((size_t)json_count(tasks) + 1, sizeof *out->task_of);
    if (out->task_of == NULL) {
        FAIL(ERR_MEMORY, "no memory for an earlier run");
    }
    out->n_tasks = json_count(tasks);
    for (int i = 0; i < out->n_tasks; i++) {
        out->task_of[i] = match_task(out, i, json_count(json_get(out->own, "tasks")));
    }
    return OK;
}

static void take_row(const struct earlier_run *run, const struct run_space_link *link,
                     const struct episode_row *row, struct run_experience *out)
{
    const bool told = row->failure == 0 && row->budget == 0.0 && row->task >= 0 &&
                      row->task < run->n_tasks && row->n_widths > 0 &&
                      row->n_widths <= RUN_MOST_WIDTHS;
    const int task = told ? run->task_of[row->task] : -1;
    struct candidate_result *result = &out->results[out->n];
    if (task >= 0 &&
        run_space_link_steps_of(link, task, row->widths, row->n_widths, result->choices)) {
        result->task = task;
        result->reward = row->reward;
        out->n++;
    }
}

static enum status take_rows(const struct earlier_run *run, const struct run_space_link *link,
                             int64_t n, struct run_experience *out)
{
    struct episode_row *rows = malloc(ROWS_AT_ONCE * sizeof *rows);
    enum status status = OK;
    if (rows == NULL) {
        FAIL(ERR_MEMORY, "no memory for an earlier run's episodes");
    }
    for (int64_t first = 0; first < n && status == OK; first += ROWS_AT_ONCE) {
        const int count = n - first < ROWS_AT_ONCE ? (int)(n - first) : ROWS_AT_ONCE;
        status = hdf5_log_read(run->log, &run_tables[TABLE_EPISODES], first, count, rows);
        for (int i = 0; i < count && status == OK; i++) {
            take_row(run, link, &rows[i], out);
        }
    }
    free(rows);
    return status;
}

static enum status read_results(const struct earlier_run *run, const struct run_space_link *link,
                                struct run_experience *out)
{
    int64_t n;
    TRY(hdf5_log_count(run->log, &run_tables[TABLE_EPISODES], &n));
    out->results = calloc((size_t)n + 1, sizeof *out->results);
    if (out->results == NULL) {
        FAIL(ERR_MEMORY, "no memory for %lld episodes of an earlier run", (long long)n);
    }
    TRY(take_rows(run, link, n, out));
    log_info("--policy: %d candidates of its run are taken over", out->n);
    return OK;
}

enum status run_experience_open(const struct run_config *config, const char *run_dir,
                                const struct run_space_link *link, struct run_experience *out)
{
    struct earlier_run run;
    bool any = false;
    *out = (struct run_experience){0};
    enum status status = open_earlier(config, run_dir, &run);
    for (int i = 0; i < run.n_tasks && status == OK; i++) {
        any = any || run.task_of[i] >= 0;
    }
    if (any && file_exists(run.log)) {
        status = read_results(&run, link, out);
    }
    close_earlier(&run);
    if (status != OK) {
        run_experience_close(out);
    }
    return status;
}

void run_experience_close(struct run_experience *experience)
{
    free(experience->results);
    *experience = (struct run_experience){0};
}
