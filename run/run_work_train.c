// Orders that train: a base network, or what was found for a task, on from its checkpoint for as
// long as the order says. And scores on the test images.
#include "core/config.h"
#include "core/file.h"
#include "core/log.h"
#include "nn/network_info.h"
#include "nn/zoo.h"
#include "onnx/export.h"
#include "run/load.h"
#include "run/run_space.h"
#include "run/run_weights.h"
#include "run/run_work.h"
#include "train/evaluate.h"
#include "train/train.h"

#include <stdio.h>

#define TEST_BATCH 64

static const struct collective alone = {.ranks = 1, .local_ranks = 1};

void run_work_report(struct run_task *task, const struct train_report *report)
{
    struct run_outcome *out = task->out;
    out->updates = report->updates;
    out->updates_all = report->updates_all;
    out->updates_here = report->updates_here;
    out->epochs = report->epochs;
    out->chunks = report->chunks;
    out->finished = report->finished;
    out->seconds = report->seconds;
    out->loss = report->loss;
    out->accuracy = report->validation_accuracy;
}

// One slice; the job lacks what all have in common. Struck before and after, so that a fault hits
// with work lost and with work done.
static enum status train_slice(struct run_task *task, struct train_job *job,
                               struct network *network)
{
    struct train_report report;
    TRY(run_work_backend(task, &job->backend));
    job->collective = &alone;
    job->seconds = (double)task->ticket->seconds;
    job->quiet = true;
    file_remove_leftovers(job->checkpoint);
    TRY(faults_strike(task->faults));
    TRY(train_network(job, network, &task->arena, &report));
    run_work_report(task, &report);
    return faults_strike(task->faults);
}

// ---- base networks

// What shapes a trained network, for its checkpoint.
static enum status network_identity(const struct network_config *network, uint64_t seed,
                                    struct text *out)
{
    struct json_writer writer = {.out = out, .pretty = true};
    json_write_begin(&writer, '{', NULL);
    json_write_string(&writer, "architecture", network->hints.architecture);
    json_write_int(&writer, "seed", (int64_t)seed);
    config_write_shaping(dataset_option_table, &network->data, SHAPES_BASE, SHAPES_BASE, &writer,
                         "data");
    config_write_shaping(train_option_table, &network->train, SHAPES_BASE, SHAPES_BASE, &writer,
                         "train");
    json_write_end(&writer, '}');
    return out->failed ? ERR_MEMORY : OK;
}

static enum status train_base(struct run_task *task, const struct network_config *config,
                              const struct dataset *data, struct network *network)
{
    struct text identity = {0};
    char name[48];
    snprintf(name, sizeof name, "networks[%d].train", task->ticket->task);
    struct train_job job = {.dataset = data, .recipe = &config->train, .name = name};
    TRY(run_work_path(task, "networks", config->name, ".checkpoint.safetensors", &job.checkpoint));
    enum status code = network_identity(config, task->work->session->config.seed, &identity);
    if (code == OK) {
        job.identity = identity.bytes;
        code = train_slice(task, &job, network);
    }
    text_close(&identity);
    return code;
}

// The weights that the config names, as the run uses them. Where they are trained on, the first
// slice writes them down for the others, which then have neither to measure nor to warn again.
static enum status get_given(struct run_task *task, const struct network_config *config,
                             const struct dataset *data, struct network *network)
{
    const struct weights_source source = run_weights_source(config);
    const char *start;
    struct backend *backend;
    TRY(run_work_path(task, "networks", config->name, ".start.safetensors", &start));
    if (file_exists(start)) {
        TRY(network_load(start, NULL, network));
    } else {
        TRY(run_work_backend(task, &backend));
        TRY(run_load_weights(&source, data, backend, &task->arena, network));
        if (config->train_further) {
            file_remove_leftovers(start);
            TRY(network_save(network, start));
        }
    }
    return OK;
}

// Loaded from the file that the config names, or made anew; trained, where it is to be.
static enum status get_base(struct run_task *task, const struct network_config *config,
                            const struct dataset *data, struct network *network)
{
    if (config->weights[0] != '\0') {
        TRY(get_given(task, config, data, network));
    } else {
        TRY(network_file_create(config->hints.architecture, data, task->work->session->config.seed,
                                network));
    }
    if (!run_config_trains(config)) {
        task->out->finished = true;
        return OK;
    }
    return train_base(task, config, data, network);
}

