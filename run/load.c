// Opening what commands need: backend, network file, data set.
#include "run/load.h"

#include "core/file.h"
#include "core/log.h"
#include "core/machine.h"
#include "run/load_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) .offset = offsetof(struct backend_config, field)
const struct option backend_option_table[] = {
    {"name",
     "what computes: cpu, cuda (a GPU of NVIDIA), ref (plain loops, slow), or auto: the GPU where "
     "there is one that can be used, else cpu",
     OPTION_STRING, AT(name), .fallback_text = "auto"},
    {"threads", "threads to compute with; 0 = one per usable core", OPTION_INT, AT(threads),
     .fallback = 0, .least = 0, .most = 1024},
    {"device", "cuda: which of several GPUs; -1 = the processes of a host take turns", OPTION_INT,
     AT(device), .fallback = -1, .least = -1, .most = BACKEND_MOST_DEVICES - 1},
    {"check", "ref: keep its memory out of the program's reach, to find our own mistakes",
     OPTION_BOOL, AT(check), .fallback = 0},
    {.key = NULL},
};
#undef AT

static struct backend_options options_of(const struct backend_config *config)
{
    return (struct backend_options){.threads = config->threads,
                                    .check = config->check,
                                    .device = config->device,
                                    .turn = config->turn};
}

enum status load_settle_backend(struct backend_config *config, struct backend_facts *facts)
{
    const struct backend_options options = options_of(config);
    const bool open = strcmp(config->name, "auto") == 0;
    char why[256] = "";
    config->taken = open ? backend_best(&options, why, sizeof why) : config->name;
    const enum status status = backend_ask(config->taken, &options, facts);
    if (status != OK) {
        config->taken = NULL;
        return status;
    }
    if (open && why[0] != '\0') {
        log_info("computing on %s: %s", config->taken, why);
    }
    return OK;
}

enum status load_backend(const struct backend_config *config, int local_ranks, struct backend **out)
{
    struct backend_config settled = *config;
    struct backend_facts facts;
    if (settled.taken == NULL) {
        TRY(load_settle_backend(&settled, &facts));
    }
    if (settled.threads == 0 && local_ranks > 1) {
        const int share = machine_cores() / local_ranks;
        settled.threads = share > 0 ? share : 1;
    }
    const struct backend_options options = options_of(&settled);
    return backend_open(settled.taken, &options, out);
}

// What the file leaves out, the training images say, whatever part is asked for.
enum status load_named(const char *path, const struct network_hints *hints, bool complete,
                       const struct dataset_options *options, enum dataset_part part,
                       struct network *network, struct dataset *dataset)
{
    struct dataset train = {0};
    TRY(dataset_open(options, part, dataset));
    const struct dataset *data = complete ? NULL : dataset;
    enum status code = OK;
    if (!complete && part != DATASET_TRAIN) {
        code = dataset_describe(options, DATASET_TRAIN, &train);
        if (code == OK) {
            code = dataset_measure(&train);
        }
        data = &train;
    }
    if (code == OK) {
        code = network_file_load(path, hints, data, network);
    }
    dataset_close(&train);
    if (code != OK) {
        dataset_close(dataset);
        *dataset = (struct dataset){0};
    }
    return code;
}

enum status load_network_and_data(const char *path, const struct network_hints *hints,
                                  const struct dataset_options *options, enum dataset_part part,
                                  struct network *network, struct dataset *dataset)
{
    struct network_origin origin;
    struct dataset_options named;
    struct arena arena = {0};
    TRY(network_file_origin(path, &origin));
    row_set_close(&origin.train_rows);
    enum status code = load_data_options(path, origin.dataset, options, &arena, &named);
    if (code == OK) {
        code = load_named(path, hints, origin.complete, &named, part, network, dataset);
    }
    arena_close(&arena);
    return code;
}

enum status load_find_file(const char *path, struct arena *arena, const char **out)
{
    const char *root = getenv("DIKDIK_DATA");
    const bool elsewhere = root != NULL && root[0] != '\0' && path[0] != '/';
    *out = path;
    if (file_exists(path)) {
        return OK;
    }
    if (elsewhere) {
        *out = arena_format(arena, "%s/%s", root, path);
        if (*out == NULL) {
            return ERR_MEMORY;
        }
        if (file_exists(*out)) {
            return OK;
        }
    }
    FAIL(ERR_INPUT,
         "network file %s is not there%s%s; name another, or leave `weights` empty to have the "
         "network trained%s",
         path, elsewhere ? ", nor is " : "", elsewhere ? *out : "",
         elsewhere ? "" : " (relative paths are also looked for under $DIKDIK_DATA)");
}
