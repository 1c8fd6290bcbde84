// Opening what commands need: backend, network file, data set.
#include "run/load.h"

#include "core/file.h"
#include "core/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) .offset = offsetof(struct backend_config, field)
const struct option backend_option_table[] = {
    {"name", "what computes: cpu, or ref (plain loops, slow)", OPTION_STRING, AT(name),
     .fallback_text = "cpu"},
    {"threads", "threads to compute with; 0 = one per usable core", OPTION_INT, AT(threads),
     .fallback = 0, .least = 0, .most = 1024},
    {"check", "ref: keep its memory out of the program's reach, to find our own mistakes",
     OPTION_BOOL, AT(check), .fallback = 0},
    {.key = NULL},
};
#undef AT

enum status load_backend(const struct backend_config *config, int local_ranks, struct backend **out)
{
    int threads = config->threads;
    if (threads == 0 && local_ranks > 1) {
        const int share = machine_cores() / local_ranks;
        threads = share > 0 ? share : 1;
    }
    const struct backend_options options = {.threads = threads, .check = config->check};
    return backend_open(config->name, &options, out);
}

void load_info_of_dataset(const char *architecture, const struct dataset *dataset,
                          struct network_info *out)
{
    const struct network_data data = {.name = dataset->name,
                                      .h = dataset->h,
                                      .w = dataset->w,
                                      .c = dataset->c,
                                      .classes = dataset->classes,
                                      .mean = dataset->mean,
                                      .std = dataset->std};
    network_info_of_data(architecture, &data, out);
}

// The file says which data set it is for.
static enum status load_by_metadata(const char *path, const struct network_info *fallback,
                                    const struct dataset_options *options, enum dataset_part part,
                                    struct network *network, struct dataset *dataset)
{
    TRY(network_load(path, fallback, network));
    struct dataset_options named = *options;
    named.name = network->info.dataset;
    enum status code = OK;
    if (named.name[0] == '\0') {
        code = status_fail(ERR_CONFIG, __FILE__, __LINE__,
                           "%s does not say which data set it is for; name it with --data", path);
    } else {
        code = dataset_open(&named, part, dataset);
    }
    if (code != OK) {
        network_close(network);
        *network = (struct network){0};
    }
    return code;
}

enum status load_network_and_data(const char *path, const char *architecture,
                                  const struct dataset_options *options, enum dataset_part part,
                                  struct network *network, struct dataset *dataset)
{
    struct network_info fallback = {0};
    if (options->name[0] == '\0') {
        snprintf(fallback.architecture, sizeof fallback.architecture, "%s", architecture);
        return load_by_metadata(path, &fallback, options, part, network, dataset);
    }
    TRY(dataset_open(options, part, dataset));
    load_info_of_dataset(architecture, dataset, &fallback);
    const enum status code = network_load(path, &fallback, network);
    if (code != OK) {
        dataset_close(dataset);
        *dataset = (struct dataset){0};
    }
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
