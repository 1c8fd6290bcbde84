#include "run/run_weights.h"

#include "run/load.h"

#include <string.h>

enum status run_weights_load(const struct network_config *config, const struct dataset *data,
                             struct arena *arena, struct network *out)
{
    struct network_info info;
    const char *weights;
    load_info_of_dataset(config->architecture, data, &info);
    TRY(load_find_file(config->weights, arena, &weights));
    TRY(network_load(weights, &info, out));
    if (strcmp(out->info.architecture, config->architecture) != 0) {
        FAIL(ERR_CONFIG, "network %s: %s holds a %s, the config says %s", config->name, weights,
             out->info.architecture, config->architecture);
    }
    network_set_dataset(out, data->name);
    if (config->train_rows[0] == '\0') {
        return OK;
    }
    row_set_close(&out->train_rows);
    return strcmp(config->train_rows, "unknown") == 0
               ? OK
               : row_set_parse(config->train_rows, &out->train_rows);
}
