#include "run/run_weights.h"

#include "core/log.h"
#include "nn/unfold.h"
#include "nn/zoo.h"
#include "run/load.h"
#include "train/evaluate.h"

#include <string.h>

enum status run_set_rows(const struct network_config *config, struct row_set *rows)
{
    if (config->train_rows[0] == '\0') {
        return OK;
    }
    row_set_close(rows);
    return strcmp(config->train_rows, "unknown") == 0 ? OK
                                                      : row_set_parse(config->train_rows, rows);
}

// Any images do, as the network computes the same whatever was measured.
enum { UNFOLD_IMAGES = 256, UNFOLD_SEED = 1 };

static enum status measure(const struct network_config *config, const struct dataset *data,
                           struct backend *backend, struct arena *arena, struct network *network)
{
    const int n = data->n < UNFOLD_IMAGES ? data->n : UNFOLD_IMAGES;
    uint8_t *images;
    TRY(evaluate_check_fit(network, data));
    TRY(dataset_sample(data, NULL, data->n, n, UNFOLD_SEED, arena, &images));
    TRY(unfold_measure(backend, images, n, network));
    log_info("network %s: its file has no BatchNorm, as exporters fold it into convolutions; they "
             "have one again (networks[].restore_batchnorm)",
             config->name);
    return OK;
}

static enum status restore_batchnorm(const struct network_config *config, const char *path,
                                     const struct dataset *data, struct backend *backend,
                                     struct arena *arena, struct network *network)
{
    enum network_format format;
    TRY(network_file_format(path, &format));
    const bool wanted =
        config->restore_batchnorm == RESTORE_BATCHNORM_ON ||
        (config->restore_batchnorm == RESTORE_BATCHNORM_AUTO && format == NETWORK_ONNX);
    if (!wanted || !unfold_applies(&network->graph)) {
        return OK;
    }
    const enum status code = unfold_batchnorm(network);
    if (code != OK) {
        return status_context(code,
                              "network %s: BatchNorm cannot be put back, which "
                              "restore_batchnorm \"off\" leaves out",
                              config->name);
    }
    return backend != NULL ? measure(config, data, backend, arena, network) : OK;
}

enum status run_load_weights(const struct network_config *config, const struct dataset *data,
                             struct backend *backend, struct arena *arena, struct network *out)
{
    struct network network;
    const char *weights;
    TRY(load_find_file(config->weights, arena, &weights));
    TRY(network_file_load(weights, &config->hints, data, &network));
    enum status code = network_file_check(weights, config->hints.architecture, &network);
    if (code != OK) {
        (void)status_context(code, "network %s", config->name);
    } else {
        network_set_dataset(&network, data->name);
        code = run_set_rows(config, &network.train_rows);
    }
    if (code == OK) {
        code = restore_batchnorm(config, weights, data, backend, arena, &network);
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
    TRY(dataset_open(&config->data, DATASET_TRAIN, &data));
    enum status code = run_load_weights(config, &data, backend, &arena, &network);
    if (code == OK) {
        code = network_save(&network, path);
    }
    network_close(&network);
    dataset_close(&data);
    arena_close(&arena);
    return code;
}
