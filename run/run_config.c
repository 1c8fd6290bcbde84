// Rows of a search config, and its two texts. Reading and checking is in app/search_config_read.c.
#include "run/run_config.h"

#include "core/config.h"
#include "nn/zoo.h"

#include <stdio.h>
#include <string.h>

#define SPACE_AT(field) .offset = offsetof(struct network_space, field)
#define SPACE_ROW(id, name_)                                                                       \
    {#name_, "options of space " #name_, OPTION_OBJECT, SPACE_AT(values[NAS_##id]),                \
     .table = nas_##name_##_option_table},
// clang-format off
static const struct option network_space_table[] = {
    {"name", "of the space: mobile, macro, resnet or cell; empty: this is a network", OPTION_STRING,
     SPACE_AT(name), .known = nas_space_names},
    NAS_SPACE_LIST(SPACE_ROW)
    {.key = NULL},
};
// clang-format on

#define NETWORK_AT(field) .offset = offsetof(struct network_config, field)
static const struct option network_table[] = {
    {"name", "by default the architecture, or the name of the weights' file", OPTION_STRING,
     NETWORK_AT(name)},
    {"architecture",
     "zoo network, in CIFAR form: one to be trained, or of weights whose file does not say it",
     OPTION_STRING, NETWORK_AT(hints.architecture), .known = zoo_names},
    NETWORK_HINT_ROWS(struct network_config, hints),
    {"weights", "safetensors file of the trained network; empty = it is trained first",
     OPTION_STRING, NETWORK_AT(weights), .shapes = SHAPES_NOTHING},
    TRAIN_ROWS_ROW(NETWORK_AT(train_rows)),
    RESTORE_BATCHNORM_ROW(NETWORK_AT(restore_batchnorm)),
    {"train_further",
     "train the network or supernet of these weights on, as without weights, before the search",
     OPTION_BOOL, NETWORK_AT(train_further), .fallback = 0},
    {"data", "the data set", OPTION_OBJECT, NETWORK_AT(data), .table = dataset_option_table},
    {"train", "how it is trained without weights, or further", OPTION_OBJECT, NETWORK_AT(train),
     .table = train_option_table},
    {"space", "of architectures, in place of a network: a supernet of it is trained", OPTION_OBJECT,
     NETWORK_AT(space), .table = network_space_table},
    {"supernet", "how the supernet of a space is trained without weights, or further",
     OPTION_OBJECT, NETWORK_AT(supernet), .table = supernet_option_table},
    {.key = NULL},
};

#define TASK_AT(field) .offset = offsetof(struct task_config, field)
const struct option run_task_table[] = {
    {"name", "by default network-macs<budget>", OPTION_STRING, TASK_AT(name)},
    {"network", "name of one of the networks; may be left out where there is only one",
     OPTION_STRING, TASK_AT(network)},
    {"macs",
     "most multiply-adds: a share of the network's own up to 1, else a number; 0 = no limit",
     OPTION_DOUBLE, TASK_AT(budget[COST_MACS]), .fallback = 0, .least = 0, .most = 1e15},
    {"params", "most parameters, likewise", OPTION_DOUBLE, TASK_AT(budget[COST_PARAMS]),
     .fallback = 0, .least = 0, .most = 1e15},
    {"bytes", "most bytes of its weights as saved, likewise", OPTION_DOUBLE,
     TASK_AT(budget[COST_BYTES]), .fallback = 0, .least = 0, .most = 1e15},
    {"objective", "what is rewarded beside accuracy, of environment nas", OPTION_OBJECT,
     TASK_AT(objective), .table = objective_option_table},
    {.key = NULL},
};

static const char *const transports[] = {[TRANSPORT_AUTO] = "auto",
                                         [TRANSPORT_MPI] = "mpi",
                                         [TRANSPORT_LOCAL] = "local",
                                         [TRANSPORT_INLINE] = "inline",
                                         NULL};

static const char *const finetune_froms[] = {
    [FINETUNE_FROM_FOUND] = "found", [FINETUNE_FROM_SCRATCH] = "scratch", NULL};

// clang-format off
#define AT(field) .offset = offsetof(struct run_config, field)
#define PLAIN_ROW(id, name_)                                                                       \
    {#name_, "environment " #name_, OPTION_OBJECT, AT(environments[ENV_##id]),                     \
     .table = name_##_option_table, .shapes = SHAPES_SEARCH},
// scoring before networks: of two that differ because of one, the one that the user wrote is named.
#define CONFIG_ROWS                                                                                \
    {"name", "of the run; by default the config file's", OPTION_STRING, AT(name),                  \
     .shapes = SHAPES_NOTHING},                                                                    \
    {"seed", "of everything that is drawn", OPTION_SEED, AT(seed), .fallback = 0,                  \
     .shapes = SHAPES_BASE},                                                                       \
    {"environment", "prune, nas, or a small one that proves the learner", OPTION_STRING,                \
     AT(environment), .fallback_text = "prune", .known = env_names, .shapes = SHAPES_SEARCH},                          \
    ENV_PLAIN_LIST(PLAIN_ROW)                                                                      \
    {"scoring", "how a candidate is scored", OPTION_OBJECT, AT(scoring),                           \
     .table = scoring_option_table, .shapes = SHAPES_SEARCH},                                      \
    {"networks", "what is pruned, or searched", OPTION_LIST, AT(networks), .table = network_table,              \
     .element_bytes = sizeof(struct network_config), .shapes = SHAPES_BASE},                       \
    {"tasks", "network and budget of each task", OPTION_LIST, AT(tasks), .table = run_task_table,  \
     .element_bytes = sizeof(struct task_config), .shapes = SHAPES_SEARCH},                        \
    {"space", "which widths there are", OPTION_OBJECT, AT(space), .table = space_option_table,     \
     .shapes = SHAPES_SEARCH},                                                                     \
    {"search", "method and price", OPTION_OBJECT, AT(search), .table = search_option_table,        \
     .shapes = SHAPES_SEARCH},                                                                     \
    {"agent", "the policy's network", OPTION_OBJECT, AT(agent), .table = agent_option_table,       \
     .shapes = SHAPES_SEARCH},                                                                     \
    {"learner", "how the policy learns", OPTION_OBJECT, AT(learner), .table = learner_option_table,\
     .shapes = SHAPES_SEARCH},                                                                     \
    {"finetune", "how the winners are trained on", OPTION_OBJECT, AT(finetune),                    \
     .table = finetune_option_table, .shapes = SHAPES_FINETUNE},                                   \
    {"finetune_from",                                                                              \
     "what fine-tuning begins with: the weights that were found, or new ones, by seed",           \
     OPTION_CHOICE, AT(finetune_from), .fallback_text = "found", .choices = finetune_froms,        \
     .shapes = SHAPES_FINETUNE},                                                                   \
    {"actors", "the processes that try candidates", OPTION_OBJECT, AT(actors),                     \
     .table = actor_option_table, .shapes = SHAPES_NOTHING},                                       \
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table,        \
     .shapes = SHAPES_NOTHING}

const struct option run_config_table[] = {CONFIG_ROWS, {.key = NULL}};
const struct option run_command_table[] = {
    CONFIG_ROWS,
    {"transport",
     "mpi: a rank per actor, under mpirun; local: actors are children of one process; inline: all "
     "in one process, in turn; auto: mpi, which starts mpirun where needed",
     OPTION_CHOICE, AT(transport), .fallback_text = "auto", .choices = transports,
     .shapes = SHAPES_NOTHING},
    {"run_dir", "folder of the run; empty = runs/<name>", OPTION_STRING, AT(run_dir),
     .shapes = SHAPES_NOTHING},
    {"task",
     "only these tasks, comma-separated: names, or new ones of a network of the config, as "
     "NETWORK:ROW=VALUE with a task's rows: resnet20:macs=0.38:params=0.5, or "
     "digits:objective.macs=0.2:name=light",
     OPTION_STRING, AT(only), .shapes = SHAPES_NOTHING},
    {"policy", "run folder of a trained agent that proposes, without learning on", OPTION_STRING,
     AT(policy), .shapes = SHAPES_NOTHING},
    {"tries", "with --policy: candidates per task", OPTION_INT, AT(tries), .fallback = 16,
     .least = 1, .most = 1e6, .shapes = SHAPES_NOTHING},
    {"restarts", "start a job that lost a process again, at most so often", OPTION_INT,
     AT(restarts), .fallback = 3, .least = 0, .most = 1000, .shapes = SHAPES_NOTHING},
    {"progress_json", "number of an open file that gets progress as JSON lines; 0 = none",
     OPTION_INT, AT(progress_json), .fallback = 0, .least = 0, .most = 1 << 20,
     .shapes = SHAPES_NOTHING},
    {"json", "print one JSON object at the end", OPTION_BOOL, AT(json), .fallback = 0,
     .shapes = SHAPES_NOTHING},
    {"dry_run",
     "measure for some seconds, then say what would be done and how long it would take, without "
     "leaving a file",
     OPTION_BOOL, AT(dry_run), .fallback = 0, .shapes = SHAPES_NOTHING},
    {"csv", "print the tasks as comma-separated values at the end", OPTION_BOOL, AT(csv),
     .fallback = 0, .shapes = SHAPES_NOTHING},
    {.key = NULL},
};
// clang-format on

enum status run_config_text(const struct run_config *config, struct text *out)
{
    return config_text(run_config_table, config, out);
}

enum status run_config_identity(const struct run_config *config, enum option_shapes last,
                                struct text *out)
{
    for (int shapes = SHAPES_BASE; shapes <= (int)last; shapes++) {
        if (shapes != SHAPES_MORE) {
            struct json_writer writer = {.out = out, .pretty = true};
            config_write_shaping(run_config_table, config, (enum option_shapes)shapes,
                                 SHAPES_NOTHING, &writer, NULL);
        }
    }
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the text of the config");
    }
    return OK;
}

