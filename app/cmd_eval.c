// dikdik eval: accuracy, loss, cost and speed of a network file on a data set.
#include "app/command.h"
#include "app/command_line.h"
#include "app/output.h"
#include "core/log.h"
#include "core/machine.h"
#include "nn/safetensors.h"
#include "run/load.h"
#include "run/load_data.h"
#include "search_space/cost.h"
#include "train/calibrate.h"
#include "train/evaluate.h"

#include <stdio.h>
#include <stdlib.h>

#define INT8_IMAGES 512 // that ranges are taken from unless --recalibrate says otherwise

enum eval_part { PART_TEST, PART_TRAIN };
struct eval_config {
    struct dataset_options data;
    struct backend_config backend;
    const char *logits;
    struct network_hints hints;
    enum eval_part part;
    bool int8, json;
    int batch, limit, recalibrate;
    uint64_t seed;
};

static const char *const parts[] = {[PART_TEST] = "test", [PART_TRAIN] = "train", NULL};

#define AT(field) .offset = offsetof(struct eval_config, field)
static const struct option eval_option_table[] = {
    {"data", "the data set; by default the one that the file names", OPTION_OBJECT, AT(data),
     .table = dataset_option_table},
    {"part", "which part of it is scored", OPTION_CHOICE, AT(part), .fallback_text = "test",
     .choices = parts},
    {"limit", "score only so many images, chosen by --seed; 0 = all", OPTION_INT, AT(limit),
     .fallback = 0, .least = 0, .most = 1e9},
    {"batch", "images per call", OPTION_INT, AT(batch), .fallback = 128, .least = 1, .most = 65536},
    {"int8", "score in 8-bit integers; ranges are taken from training images", OPTION_BOOL,
     AT(int8), .fallback = 0},
    {"recalibrate", "recompute BatchNorm statistics on so many training images first", OPTION_INT,
     AT(recalibrate), .fallback = 0, .least = 0, .most = 1e9},
    {"architecture", "zoo network, in CIFAR form, of a file that does not say it", OPTION_STRING,
     AT(hints.architecture)},
    NETWORK_HINT_ROWS(struct eval_config, hints),
    {"logits", "write the logits of the scored images to this safetensors file", OPTION_STRING,
     AT(logits)},
    {"seed", "of --limit and of the sample of training images", OPTION_SEED, AT(seed),
     .fallback = 0},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table},
    {.key = NULL},
};
#undef AT

static const char *const eval_positional[] = {"FILE", NULL};
static const struct cli eval_cli = {
    .command = "dikdik eval",
    .usage = "FILE [--data NAME] [options]",
    .about = "Scores a network file: accuracy, loss, multiply-adds, parameters, bytes, speed. "
             "--data NAME is short for --data.name NAME.",
    .positional = eval_positional,
    .required = 1,
    .table = eval_option_table,
};

// Recomputes BatchNorm statistics and takes int8 ranges [n_nodes], as asked, on training images.
static enum status prepare(const struct eval_config *config, struct backend *backend,
                           struct network *network, const struct dataset *scored, float *ranges)
{
    if (config->recalibrate == 0 && ranges == NULL) {
        return OK;
    }
    const int images = config->recalibrate > 0 ? config->recalibrate : INT8_IMAGES;
    if (config->part == PART_TRAIN) {
        return calibrate_network(backend, network, scored, NULL, scored->n, images, config->seed,
                                 config->recalibrate > 0, ranges);
    }
    struct dataset train = {0};
    TRY(dataset_open(&config->data, DATASET_TRAIN, &train));
    const enum status code = calibrate_network(backend, network, &train, NULL, train.n, images,
                                               config->seed, config->recalibrate > 0, ranges);
    dataset_close(&train);
    return code;
}

// The logits, and which rows of the part they are of.
static enum status write_logits(const char *path, const struct dataset *dataset,
                                const int32_t *indices, int n, const float *logits, int classes,
                                struct arena *arena)
{
    int32_t *rows;
    ARENA_NEW(arena, rows, (size_t)n);
    for (int i = 0; i < n; i++) {
        rows[i] = dataset_row(dataset, indices != NULL ? indices[i] : i);
    }
    const struct safetensor tensors[] = {
        {.name = "logits",
         .dtype = "F32",
         .n_dims = 2,
         .dims = {n, classes},
         .data = logits,
         .bytes = (size_t)n * (size_t)classes * sizeof *logits},
        {.name = "rows",
         .dtype = "I32",
         .n_dims = 1,
         .dims = {n},
         .data = rows,
         .bytes = (size_t)n * sizeof *rows},
    };
    return safetensors_write(path, tensors, 2, NULL, 0);
}

