// Channel pruning as an environment (Ma & Fang 2023, MTACP; He et al. 2018, AMC): one step chooses
// the width of one channel group, the budget wall masks what could not be kept within the budget,
// the reward is the accuracy of the slimmed, recalibrated network at the last step and 0 before.
#pragma once
#include "compute/backend.h"
#include "data/dataset.h"
#include "envs/env.h"
#include "nn/network.h"
#include "search_space/criterion.h"

struct prune_network {
    const char *name;
    const char *file; // safetensors of the base network
    struct dataset_options data;
};
struct prune_task {
    const char *name;
    int network;         // index
    double macs, params; // budget: a share of the network's own when <= 1, else a number; 0 = none
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
enum scoring_dtype { SCORING_AUTO, SCORING_INT8, SCORING_FLOAT32 };
enum scoring_reward { REWARD_ACCURACY, REWARD_LOSS, REWARD_DISTILLATION };
enum scoring_refit { REFIT_AUTO, REFIT_ON, REFIT_OFF };
// Config rows "scoring.*".
struct scoring_options {
    int calibration_images;  // training images for BatchNorm statistics (and int8 ranges)
    int calibration_pool;    // that they are chosen from; not above calibration_images: drawn
    int images;              // search-validation images per evaluation; 0 = all
    double validation_share; // of the training part, set apart for the search
    enum scoring_dtype dtype;
    enum scoring_reward reward;
    enum scoring_refit refit; // by least squares
    int refit_images;
};
extern const struct option scoring_option_table[];

// The options struct of env_prune (env_job.config).
struct prune_config {
    const struct prune_network *networks;
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

// A network's images: validation ones are those that the search scores on, the others are for
// calibration and refit. train_rows: what the file says the network was trained on, of this data
// set; when that is known, validation has only others. ERR_INPUT when too few are left: says what
// to do.
enum status prune_split(const struct scoring_options *scoring, const struct dataset *dataset,
                        const struct row_set *train_rows, uint64_t seed, struct arena *arena,
                        struct dataset_split *out);
