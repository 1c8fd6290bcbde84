// What environments offer whose episodes design networks: enough for the stages of a run to check
// their tasks, build, score and describe what an episode chose, without knowing the environment.
// Reached through env_ops.network. A choice is env_outcome.result: for pruning, the widths.
#pragma once
#include "core/json.h"
#include "data/dataset.h"
#include "envs/env.h"
#include "nn/network.h"
#include "search_space/cost.h"

// What is known of a task once the environment is open.
struct network_task_facts {
    int64_t full[COST_KINDS]; // what the whole network costs
    int64_t most[COST_KINDS]; // the budget as numbers; INT64_MAX = none
    double base_accuracy;     // whole, on the whole search-validation set, float32
    int n_steps;              // of an episode
    bool unseen; // no weight of the network was trained on the search-validation images; else it is
                 // not known whether
};
// On the whole search-validation set, in float32.
struct network_score {
    double accuracy; // 0..1; 0 when the loss is not finite
    double loss;     // mean cross-entropy, nats
    double reward;   // what an episode of the task would have been rewarded with
};

struct network_env_ops {
    const char *whole; // what the network with everything is called beside winners: "uncut"
    // ERR_CONFIG when a task of this network cannot be met, whatever is chosen: names the task, the
    // budget and the least there is; ERR_UNSUPPORTED when it cannot be scored as asked for. From
    // the whole graph alone, so that it can be said before any training. config: env_job.config.
    enum status (*check_tasks)(const void *config, int network, const struct network_info *info,
                               const struct graph *graph);
    // ERR_INPUT when the data set has too few images to score on that a network trained on these
    // rows has not seen.
    enum status (*check_images)(const void *config, uint64_t seed, const struct dataset *dataset,
                                const struct row_set *train_rows);

    // ---- of an open environment
    void (*facts)(const struct env *env, int task, struct network_task_facts *out);
    // The network of a choice, refitted when so configured, BatchNorm recalibrated on `images`
    // training images; a function of (config, seed, task, choice, images) alone. Closed by the
    // caller.
    enum status (*build)(struct env *env, int task, const int32_t *choice, int images,
                         struct network *out);
    enum status (*score)(struct env *env, int task, const struct network *network,
                         struct network_score *out);

    // Members of the writer's object that say what was chosen [n] in a task. Needs no open
    // environment, but the networks' files.
    enum status (*describe)(const void *config, int task, const int32_t *choice, int n,
                            struct json_writer *out);
};