static enum status print_json(const struct network *network, const struct dataset *dataset,
                              const struct eval_config *config, const struct evaluation *result)
{
    const struct network_cost cost = cost_of_graph(&network->graph);
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_string(w, "architecture", network->info.architecture);
    json_write_string(w, "data", dataset->name);
    json_write_string(w, "part", parts[config->part]);
    json_write_string(w, "dtype", config->int8 ? "int8" : "f32");
    json_write_double(w, "accuracy", result->accuracy);
    json_write_double(w, "loss", result->loss);
    json_write_int(w, "images", result->images);
    json_write_int(w, "macs", cost.macs);
    json_write_int(w, "params", cost.params);
    json_write_int(w, "bytes", (int64_t)network_bytes(network));
    json_write_double(w, "images_per_second", result->images_per_second);
    json_write_int(w, "peak_memory_bytes", (int64_t)machine_peak_bytes());
    return output_json_end(&json);
}

static void print_text(const char *path, const struct network *network,
                       const struct dataset *dataset, const struct eval_config *config,
                       const struct evaluation *result)
{
    const struct network_cost cost = cost_of_graph(&network->graph);
    char macs[32];
    char params[32];
    char bytes[32];
    printf("%s (%s) on %s, %s part, %s\n", path, network->info.architecture, dataset->name,
           parts[config->part], config->int8 ? "int8" : "float32");
    printf("accuracy    %.2f%%  (loss %.4f, %lld images)\n", 100 * result->accuracy, result->loss,
           (long long)result->images);
    printf("cost        %s MACs, %s parameters, %s bytes\n", output_count(cost.macs, macs),
           output_count(cost.params, params), output_count((int64_t)network_bytes(network), bytes));
    printf("speed       %.0f images/s\n", result->images_per_second);
}

static int ascending(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

// n of the data set's rows by seed, in their order: the first ones of a set that is ordered by
// class would be of a few classes only. NULL: all.
static enum status choose_rows(const struct eval_config *config, const struct dataset *dataset,
                               int n, struct arena *arena, int32_t **out)
{
    *out = NULL;
    if (n == dataset->n) {
        return OK;
    }
    TRY(dataset_sample_rows(NULL, dataset->n, n, config->seed, arena, out));
    qsort(*out, (size_t)n, sizeof **out, ascending);
    return OK;
}

static enum status evaluate_loaded(const char *path, const struct eval_config *config,
                                   struct backend *backend, struct network *network,
                                   const struct dataset *dataset, struct arena *arena)
{
    float *ranges = NULL;
    float *logits = NULL;
    int32_t *rows;
    const int n = config->limit > 0 && config->limit < dataset->n ? config->limit : dataset->n;
    if (config->int8) {
        ARENA_NEW(arena, ranges, (size_t)network->graph.n_nodes);
    }
    if (config->logits[0] != '\0') {
        ARENA_NEW(arena, logits, (size_t)n * (size_t)network->info.classes);
    }
    TRY(evaluate_check_fit(network, dataset));
    TRY(prepare(config, backend, network, dataset, ranges));
    const struct evaluate_options options = {
        .batch = config->batch, .int8 = config->int8, .ranges = ranges, .logits = logits};
    struct evaluation result;
    TRY(choose_rows(config, dataset, n, arena, &rows));
    TRY(evaluate_network(backend, network, dataset, rows, n, &options, &result));
    if (logits != NULL) {
        TRY(write_logits(config->logits, dataset, rows, n, logits, network->info.classes, arena));
    }
    if (config->json) {
        return print_json(network, dataset, config, &result);
    }
    print_text(path, network, dataset, config, &result);
    return OK;
}

// The data set as the file or its run names it, for its training part as well.
static enum status name_data(const char *path, struct arena *arena, struct dataset_options *data,
                             bool *complete)
{
    struct network_origin origin;
    const struct dataset_options said = *data;
    TRY(network_file_origin(path, &origin));
    row_set_close(&origin.train_rows);
    *complete = origin.complete;
    return load_data_options(path, origin.dataset, &said, arena, data);
}

static enum status evaluate_file(const char *path, struct eval_config *config, struct arena *arena)
{
    struct network network = {0};
    struct dataset dataset = {0};
    struct backend *backend = NULL;
    const enum dataset_part part = config->part == PART_TRAIN ? DATASET_TRAIN : DATASET_TEST;
    bool complete;
    TRY(name_data(path, arena, &config->data, &complete));
    TRY(load_named(path, &config->hints, complete, &config->data, part, &network, &dataset));
    enum status code = load_backend(&config->backend, 0, 1, &backend);
    if (code == OK) {
        code = evaluate_loaded(path, config, backend, &network, &dataset, arena);
    }
    backend_close(backend);
    dataset_close(&dataset);
    network_close(&network);
    return code;
}

static enum status eval_run(struct app *app, int argc, char **argv)
{
    (void)app;
    struct arena arena = {0};
    struct eval_config config;
    struct cli_result words;
    enum status code = command_line_read(&eval_cli, argc, argv, &config, &arena, &words);
    if (code == OK && !words.help) {
        code = evaluate_file(words.positional[0], &config, &arena);
    }
    arena_close(&arena);
    return code;
}

static const struct cli *const eval_clis[] = {&eval_cli, NULL};

const struct command command_eval = {
    .name = "eval",
    .about = "accuracy, cost and speed of a network file",
    .clis = eval_clis,
    .run = eval_run,
};
