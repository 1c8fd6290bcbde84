// dikdik train: trains a zoo network from a config, alone or under mpirun, and scores it once on
// the test part.
#include "app/command.h"
#include "app/command_line.h"
#include "app/output.h"
#include "app/progress_option.h"
#include "app/train_folder.h"
#include "core/log.h"
#include "run/run_inputs.h"
#include "run/run_weights.h"
#include "search_space/cost.h"
#include "train/evaluate.h"

#include <stdio.h>
#include <string.h>

#define TRAIN_TEST_BATCH 64
#define LEAST_SAID 0.05 // share of the training time, or of a core, that is spoken of

static const char *const train_positional[] = {"CONFIG", NULL};
static const struct cli train_cli = {
    .command = "dikdik train",
    .usage = "CONFIG [--run-dir DIR] [--set PATH=VALUE] [options]",
    .about = "Trains a network as a JSON config says and writes network.safetensors, config.json "
             "and a checkpoint to the run folder. Given again, it goes on where it stopped. Under "
             "mpirun -n N the batch is split over N processes.",
    .positional = train_positional,
    .required = 1,
    .table = train_command_table,
};

// What one training command holds open.
struct training {
    struct app *app;
    const struct train_config *config;
    struct train_folder folder;
    struct backend *backend;
    struct dataset data;
    struct dataset test; // on rank 0 described before the first epoch
    struct network network, teacher;
    struct run_input given; // what it is given, for the folder's record
    struct text identity;
    struct arena arena;
    struct train_report report;
    struct evaluation evaluation; // on the test part
};

static enum status open_network(struct training *t)
{
    const struct train_config *config = t->config;
    if (config->model.weights[0] == '\0') {
        return network_file_create(config->model.hints.architecture, &t->data, config->seed,
                                   &t->network);
    }
    const struct weights_source source = {.name = config->name,
                                          .path = config->model.weights,
                                          .hints = &config->model.hints,
                                          .train_rows = config->model.train_rows,
                                          .restore_batchnorm = config->model.restore_batchnorm,
                                          .trained = true,
                                          .seed = config->seed,
                                          .record = &t->given.weights};
    return run_load_weights(&source, &t->data, t->backend, &t->arena, &t->network);
}

static enum status open_teacher(struct training *t)
{
    const struct train_config *config = t->config;
    if (config->train.distill == 0) {
        return OK;
    }
    if (config->model.teacher[0] == '\0') {
        FAIL(ERR_CONFIG, "train.distill = %g needs a network to learn from: set model.teacher",
             config->train.distill);
    }
    const char *path;
    TRY(load_find_file(config->model.teacher, &t->arena, &path));
    TRY(network_file_load(path, &config->model.hints, &t->data, &t->teacher));
    return run_input_of_weights(path, &t->teacher, &t->arena, &t->given.teacher);
}

static struct train_job training_job(const struct training *t)
{
    return (struct train_job){
        .backend = t->backend,
        .collective = &t->app->collective,
        .dataset = &t->data,
        .recipe = &t->config->train,
        .teacher = t->config->train.distill > 0 ? &t->teacher : NULL,
        .checkpoint = t->folder.checkpoint,
        .identity = t->identity.bytes,
    };
}

// The test part, too: that it is there and fits is known before the first epoch.
static enum status describe_test(struct training *t, struct run_input_data *out)
{
    TRY(dataset_describe(&t->config->data, DATASET_TEST, &t->test));
    TRY(dataset_check_test(&t->data, &t->test));
    return run_input_of_data(&t->test, &t->arena, out);
}

static enum status claim_folder(struct training *t)
{
    const struct train_config *config = t->config;
    TRY(describe_test(t, &t->given.test));
    TRY(run_input_of_data(&t->data, &t->arena, &t->given.train));
    return train_folder_open(config->run_dir, config, &t->given, &t->arena, &t->folder);
}

// All that can be wrong with a config is found before the run folder is made.
static enum status open_training(struct training *t)
{
    const struct train_config *config = t->config;
    const struct collective *c = &t->app->collective;
    TRY(dataset_open(&config->data, DATASET_TRAIN, &t->data));
    TRY(load_backend(&config->backend, c->local_rank, c->local_ranks, &t->backend));
    TRY(open_network(t));
    TRY(open_teacher(t));
    TRY(train_config_identity(config, &t->identity));
    const struct train_job job = training_job(t);
    TRY(train_check(&job, &t->network));
    // What rank 0 refuses ends all ranks alike.
    enum status code =
        c->rank == 0 ? claim_folder(t) : train_folder_paths(config->run_dir, &t->folder);
    TRY(collective_broadcast(c, &code, sizeof code, 0));
    t->app->stopped_together = code != OK;
    return code;
}

static enum status train_and_save(struct training *t)
{
    const struct train_job job = training_job(t);
    const enum status code = train_network(&job, &t->network, &t->arena, &t->report);
    t->app->stopped_together = code == ERR_INTERRUPTED;
    TRY(code);
    return t->app->collective.rank == 0 ? network_save(&t->network, t->folder.network) : OK;
}

