#include "run/run_weights.h"

#include "nn/zoo.h"
#include "run/load.h"

#include <string.h>

static enum status set_rows(const struct network_config *config, struct network *network)
{
    if (config->train_rows[0] == '\0') {
        return OK;
    }
    row_set_close(&network->train_rows);
    return strcmp(config->train_rows, "unknown") == 0
               ? OK
               : row_set_parse(config->train_rows, &network->train_rows);
}

enum status run_load_weights(const struct network_config *config, const struct dataset *data,
                             struct arena *arena, struct network *out)
{
    struct network_info info;
    struct network network;
    const char *weights, *architecture = zoo_names[config->architecture];
    load_info_of_dataset(architecture, data, &info);
    TRY(load_find_file(config->weights, arena, &weights));
    TRY(network_load(weights, &info, &network));
    enum status code = OK;
    if (strcmp(network.info.architecture, architecture) != 0) {
        code = status_fail(ERR_CONFIG, __FILE__, __LINE__,
                           "network %s: %s holds a %s, the config says %s", config->name, weights,
                           network.info.architecture, architecture);
    } else {
        network_set_dataset(&network, data->name);
        code = set_rows(config, &network);
    }
    if (code != OK) {
        network_close(&network);
        return code;
    }
    *out = network;
    return OK;
}
