// The config of a search: what a JSON file and the command line of `dikdik search` and `dikdik run`
// say. networks x data sets x budgets become tasks; one agent serves them all.
#pragma once
#include "actors/actor_options.h"
#include "agent/agent.h"
#include "core/text.h"
#include "envs/env_list.h"
#include "envs/objective.h"
#include "envs/prune/prune.h"
#include "learner/learner_options.h"
#include "run/load.h"
#include "train/train_supernet.h"

// Room for the options of one space of architectures.
enum { SPACE_OPTION_BYTES = 64 };
union space_values {
    double align;
    char bytes[SPACE_OPTION_BYTES];
};
// A space of architectures in place of a network.
struct network_space {
    const char *name; // "" = it is a network
    union space_values values[NAS_SPACE_COUNT];
};
struct network_config {
    const char *name; // by default the architecture, or the weights' file without its ending
    struct network_hints hints;
    const char *weights;    // file of trained weights; "" = trained first, by `train`
    const char *train_rows; // that the weights were trained on; "" = as their file says
    bool restore_batchnorm;
    bool train_further; // weights are where training begins, instead of all that there is to do
    struct dataset_options data;
    struct train_recipe train;
    struct network_space space;
    struct supernet_recipe supernet; // of a space
};
struct task_config {
    const char *name;          // by default network-macs0.5
    const char *network;       // name of one of the networks; by default the only one
    double budget[COST_KINDS]; // a share of the network's own when <= 1, else a number; 0 = none
    struct objective_options objective;
};
// Room for the options of one of the plain environments.
enum { ENVIRONMENT_OPTION_BYTES = 128 };
union environment_values {
    double align;
    char bytes[ENVIRONMENT_OPTION_BYTES];
};

// What fine-tuning begins with.
enum finetune_from { FINETUNE_FROM_FOUND, FINETUNE_FROM_SCRATCH };
enum run_transport { TRANSPORT_AUTO, TRANSPORT_MPI, TRANSPORT_LOCAL, TRANSPORT_INLINE };
struct run_config {
    const char *name;
    uint64_t seed;
    const char *environment;                               // name, see env_list.h
    union environment_values environments[ENV_KIND_COUNT]; // options of the plain ones
    const struct object_list *networks;                    // struct network_config
    const struct object_list *tasks;                       // struct task_config
    struct space_options space;
    struct scoring_options scoring;
    struct search_options search;
    struct agent_options agent;
    struct learner_options learner;
    struct actor_options actors;
    struct train_recipe finetune;
    enum finetune_from finetune_from;
    struct backend_config backend;
    // Of the command line only.
    enum run_transport transport;
    const char *run_dir; // "" = runs/<name>
    const char *only;    // --task: names of tasks, or new ones as NETWORK:ROW=VALUE
    const char *policy;  // run folder of a trained agent
    int tries;           // with policy
    int restarts;
    int progress_json; // descriptor for lines of progress; 0 = none
    bool json, csv;
    bool dry_run; // only say what would be done
};
extern const struct option run_task_table[];    // rows of one of `tasks`
extern const struct option run_config_table[];  // rows of a config file
extern const struct option run_command_table[]; // the same and those of the command line

// The resolved config as it is kept in the run folder: JSON, pretty.
enum status run_config_text(const struct run_config *config, struct text *out);
// What shapes the result of the stages up to `last`, as JSON. What is compared by content (the
// places of data and weights) and what may grow (search.evaluations) are not in it.
enum status run_config_identity(const struct run_config *config, enum option_shapes last,
                                struct text *out);

const struct network_config *run_config_network(const struct run_config *config, int i);
// How it is trained, be it a network or a space's supernet.
const struct train_recipe *run_config_recipe(const struct network_config *network);
// Whether the run trains it before the search: without weights, or from them on.
bool run_config_trains(const struct network_config *network);
const struct task_config *run_config_task(const struct run_config *config, int i);
int run_config_task_network(const struct run_config *config, int task); // index
// Whether episodes design networks, for the networks and tasks of the config (network_env.h).
bool run_config_designs(const struct run_config *config);
// The budget in words: "macs <= 0.5".
void run_config_budget(const struct task_config *task, char *out, size_t bytes);
