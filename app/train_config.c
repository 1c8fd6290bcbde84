// Rows of a training config, and its two texts.
#include "app/train_config.h"

#include "core/config.h"

#define MODEL_AT(field) .offset = offsetof(struct model_config, field)
static const struct option model_option_table[] = {
    {"architecture",
     "zoo network, in CIFAR form: of new weights, or of a file that does not say it", OPTION_STRING,
     MODEL_AT(hints.architecture)},
    NETWORK_HINT_ROWS(struct model_config, hints),
    {"weights", "safetensors file to start from; empty = new weights by seed", OPTION_STRING,
     MODEL_AT(weights), .shapes = SHAPES_NOTHING},
    {"teacher", "safetensors file of the network that train.distill learns from", OPTION_STRING,
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
