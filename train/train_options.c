// The rows of a config's "train" object, of one for fine-tuning, and of one for supernets.
#include "train/train_supernet.h"

static const char *const optimizers[] = {
    [OPTIMIZER_SGD] = "sgd", [OPTIMIZER_RMSPROP] = "rmsprop", [OPTIMIZER_ADAM] = "adam", NULL};
static const char *const schedules[] = {
    [RATE_COSINE] = "cosine", [RATE_STEP] = "step", [RATE_CONSTANT] = "constant", NULL};
static const char *const samplings[] = {[SUPERNET_SINGLE] = "single",
                                        [SUPERNET_FAIR] = "fair",
                                        [SUPERNET_SANDWICH] = "sandwich",
                                        [SUPERNET_GRADUAL] = "gradual",
                                        NULL};
static const char *const decays[] = {[SUPERNET_DECAY_USED] = "used",
                                     [SUPERNET_DECAY_LARGEST] = "largest",
                                     [SUPERNET_DECAY_ALL] = "all",
                                     NULL};

#define AT(field) .offset = offsetof(struct train_recipe, field)
// clang-format off
#define ROWS(EPOCHS, RATE, DISTILL, SOFTNESS)                                                      \
    {"epochs", "passes over the training images", OPTION_INT, AT(epochs), .fallback = (EPOCHS),    \
     .least = 1, .most = 100000},                                                                  \
    {"batch", "images per update, over all ranks together", OPTION_INT, AT(batch), .fallback = 128,\
     .least = 1, .most = 65536},                                                                   \
    {"optimizer", "how gradients become updates", OPTION_CHOICE, AT(optimizer),                    \
     .fallback_text = "sgd", .choices = optimizers},                                               \
    {"learning_rate", "greatest learning rate", OPTION_DOUBLE, AT(learning_rate),                  \
     .fallback = (RATE), .least = 1e-12, .most = 100},                                             \
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
     OPTION_DOUBLE, AT(temperature), .fallback = (SOFTNESS), .least = 0.1,                         \
     .most = 100},                                                                                 \
    {"validation_share", "share of the training images held out and scored after each epoch",      \
     OPTION_DOUBLE, AT(validation_share), .fallback = 0, .least = 0, .most = 0.9},                 \
    {"all_rows", "train on the images of validation_share too; their score then says little",      \
     OPTION_BOOL, AT(all_rows), .fallback = 0},                                                    \
    {"sync_batchnorm", "BatchNorm statistics over the images of all ranks; without, fewer "        \
     "messages, but the result depends on the number of ranks", OPTION_BOOL, AT(sync_batchnorm),   \
     .fallback = 1}
// clang-format on

const struct option train_option_table[] = {ROWS(10, 0.1, 0, 4), {.key = NULL}};
const struct option finetune_option_table[] = {ROWS(25, 0.04, 0.6, 4), {.key = NULL}};

// A struct supernet_recipe begins with a struct train_recipe.
_Static_assert(offsetof(struct supernet_recipe, train) == 0, "rows of train_recipe lie elsewhere");
#define OF(field) .offset = offsetof(struct supernet_recipe, field)
// clang-format off
const struct option supernet_option_table[] = {
    ROWS(50, 0.05, 1, 1),
    {"sampling", "networks of an update, on one batch: drawn (single); as many as a decision has "
     "choices, each choice in one (fair); the largest, the least and drawn ones (sandwich); the "
     "largest, later drawn ones of which ever more is free (gradual)", OPTION_CHOICE, OF(sampling),
     .fallback_text = "sandwich", .choices = samplings},
    {"networks", "of an update; 0 = 4 of sandwich, else 1. Fair has its own number, gradual has "
     "the teaching one besides", OPTION_INT, OF(networks), .fallback = 0, .least = 0,
     .most = SUPERNET_MOST_NETWORKS - 1},
    {"rate_floor", "the learning rate never falls below this share of the greatest",
     OPTION_DOUBLE, OF(rate_floor), .fallback = 0, .least = 0, .most = 1},
    {"decay", "weights that weight_decay holds: those of every network that is trained (used), of "
     "the largest one alone (largest), or all", OPTION_CHOICE, OF(decay), .fallback_text = "used",
     .choices = decays},
    {"full_share", "gradual: share of the run in which the largest network is trained alone",
     OPTION_DOUBLE, OF(full_share), .fallback = 0.3, .least = 0, .most = 0.99},
    {"kernel_transform", "smaller kernels are the middle of greater ones times a learnt matrix, "
     "not just their middle", OPTION_BOOL, OF(kernel_transform), .fallback = 0},
    {"norm_per_width", "BatchNorms of other widths are others; else they share, too",
     OPTION_BOOL, OF(norm_per_width), .fallback = 0},
    {"most_plans", "networks kept ready to be trained; more take more memory", OPTION_INT,
     SHAPES_NOTHING, OF(most_plans), .fallback = 8, .least = 1, .most = 4096},
    {.key = NULL},
};
// clang-format on
#undef ROWS
#undef AT
#undef OF

enum status train_check_recipe(const struct train_recipe *recipe, const char *name, int n_train)
{
    const double shrinks = recipe->learning_rate * recipe->weight_decay;
    if (recipe->batch > n_train) {
        FAIL(ERR_CONFIG,
             "%s.batch = %d is more than the %d training images left after validation_share; "
             "make it smaller",
             name, recipe->batch, n_train);
    }
    if (recipe->warmup_epochs > recipe->epochs) {
        FAIL(ERR_CONFIG, "%s.warmup_epochs = %g is more than %s.epochs = %d; make it smaller", name,
             recipe->warmup_epochs, name, recipe->epochs);
    }
    if (shrinks >= 1) {
        FAIL(ERR_CONFIG,
             "%s.learning_rate = %g times %s.weight_decay = %g is %g: every update would take away "
             "more than there is of each weight; make one of them smaller",
             name, recipe->learning_rate, name, recipe->weight_decay, shrinks);
    }
    return OK;
}

enum status train_check_supernet_recipe(const struct supernet_recipe *recipe, const char *name,
                                        int n_train)
{
    const bool trains_largest =
        recipe->sampling == SUPERNET_SANDWICH || recipe->sampling == SUPERNET_GRADUAL;
    TRY(train_check_recipe(&recipe->train, name, n_train));
    if (recipe->decay == SUPERNET_DECAY_LARGEST && !trains_largest) {
        FAIL(ERR_CONFIG,
             "%s.decay = \"%s\": updates of %s.sampling = \"%s\" never train the largest network "
             "as such; set one of them to something else",
             name, decays[recipe->decay], name, samplings[recipe->sampling]);
    }
    if (recipe->sampling == SUPERNET_SANDWICH && recipe->networks == 1) {
        FAIL(ERR_CONFIG,
             "%s.networks = 1: a sandwich has the largest and the least network, so at least 2",
             name);
    }
    return OK;
}