const struct network_config *run_config_network(const struct run_config *config, int i)
{
    CHECK(i >= 0 && i < config->networks->n);
    return &((const struct network_config *)config->networks->values)[i];
}

const struct train_recipe *run_config_recipe(const struct network_config *network)
{
    return network->space.name[0] != '\0' ? &network->supernet.train : &network->train;
}

bool run_config_trains(const struct network_config *network)
{
    return network->weights[0] == '\0' || network->train_further;
}

const struct task_config *run_config_task(const struct run_config *config, int i)
{
    CHECK(i >= 0 && i < config->tasks->n);
    return &((const struct task_config *)config->tasks->values)[i];
}

int run_config_task_network(const struct run_config *config, int task)
{
    const char *name = run_config_task(config, task)->network;
    for (int i = 0; i < config->networks->n; i++) {
        if (strcmp(run_config_network(config, i)->name, name) == 0) {
            return i;
        }
    }
    return -1;
}

bool run_config_designs(const struct run_config *config)
{
    const struct env_ops *ops = env_find(config->environment);
    return ops != NULL && ops->network != NULL;
}

void run_config_budget(const struct task_config *task, char *out, size_t bytes)
{
    int length = 0;
    out[0] = '\0';
    for (int k = 0; k < COST_KINDS && length < (int)bytes; k++) {
        if (task->budget[k] > 0) {
            length += snprintf(out + length, bytes - (size_t)length, "%s%s <= %g",
                               length > 0 ? ", " : "", cost_names[k], task->budget[k]);
        }
    }
}
