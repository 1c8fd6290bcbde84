// What environments share whose candidates are networks: how these are scored, and on which images.
#pragma once
#include "data/dataset.h"

// A network of a config, as far as its candidates' scores are concerned.
struct scoring_network {
    const char *name;
    const char *file; // what candidates are made from: safetensors
    struct dataset_options data;
};
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

// A network's images: validation ones are those that the search scores on, the others are for
// calibration and refit. train_rows: what the file says the network was trained on, of this data
// set; when that is known, validation has only others. ERR_INPUT when too few are left: says what
// to do.
enum status scoring_split(const struct scoring_options *scoring, const struct dataset *dataset,
                          const struct row_set *train_rows, uint64_t seed, struct arena *arena,
                          struct dataset_split *out);
// Whether it can be split so, as network_env_ops.check_images says.
enum status scoring_check_images(const struct scoring_options *scoring, uint64_t seed,
                                 const struct dataset *dataset, const struct row_set *train_rows);
