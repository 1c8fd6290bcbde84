// Rows of a training config, and its two texts.
#include "app/train_config.h"

#include "core/config.h"
#include "nn/zoo.h"
#include "run/run_weights.h"

#include <string.h>

#define MODEL_AT(field) .offset = offsetof(struct model_config, field)
static const struct option model_option_table[] = {
    {"architecture",
     "zoo network, in CIFAR form: of new weights, or of a file that does not say it", OPTION_STRING,
     MODEL_AT(hints.architecture), .known = zoo_names},
    NETWORK_HINT_ROWS(struct model_config, hints),
    {"weights", "network file to start from; empty = new weights by seed", OPTION_STRING,
     MODEL_AT(weights), .shapes = SHAPES_NOTHING},
    TRAIN_ROWS_ROW(MODEL_AT(train_rows)),
    RESTORE_BATCHNORM_ROW(MODEL_AT(restore_batchnorm)),
    {"teacher", "file of the network that train.distill learns from", OPTION_STRING,
     MODEL_AT(teacher), .shapes = SHAPES_NOTHING},
    {.key = NULL},
};

// clang-format off
#define AT(field) .offset = offsetof(struct train_config, field)
#define CONFIG_ROWS                                                                                \
    {"name", "of the run; by default the config file's", OPTION_STRING, AT(name),                  \
     .shapes = SHAPES_NOTHING},                                                                    \
    {"seed", "of weights, order, augmentation and split", OPTION_SEED, AT(seed), .fallback = 0,    \
     .shapes = SHAPES_BASE},                                                                       \
    {"model", "the network", OPTION_OBJECT, AT(model), .table = model_option_table,                \
     .shapes = SHAPES_BASE},                                                                       \
    {"data", "the data set", OPTION_OBJECT, AT(data), .table = dataset_option_table,               \
     .shapes = SHAPES_BASE},                                                                       \
    {"train", "the recipe", OPTION_OBJECT, AT(train), .table = train_option_table,                 \
     .shapes = SHAPES_BASE},                                                                       \
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table,        \
     .shapes = SHAPES_NOTHING}

const struct option train_config_table[] = {CONFIG_ROWS, {.key = NULL}};
const struct option train_command_table[] = {
    CONFIG_ROWS,
    {"run_dir", "folder of the run; empty = runs/<name>", OPTION_STRING, AT(run_dir),
     .shapes = SHAPES_NOTHING},
    {"progress_json", "number of an open file that gets progress as JSON lines; 0 = none",
     OPTION_INT, AT(progress_json), .fallback = 0, .least = 0, .most = 1 << 20,
     .shapes = SHAPES_NOTHING},
    {"json", "print one JSON object at the end", OPTION_BOOL, AT(json), .fallback = 0,
     .shapes = SHAPES_NOTHING},
    {.key = NULL},
};
// clang-format on

enum status train_config_text(const struct train_config *config, struct text *out)
{
    return config_text(train_config_table, config, out);
}

enum status train_config_identity(const struct train_config *config, struct text *out)
{
    struct json_writer writer = {.out = out, .pretty = true};
    config_write_shaping(train_config_table, config, SHAPES_BASE, SHAPES_NOTHING, &writer, NULL);
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the text of the config");
    }
    return OK;
}

// "configs/quick.json" -> "quick"
static enum status name_of_config(const char *path, struct arena *arena, const char **out)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const int length = (int)(dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
    *out = arena_format(arena, "%.*s", length, base);
    return *out != NULL ? OK : ERR_MEMORY;
}

static enum status check_model(const struct model_config *model)
{
    if (model->weights[0] != '\0') {
        return run_check_rows(model->train_rows) == OK
                   ? OK
                   : status_context(ERR_CONFIG, "model.train_rows");
    }
    if (model->train_rows[0] != '\0') {
        FAIL(ERR_CONFIG,
             "model.train_rows: expected nothing, as the network has no weights, got \"%.100s\"",
             model->train_rows);
    }
    if (model->hints.architecture[0] == '\0') {
        FAIL(ERR_CONFIG,
             "model: expected \"architecture\", a network of the zoo, or \"weights\", a "
             "network file to start from; got neither");
    }
    const enum status code = zoo_check(model->hints.architecture);
    return code == OK ? OK : status_context(code, "model.architecture");
}

enum status train_config_resolve(struct train_config *config, const char *path, struct arena *arena)
{
    TRY(check_model(&config->model));
    config->train.seed = config->seed;
    if (config->name[0] == '\0') {
        TRY(name_of_config(path, arena, &config->name));
    }
    if (config->name[0] == '\0' || strchr(config->name, '/') != NULL || config->name[0] == '.') {
        FAIL(ERR_CONFIG,
             "%s: name: expected a plain word, got \"%s\"; it becomes the name of a folder", path,
             config->name);
    }
    if (config->data.name[0] == '\0' && config->data.path[0] == '\0') {
        FAIL(ERR_CONFIG, "data.name: expected a data set, got nothing");
    }
    if (config->run_dir[0] == '\0') {
        config->run_dir = arena_format(arena, "runs/%s", config->name);
    }
    return config->run_dir != NULL ? OK : ERR_MEMORY;
}
