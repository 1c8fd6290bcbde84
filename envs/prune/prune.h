// Channel pruning as an environment (Ma & Fang 2023, MTACP; He et al. 2018, AMC): one step chooses
// the width of one channel group, the budget wall masks what could not be kept within the budget,
// the reward is the accuracy of the slimmed, recalibrated network at the last step and 0 before.
#pragma once
#include "envs/env.h"
#include "envs/scoring/scoring.h"
#include "nn/network.h"
#include "search_space/cost.h"
#include "search_space/criterion.h"

struct prune_task {
    const char *name;
    int network;               // index
    double budget[COST_KINDS]; // a share of the network's own when <= 1, else a number; 0 = none
};
// Which channels stay of a network whose candidates are refitted.
enum space_by {
    SPACE_BY_ERRORS, // those that the others cannot make up for (refit_rank.h)
    SPACE_BY_IMPORTANCE
};
// Config rows "space.*".
struct space_options {
    int round_to;
    double least_share;
    enum group_range groups;
    enum space_by by;
    enum criterion_kind criterion; // which channels stay
};
extern const struct option space_option_table[];
// The options struct of env_prune (env_job.config).
struct prune_config {
    const struct scoring_network *networks; // file: of the base network
    const struct prune_task *tasks;
    int n_networks, n_tasks;
    struct space_options space;
    struct scoring_options scoring;
};

// network_env_ops.check_tasks and check_images; config: struct prune_config.
enum status prune_check_tasks(const void *config, int network, const struct network_info *info,
                              const struct graph *graph);
enum status prune_check_images(const void *config, uint64_t seed, const struct dataset *dataset,
                               const struct row_set *train_rows);
