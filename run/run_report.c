// What came out of a search as one JSON object.
#include "run/run_report.h"

#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "learner/methods/method.h"

static const char *const ended_names[] = {
    [LEARNER_NOT_ENDED] = "no",
    [LEARNER_ENDED_EVALUATIONS] = "evaluations",
    [LEARNER_ENDED_EPISODES] = "episodes",
    [LEARNER_ENDED_EXHAUSTED] = "exhausted",
};

static const char *result_file(const struct run_report *report, int task)
{
    return run_path(report->session, &report->session->arena,
                    report->results[task].tested ? "final" : "found",
                    run_task_name(report->session, task), ".safetensors");
}

// Weights that have seen an image are right about it almost always; by so much more than about
// others they are so for no other reason.
#define SEEN_GAP 0.03

bool run_report_seen(const struct run_result *result)
{
    return result->validation_images != IMAGES_UNSEEN && result->tested &&
           result->accuracy_base - result->accuracy_base_test > SEEN_GAP;
}

// Once for each network.
static void warn_of_seen(const struct run_report *report)
{
    const struct run_config *config = &report->session->config;
    for (int i = 0; i < config->networks->n; i++) {
        for (int task = 0; task < config->tasks->n; task++) {
            const struct run_result *result = &report->results[task];
            if (run_config_task_network(config, task) == i && run_report_seen(result)) {
                log_warning("network %s: %s it has %.2f%% on the search-validation images and "
                            "%.2f%% on the test images, so its weights have almost surely been "
                            "trained on the former, and they tell candidates apart badly; say "
                            "which rows it was trained on (networks[%d].train_rows), or leave its "
                            "weights empty to have it trained without them",
                            run_config_network(config, i)->name,
                            report->session->network_env->whole, 100 * result->accuracy_base,
                            100 * result->accuracy_base_test, i);
                break;
            }
        }
    }
}

static enum status write_task(const struct run_report *report, int task, struct json_writer *w)
{
    const struct run_result *result = &report->results[task];
    const struct task_config *config = run_config_task(&report->session->config, task);
    char budget[96];
    run_config_budget(config, budget, sizeof budget);
    json_write_begin(w, '{', NULL);
    json_write_string(w, "task", config->name);
    json_write_string(w, "network", config->network);
    json_write_string(w, "budget", budget);
    json_write_int(w, "macs", result->macs);
    json_write_int(w, "params", result->params);
    json_write_double(w, "macs_share", (double)result->macs / (double)result->full_macs);
    json_write_double(w, "params_share", (double)result->params / (double)result->full_params);
    if (result->full_bytes > 0) { // results of before have none
        json_write_int(w, "bytes", result->bytes);
        json_write_double(w, "bytes_share", (double)result->bytes / (double)result->full_bytes);
    }
    json_write_string(w, "validation_images", run_images_names[result->validation_images]);
    json_write_bool(w, "validation_images_seem_seen", run_report_seen(result));
    json_write_double(w, "accuracy_base", result->accuracy_base);
    json_write_double(w, "score", result->score);
    json_write_double(w, "accuracy_found", result->accuracy_found);
    if (result->tested) {
        json_write_double(w, "accuracy_test", result->accuracy_test);
        json_write_double(w, "accuracy_base_test", result->accuracy_base_test);
    } else {
        json_write_raw(w, "accuracy_test", "null");
        json_write_raw(w, "accuracy_base_test", "null");
    }
    json_write_int(w, "evaluations", result->evaluations);
    json_write_string(w, "search_ended", ended_names[report->session->candidates[task].ended]);
    TRY(report->session->network_env->describe(report->session->rollout_job.env.config, task,
                                               result->widths, result->n_widths, w));
    run_front_write(&report->session->candidates[task].front, w);
    json_write_string(w, "file", result_file(report, task));
    json_write_end(w, '}');
    return OK;
}

// Of an environment that knows the truth.
static void write_known(const struct run_session *session, int task, struct json_writer *w)
{
    const struct run_candidates *all = &session->candidates[task];
    const struct run_known *known = &session->known[task];
    json_write_begin(w, '{', NULL);
    json_write_string(w, "task", known->name);
    json_write_double(w, "best_known", known->best);
    if (all->n > 0) {
        const struct run_candidate *best = &all->candidates[0];
        json_write_double(w, "score", best->score);
        json_write_double(w, "regret", known->best - best->score);
        json_write_int(w, "macs", best->macs);
        json_write_int(w, "params", best->params);
        json_write_int(w, "episode", best->episode);
        json_write_string(w, "choice", known->choice != NULL ? known->choice : "");
    }
    run_front_write(&all->front, w);
    json_write_int(w, "evaluations", all->evaluations);
    json_write_string(w, "search_ended", ended_names[all->ended]);
    json_write_end(w, '}');
}

