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
     MODEL_AT(weights)},
    {"teacher", "safetensors file of the network that train.distill learns from", OPTION_STRING,
     MODEL_AT(teacher)},
    {.key = NULL},
};

#define AT(field) .offset = offsetof(struct train_config, field)
#define NAME_ROW                                                                                   \
    {                                                                                              \
        "name", "of the run; by default the config file's", OPTION_STRING, AT(name)                \
    }
#define RESULT_ROWS                                                                                \
    {"seed", "of weights, order, augmentation and split", OPTION_SEED, AT(seed), .fallback = 0},   \
        {"model", "the network", OPTION_OBJECT, AT(model), .table = model_option_table},           \
        {"data", "the data set", OPTION_OBJECT, AT(data), .table = dataset_option_table},          \
    {                                                                                              \
        "train", "the recipe", OPTION_OBJECT, AT(train), .table = train_option_table               \
    }
#define BACKEND_ROW                                                                                \
    {                                                                                              \
        "backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table      \
    }

const struct option train_config_table[] = {NAME_ROW, RESULT_ROWS, BACKEND_ROW, {.key = NULL}};
const struct option train_command_table[] = {
    NAME_ROW,
    RESULT_ROWS,
    BACKEND_ROW,
    {"run_dir", "folder of the run; empty = runs/<name>", OPTION_STRING, AT(run_dir)},
    {"json", "print one JSON object at the end", OPTION_BOOL, AT(json), .fallback = 0},
    {.key = NULL},
};
static const struct option identity_table[] = {RESULT_ROWS, {.key = NULL}};

enum status train_config_text(const struct train_config *config, struct text *out)
{
    return config_text(train_config_table, config, out);
}

enum status train_config_identity(const struct train_config *config, struct text *out)
{
    struct train_config shaped = *config;
    shaped.data.data_root = "";
    return config_text(identity_table, &shaped, out);
}
