// The rows of a config's "train" object, and of one for fine-tuning.
#include "train/train.h"

static const char *const optimizers[] = {
    [OPTIMIZER_SGD] = "sgd", [OPTIMIZER_RMSPROP] = "rmsprop", [OPTIMIZER_ADAM] = "adam", NULL};
static const char *const schedules[] = {
    [RATE_COSINE] = "cosine", [RATE_STEP] = "step", [RATE_CONSTANT] = "constant", NULL};

#define AT(field) .offset = offsetof(struct train_recipe, field)
// clang-format off
#define ROWS(EPOCHS, RATE, DISTILL)                                                                \
    {"epochs", "passes over the training images", OPTION_INT, AT(epochs), .fallback = (EPOCHS),    \
     .least = 1, .most = 100000},                                                                  \
    {"batch", "images per update, over all ranks together", OPTION_INT, AT(batch), .fallback = 128,\
     .least = 1, .most = 65536},                                                                   \
    {"optimizer", "how gradients become updates", OPTION_CHOICE, AT(optimizer),                    \
     .fallback_text = "sgd", .choices = optimizers},                                               \
    {"learning_rate", "greatest learning rate", OPTION_DOUBLE, AT(learning_rate),                  \
     .fallback = (RATE), .least = 1e-12, .most = 1e6},                                             \
    {"momentum", "of sgd and rmsprop", OPTION_DOUBLE, AT(momentum), .fallback = 0.9, .least = 0,   \
     .most = 0.9999},                                                                              \
    {"weight_decay", "L2 penalty added to every gradient", OPTION_DOUBLE, AT(weight_decay),        \
     .fallback = 5e-4, .least = 0, .most = 1},                                                     \
    {"nesterov", "look-ahead form of sgd's momentum", OPTION_BOOL, AT(nesterov), .fallback = 1},   \
    {"schedule", "how the learning rate falls", OPTION_CHOICE, AT(schedule),                       \
     .fallback_text = "cosine", .choices = schedules},                                             \
    {"steps", "schedule step: epochs after which the rate is multiplied by gamma", OPTION_INT_LIST,\
     AT(steps), .least = 1, .most = 100000},                                                       \
    {"gamma", "schedule step: the factor", OPTION_DOUBLE, AT(gamma), .fallback = 0.1,              \
     .least = 1e-6, .most = 1},                                                                    \
    {"warmup_epochs", "the rate rises linearly over so many epochs first", OPTION_DOUBLE,          \
     AT(warmup_epochs), .fallback = 0, .least = 0, .most = 100000},                                \
    {"crop_pad", "random crop after padding by so many zero pixels; 0 = none", OPTION_INT,         \
     AT(crop_pad), .fallback = 4, .least = 0, .most = 64},                                         \
    {"flip", "random horizontal flip; samples of one row (of sensors) are never mirrored",         \
     OPTION_BOOL, AT(flip), .fallback = 1},                                                        \
    {"clip", "largest norm of the whole gradient; 0 = no limit", OPTION_DOUBLE, AT(clip),          \
     .fallback = 0, .least = 0, .most = 1e9},                                                      \
    {"distill", "share of the loss that asks for the teacher's answers instead of the labels",     \
     OPTION_DOUBLE, AT(distill), .fallback = (DISTILL), .least = 0, .most = 1},                    \
    {"temperature", "distill: softens the teacher's answers and the network's alike",              \
     OPTION_DOUBLE, AT(temperature), .fallback = 4, .least = 0.1, .most = 100},                    \
    {"validation_share", "share of the training images held out and scored after each epoch",      \
     OPTION_DOUBLE, AT(validation_share), .fallback = 0, .least = 0, .most = 0.9},                 \
    {"all_rows", "train on the images of validation_share too; their score then says little",      \
     OPTION_BOOL, AT(all_rows), .fallback = 0},                                                    \
    {"sync_batchnorm", "BatchNorm statistics over the images of all ranks; without, fewer "        \
     "messages, but the result depends on the number of ranks", OPTION_BOOL, AT(sync_batchnorm),   \
     .fallback = 1}
// clang-format on

const struct option train_option_table[] = {ROWS(10, 0.1, 0), {.key = NULL}};
const struct option finetune_option_table[] = {ROWS(25, 0.04, 0.6), {.key = NULL}};
#undef ROWS
#undef AT