static void write_summary(const struct learner_summary *summary, struct json_writer *w)
{
    json_write_begin(w, '{', "search");
    json_write_int(w, "episodes", summary->episodes);
    json_write_int(w, "evaluations", summary->evaluations);
    json_write_int(w, "failed", summary->failed);
    json_write_int(w, "diverged", summary->diverged);
    json_write_int(w, "retries", summary->retries);
    json_write_int(w, "updates", summary->updates);
    json_write_int(w, "skipped", summary->skipped);
    json_write_double(w, "lag_mean", summary->lag_mean);
    json_write_int(w, "lag_most", summary->lag_most);
    json_write_double(w, "learner_busy_share", summary->busy_share);
    json_write_double(w, "seconds", summary->seconds);
    json_write_end(w, '}');
}

static void write_stages(const struct run_times *times, struct json_writer *w)
{
    const struct {
        const char *name;
        const struct run_stage_time *time;
    } stages[] = {{"base", &times->base},
                  {"search", &times->search},
                  {"rescore", &times->rescore},
                  {"finetune", &times->finetune}};
    json_write_begin(w, '{', "stages");
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        json_write_begin(w, '{', stages[i].name);
        json_write_double(w, "seconds", stages[i].time->seconds);
        json_write_double(w, "busy_share", run_busy_share(stages[i].time));
        json_write_int(w, "orders", stages[i].time->orders);
        json_write_int(w, "retries", stages[i].time->retries);
        json_write_end(w, '}');
    }
    json_write_end(w, '}');
}

static enum status write_report(const struct run_report *report, struct text *out)
{
    const struct run_config *config = &report->session->config;
    struct json_writer w = {.out = out, .pretty = true};
    json_write_begin(&w, '{', NULL);
    json_write_string(&w, "name", config->name);
    json_write_string(&w, "method", methods[config->search.method]->name);
    json_write_string(&w, "run_dir", config->run_dir);
    json_write_begin(&w, '[', "tasks");
    for (int task = 0; task < report->session->config.tasks->n && report->results != NULL; task++) {
        TRY(write_task(report, task, &w));
    }
    const int n_tasks = report->session->agent.shape.n_tasks;
    for (int task = 0; task < n_tasks && report->session->known != NULL; task++) {
        write_known(report->session, task, &w);
    }
    json_write_end(&w, ']');
    if (report->results == NULL) {
        json_write_begin(&w, '[', "scores");
        for (int task = 0; task < n_tasks; task++) {
            const struct run_candidates *all = &report->session->candidates[task];
            json_write_double(&w, NULL, all->n > 0 ? all->candidates[0].score : 0);
        }
        json_write_end(&w, ']');
    }
    write_summary(&report->session->summary, &w);
    write_stages(&report->session->times, &w);
    json_write_end(&w, '}');
    text_add(out, "\n");
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the report");
    }
    return OK;
}

static enum status read_results(struct run_report *report)
{
    struct run_session *session = report->session;
    ARENA_NEW(&session->arena, report->results, (size_t)session->config.tasks->n);
    for (int task = 0; task < session->config.tasks->n; task++) {
        const char *path =
            run_path(session, &session->arena, "results", run_task_name(session, task), ".json");
        if (path == NULL) {
            return ERR_MEMORY;
        }
        TRY(run_result_read(path, &session->arena, &report->results[task]));
    }
    return OK;
}

enum status run_report_make(struct run_session *session, struct run_report *out)
{
    struct run_report report = {.session = session};
    if (run_config_designs(&session->config)) {
        TRY(read_results(&report));
        warn_of_seen(&report);
    }
    const char *path = run_path(session, &session->arena, "", "report", ".json");
    enum status code = path != NULL ? write_report(&report, &report.text) : ERR_MEMORY;
    if (code == OK) {
        code = file_write(path, report.text.bytes, report.text.length);
    }
    if (code != OK) {
        run_report_close(&report);
        return code;
    }
    *out = report;
    return OK;
}

void run_report_close(struct run_report *report)
{
    text_close(&report->text);
}