enum status run_work_base(struct run_task *task)
{
    const struct run_session *session = task->work->session;
    const struct network_config *config = run_config_network(&session->config, task->ticket->task);
    const char *path = session->network_files[task->ticket->task];
    const struct dataset *data;
    struct network network = {0};
    enum status code = OK;
    if (run_space_type(config) != NULL) {
        return run_work_supernet(task);
    }
    TRY(run_data_open(&task->work->data, &config->data, DATASET_TRAIN, &data));
    file_remove_leftovers(path);
    TRY_GOTO(code, get_base(task, config, data, &network), done);
    if (task->out->finished) {
        task->out->unknown_rows = !network.train_rows.known;
        TRY_GOTO(code, evaluate_check_fit(&network, data), done);
        code = network_save(&network, path);
    }
done:
    network_close(&network);
    return code;
}

// ---- fine-tuning

static enum status tune(struct run_task *task, const char *name, struct network *base,
                        struct network *network)
{
    const struct run_session *session = task->work->session;
    const int index = run_config_task_network(&session->config, task->ticket->task);
    struct text identity = {0};
    struct train_job job = {
        .recipe = &session->config.finetune, .name = "finetune", .teacher = base};
    TRY(run_work_path(task, "final", name, ".checkpoint.safetensors", &job.checkpoint));
    TRY(run_data_open(&task->work->data, &run_config_network(&session->config, index)->data,
                      DATASET_TRAIN, &job.dataset));
    TRY(run_config_identity(&session->config, SHAPES_FINETUNE, &identity));
    text_add(&identity, "task %s\n", name);
    job.identity = identity.bytes;
    const enum status code = identity.failed ? ERR_MEMORY : train_slice(task, &job, network);
    text_close(&identity);
    return code;
}

// New weights, which have been trained on no row yet.
static enum status forget(struct network *network, uint64_t seed)
{
    graph_init_params(&network->graph, seed, network->params);
    row_set_close(&network->train_rows);
    return row_set_parse("none", &network->train_rows);
}

// For other runtimes: pixels between 0 and 1 come in, the normalisation is inside. A network that
// ONNX's operators cannot say has its own file all the same.
static enum status write_onnx(const struct network *network, const char *path)
{
    const struct onnx_export_options options = {.batchnorm = ONNX_BATCHNORM_FOLD,
                                                .pixels = ONNX_PIXELS_SHARES};
    const enum status code = onnx_export(network, &options, path, NULL);
    if (code == ERR_UNSUPPORTED) {
        log_warning("%s is not written: %s", path, status_message());
        return OK;
    }
    return code;
}

enum status run_work_tune(struct run_task *task)
{
    const struct run_session *session = task->work->session;
    const char *name = run_task_name(session, task->ticket->task);
    const int index = run_config_task_network(&session->config, task->ticket->task);
    const char *found, *final, *onnx;
    struct network base = {0}, network = {0};
    enum status code = OK;
    TRY(run_work_path(task, "found", name, ".safetensors", &found));
    TRY(run_work_path(task, "final", name, ".safetensors", &final));
    TRY(run_work_path(task, "final", name, ".onnx", &onnx));
    TRY_GOTO(code, network_load(session->whole_files[index], NULL, &base), done);
    TRY_GOTO(code, network_load(found, NULL, &network), done);
    if (session->config.finetune_from == FINETUNE_FROM_SCRATCH) {
        TRY_GOTO(code, forget(&network, session->config.seed), done);
    }
    TRY_GOTO(code, tune(task, name, &base, &network), done);
    if (task->out->finished) {
        TRY_GOTO(code, write_onnx(&network, onnx), done);
        code = network_save(&network, final); // last: its presence ends the stage
    }
done:
    network_close(&base);
    network_close(&network);
    return code;
}

// ---- test

enum status run_work_test(struct run_task *task)
{
    const struct run_session *session = task->work->session;
    const bool whole = task->ticket->source == RUN_ORDER_TEST_BASE;
    const int index =
        whole ? task->ticket->task : run_config_task_network(&session->config, task->ticket->task);
    const char *path = session->whole_files[index];
    const struct evaluate_options options = {.batch = TEST_BATCH};
    const struct dataset *data;
    struct backend *backend;
    struct network network;
    struct evaluation evaluation;
    if (!whole) {
        TRY(run_work_path(task, "final", run_task_name(session, task->ticket->task), ".safetensors",
                          &path));
    }
    TRY(run_work_backend(task, &backend));
    TRY(run_data_open(&task->work->data, &run_config_network(&session->config, index)->data,
                      DATASET_TEST, &data));
    TRY(network_load(path, NULL, &network));
    const enum status code =
        evaluate_network(backend, &network, data, NULL, data->n, &options, &evaluation);
    network_close(&network);
    TRY(code);
    task->out->accuracy = evaluation.accuracy;
    task->out->loss = evaluation.loss;
    return OK;
}
