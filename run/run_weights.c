#include "run/run_weights.h"

#include "nn/zoo.h"
#include "run/load.h"

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

enum status run_load_weights(const struct network_config *config, const struct dataset *data,
                             struct arena *arena, struct network *out)
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
    if (code != OK) {
        network_close(&network);
        return code;
    }
    *out = network;
    return OK;
}

enum status run_save_weights(const struct network_config *config, const char *path)
{
    struct arena arena = {0};
    struct dataset data;
    struct network network = {0};
    TRY(dataset_open(&config->data, DATASET_TRAIN, &data));
    enum status code = run_load_weights(config, &data, &arena, &network);
    if (code == OK) {
        code = network_save(&network, path);
    }
    network_close(&network);
    dataset_close(&data);
    arena_close(&arena);
    return code;
}
