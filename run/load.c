// Opening what commands need: backend, network file, data set.
#include "run/load.h"

#include "core/file.h"
#include "core/log.h"
#include "core/machine.h"
#include "run/load_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    {"precision",
     "cuda: what convolutions multiply in, with sums in float32: float32, tf32 (10 bits of "
     "mantissa) "
     "or bf16 (7), the faster the shorter",
     OPTION_CHOICE, AT(precision), .fallback_text = "float32", .choices = backend_precision_names,
     .shapes = SHAPES_BASE},
    {"profile",
     "cuda: time every kernel by itself and tell at the end where the time went; runs are slower",
     OPTION_BOOL, AT(profile), .fallback = 0},
    {"check", "ref: keep its memory out of the program's reach, to find our own mistakes",
     OPTION_BOOL, AT(check), .fallback = 0},
    {.key = NULL},
};
#undef AT

// Nodes that a driver makes, under Linux and under Windows' Linux.
static bool seems_to_have_device(void)
{
    static const char *const nodes[] = {"/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        if (access(nodes[i], F_OK) == 0) {
            return true;
        }
    }
    return false;
}

enum status load_settle_backend(const struct backend_config *config, int turn,
                                struct backend_use *out)
{
    const bool open = strcmp(config->name, "auto") == 0;
    struct backend_use use = {.options = {.threads = config->threads,
                                          .check = config->check,
                                          .device = config->device,
                                          .precision = config->precision,
                                          .profile = config->profile,
                                          .turn = turn}};
    use.name = open ? backend_best(&use.options, use.why, sizeof use.why) : config->name;
    TRY(backend_ask(use.name, &use.options, &use.facts));
    if (use.facts.n_devices == 0 && !seems_to_have_device()) {
        use.why[0] = '\0'; // nobody expects another
    }
    *out = use;
    return OK;
}

void load_say_backend(const struct backend_use *use)
{
    if (use->why[0] != '\0') {
        log_info("computing on %s: %s", use->name, use->why);
    }
}

enum status load_settled_backend(const struct backend_use *use, struct backend **out)
{
    return backend_open(use->name, &use->options, out);
}

enum status load_backend(const struct backend_config *config, int local_rank, int local_ranks,
                         struct backend **out)
{
    struct backend_use use;
    TRY(load_settle_backend(config, local_rank, &use));
    load_say_backend(&use);
    if (use.options.threads == 0 && local_ranks > 1) {
        const int share = machine_cores() / local_ranks;
        use.options.threads = share > 0 ? share : 1;
    }
    return load_settled_backend(&use, out);
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
