#include "run/run_weights.h"

#include "core/log.h"
#include "nn/head.h"
#include "nn/unfold.h"
#include "nn/zoo.h"
#include "run/load.h"
#include "train/evaluate.h"

#include <string.h>

struct weights_source run_weights_source(const struct network_config *config)
{
    return (struct weights_source){.name = config->name,
                                   .path = config->weights,
                                   .hints = &config->hints,
                                   .train_rows = config->train_rows,
                                   .restore_batchnorm = config->restore_batchnorm,
                                   .trained = config->train_further,
                                   .seed = config->train.seed};
}

enum status run_set_rows(const char *train_rows, struct row_set *rows)
{
    if (train_rows[0] == '\0') {
        return OK;
    }
    row_set_close(rows);
    return strcmp(train_rows, "unknown") == 0 ? OK : row_set_parse(train_rows, rows);
}

enum status run_check_rows(const char *train_rows)
{
    struct row_set rows = {0};
    const enum status code = run_set_rows(train_rows, &rows);
    row_set_close(&rows);
    return code;
}

// Other classes than the weights were trained for are a start for training, and nothing to search.
static enum status fit_head(const struct weights_source *source, const struct dataset *data,
                            bool tell, struct network *network)
{
    const int before = network->info.classes;
    if (before == data->classes) {
        return OK;
    }
    if (!source->trained) {
        FAIL(
            ERR_INPUT,
            "%s tells %d classes apart, data set \"%s\" has %d; choose the data set (and its class "
            "selection) that it was trained for, or set the network's train_further, which gives "
            "it a new last layer and trains it on",
            source->path, before, data->name, data->classes);
    }
    const enum status code = network_set_classes(network, data->classes, source->seed);
    if (code != OK) {
        return status_context(code, "%s tells %d classes apart, data set \"%s\" has %d",
                              source->path, before, data->name, data->classes);
    }
    if (tell) {
        log_info("%s tells %d classes apart, data set \"%s\" has %d: its last layer is new, and is "
                 "trained with the others",
                 source->path, before, data->name, data->classes);
    }
    return OK;
}

// Any images do, as the network computes the same whatever was measured.
enum { UNFOLD_IMAGES = 256, UNFOLD_SEED = 1 };

static enum status measure(const char *path, const struct dataset *data, struct backend *backend,
                           struct arena *arena, struct network *network)
{
    const int n = data->n < UNFOLD_IMAGES ? data->n : UNFOLD_IMAGES;
    uint8_t *images;
    TRY(evaluate_check_fit(network, data));
    TRY(dataset_sample(data, NULL, data->n, n, UNFOLD_SEED, arena, &images));
    TRY(unfold_measure(backend, images, n, network));
    log_info("%s has no BatchNorm, as exporters fold it into convolutions; they have one again "
             "(restore_batchnorm)",
             path);
    return OK;
}

enum status run_restore_batchnorm(const char *path, const struct dataset *data,
                                  struct backend *backend, struct arena *arena,
                                  struct network *network)
{
    if (!unfold_applies(&network->graph)) {
        return OK;
    }
    const enum status code = unfold_batchnorm(network);
    if (code != OK) {
        return status_context(code,
                              "%s: BatchNorm cannot be put back, which restore_batchnorm false "
                              "leaves out",
                              path);
    }
    return backend != NULL ? measure(path, data, backend, arena, network) : OK;
}

enum status run_load_weights(const struct weights_source *source, const struct dataset *data,
                             struct backend *backend, struct arena *arena, struct network *out)
{
    struct network network;
    const char *path;
    TRY(load_find_file(source->path, arena, &path));
    TRY(network_file_load(path, source->hints, data, &network));
    enum status code = network_file_check(path, source->hints->architecture, &network);
    if (code != OK) {
        (void)status_context(code, "network %s", source->name);
    } else {
        network_set_dataset(&network, data->name);
        code = run_set_rows(source->train_rows, &network.train_rows);
    }
    if (code == OK) {
        code = fit_head(source, data, backend != NULL, &network);
    }
    if (code == OK && source->record != NULL) {
        code = run_input_of_weights(path, &network, arena, source->record);
    }
    if (code == OK && source->restore_batchnorm) {
        code = run_restore_batchnorm(path, data, backend, arena, &network);
    }
    if (code != OK) {
        network_close(&network);
        return code;
    }
    *out = network;
    return OK;
}

enum status run_save_weights(const struct network_config *config, struct backend *backend,
                             const char *path)
{
    struct arena arena = {0};
    struct dataset data;
    struct network network = {0};
    const struct weights_source source = run_weights_source(config);
    TRY(dataset_open(&config->data, DATASET_TRAIN, &data));
    enum status code = run_load_weights(&source, &data, backend, &arena, &network);
    if (code == OK) {
        code = network_save(&network, path);
    }
    network_close(&network);
    dataset_close(&data);
    arena_close(&arena);
    return code;
}