// ERR_INTERRUPTED on all ranks at once.
static enum status load_test(struct training *t)
{
    const struct collective *c = &t->app->collective;
    if (c->rank > 0) {
        TRY(dataset_describe(&t->config->data, DATASET_TEST, &t->test));
    }
    const enum status code = dataset_load(&t->test);
    double interrupted = code == ERR_INTERRUPTED ? 1 : 0;
    TRY(interrupted > 0 ? OK : code);
    TRY(collective_sum_f64(c, &interrupted, 1));
    return interrupted > 0 ? ERR_INTERRUPTED : OK;
}

static enum status score(struct training *t)
{
    const struct evaluate_options options = {.batch = TRAIN_TEST_BATCH};
    enum status code = load_test(t);
    if (code == OK) {
        code = evaluate_network_shared(&t->app->collective, t->backend, &t->network, &t->test, NULL,
                                       t->test.n, &options, &t->evaluation);
    }
    if (code == ERR_INTERRUPTED) {
        t->app->stopped_together = true;
        FAIL(code,
             "interrupted while the test part was scored; %s is written: give the same command "
             "again to go on",
             t->folder.network);
    }
    return code;
}

static enum status print_json(const struct training *t)
{
    const struct train_report *report = &t->report;
    const struct network_cost cost = cost_of_graph(&t->network.graph);
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_string(w, "name", t->config->name);
    json_write_string(w, "architecture", t->network.info.architecture);
    json_write_string(w, "data", t->data.name);
    json_write_double(w, "accuracy", t->evaluation.accuracy);
    json_write_double(w, "loss", t->evaluation.loss);
    json_write_int(w, "images", t->evaluation.images);
    json_write_int(w, "macs", cost.macs);
    json_write_int(w, "params", cost.params);
    json_write_int(w, "bytes", (int64_t)network_bytes(&t->network));
    json_write_int(w, "epochs", report->epochs);
    json_write_int(w, "ranks", t->app->collective.ranks);
    json_write_bool(w, "resumed", report->resumed);
    json_write_begin(w, '[', "train_losses");
    for (int i = 0; i < report->epochs; i++) {
        json_write_double(w, NULL, report->losses[i]);
    }
    json_write_end(w, ']');
    if (t->config->train.validation_share > 0) {
        json_write_double(w, "validation_accuracy", report->validation_accuracy);
    }
    json_write_double(w, "train_images_per_second", report->images_per_second);
    json_write_double(w, "data_wait_share", report->waiting);
    json_write_double(w, "data_cores", report->reading);
    json_write_bool(w, "data_streamed", t->data.streamed);
    json_write_string(w, "file", t->folder.network);
    return output_json_end(&json);
}

static enum status print_result(const struct training *t)
{
    if (t->app->collective.rank != 0) {
        return OK;
    }
    if (t->config->json) {
        return print_json(t);
    }
    printf("%s on %s: test accuracy %.2f%% (loss %.4f, %lld images)\n",
           t->network.info.architecture, t->data.name, 100 * t->evaluation.accuracy,
           t->evaluation.loss, (long long)t->evaluation.images);
    if (t->report.waiting >= LEAST_SAID || (t->data.streamed && t->report.reading >= LEAST_SAID)) {
        printf("reading and decoding images took %.1f cores, and training waited for them %.0f%% "
               "of its time; more data.memory, or images of the size that is used, help\n",
               t->report.reading, 100 * t->report.waiting);
    }
    printf("written to %s\n", t->folder.network);
    return OK;
}

static enum status run_training(struct training *t)
{
    TRY(open_training(t));
    TRY(train_and_save(t));
    TRY(score(t));
    return print_result(t);
}

static enum status train_run(struct app *app, int argc, char **argv)
{
    struct train_config config;
    struct cli_result words;
    struct training training = {
        .app = app,
        .config = &config,
        .given = {.name = "", .weights.checksum = "", .teacher.checksum = ""}};
    enum status code = command_line_read(&train_cli, argc, argv, &config, &training.arena, &words);
    if (code == OK && !words.help) {
        code = progress_option_open(config.progress_json, config.json);
        if (code == OK) {
            code = train_config_resolve(&config, words.positional[0], &training.arena);
        }
        if (code == OK) {
            code = run_training(&training);
        }
    }
    train_folder_close(&training.folder);
    backend_close(training.backend);
    network_close(&training.network);
    network_close(&training.teacher);
    dataset_close(&training.data);
    dataset_close(&training.test);
    text_close(&training.identity);
    arena_close(&training.arena);
    return code;
}

static const struct cli *const train_clis[] = {&train_cli, NULL};

const struct command command_train = {
    .name = "train",
    .about = "train a network as a config says",
    .parallel = true,
    .clis = train_clis,
    .run = train_run,
};
