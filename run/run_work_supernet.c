// The order that trains a supernet, on from its checkpoint for as long as it says.
#include "core/config.h"
#include "core/file.h"
#include "run/run_space.h"
#include "run/run_work.h"
#include "train/calibrate.h"
#include "train/train_supernet.h"

#include <stdio.h>

static const struct collective alone = {.ranks = 1, .local_ranks = 1};

// What shapes a trained supernet, for its checkpoint.
static enum status supernet_identity(const struct network_config *config,
                                     const struct supernet *supernet, uint64_t seed,
                                     struct text *out)
{
    struct json_writer writer = {.out = out, .pretty = true};
    json_write_begin(&writer, '{', NULL);
    json_write_string(&writer, "space", supernet->space.type->name);
    json_write_string(&writer, "options", supernet->options_text);
    json_write_int(&writer, "seed", (int64_t)seed);
    config_write_shaping(dataset_option_table, &config->data, SHAPES_BASE, SHAPES_BASE, &writer,
                         "data");
    config_write_shaping(supernet_option_table, &config->supernet, SHAPES_BASE, SHAPES_BASE,
                         &writer, "supernet");
    json_write_end(&writer, '}');
    return out->failed ? ERR_MEMORY : OK;
}

static enum status train(struct run_task *task, const struct network_config *config,
                         const struct dataset *data, struct supernet *supernet)
{
    char name[48];
    struct text identity = {0};
    struct train_report report;
    snprintf(name, sizeof name, "networks[%d].supernet", task->ticket->task);
    struct supernet_job job = {.collective = &alone,
                               .dataset = data,
                               .recipe = &config->supernet,
                               .name = name,
                               .seconds = (double)task->ticket->seconds,
                               .quiet = true};
    TRY(run_work_backend(task, &job.backend));
    TRY(run_work_path(task, "networks", config->name, ".checkpoint.safetensors", &job.checkpoint));
    file_remove_leftovers(job.checkpoint);
    TRY(faults_strike(task->faults));
    enum status code =
        supernet_identity(config, supernet, task->work->session->config.seed, &identity);
    if (code == OK) {
        job.identity = identity.bytes;
        code = train_supernet(&job, supernet, &task->arena, &report);
    }
    text_close(&identity);
    TRY(code);
    run_work_report(task, &report);
    return faults_strike(task->faults);
}

// The supernet itself, and its largest network as a network: what winners are compared with, and
// their teacher. Its running statistics are those of the images that training left to it.
static enum status save(struct run_task *task, const struct dataset *data,
                        const struct supernet *supernet)
{
    const struct run_session *session = task->work->session;
    const int index = task->ticket->task;
    struct dataset_split split;
    struct backend *backend;
    struct network largest;
    TRY(run_work_backend(task, &backend));
    TRY(dataset_split_unseen(data, &supernet->train_rows, session->config.scoring.validation_share,
                             session->config.seed, &task->arena, &split));
    TRY(supernet_extract_largest(supernet, &largest));
    enum status code = calibrate_network(backend, &largest, data, split.train, split.n_train,
                                         RUN_CALIBRATION, session->config.seed, true, NULL);
    if (code == OK) {
        code = network_save(&largest, session->whole_files[index]);
    }
    network_close(&largest);
    TRY(code);
    return supernet_save(supernet, session->network_files[index]); // last: it ends the order
}

enum status run_work_supernet(struct run_task *task)
{
    const struct run_session *session = task->work->session;
    const int index = task->ticket->task;
    const struct network_config *config = run_config_network(&session->config, index);
    const struct dataset *data;
    struct supernet supernet = {0};
    enum status code = OK;
    TRY(run_data_open(&task->work->data, &config->data, DATASET_TRAIN, &data));
    file_remove_leftovers(session->network_files[index]);
    file_remove_leftovers(session->whole_files[index]);
    if (config->weights[0] != '\0') {
        TRY(run_space_load(config, data, &task->arena, &supernet));
    } else {
        TRY(run_space_create(config, data, session->config.seed, &supernet));
    }
    if (run_config_trains(config)) {
        code = train(task, config, data, &supernet);
    } else {
        task->out->finished = true;
    }
    if (code == OK && task->out->finished) {
        task->out->unknown_rows = !supernet.train_rows.known;
        code = save(task, data, &supernet);
    }
    supernet_close(&supernet);
    return code;
}
