// The training loop for supernets: which sub-networks an update trains, on one batch, and what
// follows from their gradients. Weights, gradients and the optimiser's state of the shared block
// lie in the backend's memory; a sub-network is an ordinary training plan between them.
#pragma once
#include "search_space/supernet.h"
#include "train/train.h"

// Whom an update trains.
enum supernet_sampling {
    SUPERNET_SINGLE,   // networks drawn uniformly (Guo et al. 2020, single path one-shot)
    SUPERNET_FAIR,     // as many as a decision has choices, each choice in as many of them (Chu et
                       // al. 2021, FairNAS, strict fairness)
    SUPERNET_SANDWICH, // the largest, the least, and drawn ones between (Yu et al. 2020, BigNAS)
    SUPERNET_GRADUAL,  // the largest alone, then kernels, depths and widths become free one after
                       // the other (Cai et al. 2020, Once-for-All)
};
// What weight decay takes hold of.
enum supernet_decay {
    SUPERNET_DECAY_USED,    // the weights of each network that an update trains
    SUPERNET_DECAY_LARGEST, // the weights of the largest network, when an update trains it
    SUPERNET_DECAY_ALL,     // every weight but the transforms of kernels, in every update
};
enum { SUPERNET_MOST_NETWORKS = 33 }; // of an update

// Config rows "supernet.*": those of "train.*" and what only supernets have.
struct supernet_recipe {
    struct train_recipe train; // distill, temperature: of sandwich and gradual, where the largest
                               // network, trained on the labels, teaches the others
    enum supernet_sampling sampling;
    int networks;      // of an update; 0: 1, or 4 of sandwich. Fair: has its own number
    double rate_floor; // the learning rate never falls below this share of its greatest
    enum supernet_decay decay;
    double full_share; // gradual: share of the run in which the largest is trained alone
    int most_plans;    // of sub-networks kept open
    // Of the supernet itself: for struct supernet_options.
    bool kernel_transform, norm_per_width;
};
extern const struct option supernet_option_table[];
// ERR_CONFIG when the rows do not fit each other or so many training images; `name` is the recipe's
// in messages, "supernet".
enum status train_check_supernet_recipe(const struct supernet_recipe *recipe, const char *name,
                                        int n_train);

// What to train with, as in struct train_job. All borrowed.
struct supernet_job {
    struct backend *backend;
    const struct collective *collective;
    const struct dataset *dataset;
    const struct supernet_recipe *recipe;
    const char *name;       // of the recipe, for messages; NULL = "supernet"
    const char *checkpoint; // a file, continued from when it is there; NULL: none
    const char *identity;   // all that shapes the result; NULL without a checkpoint
    double seconds;         // puts off what is left after so long; 0: goes on to the end
    bool quiet;
};
// Names what does not fit between recipe, data, supernet and number of ranks. Not collective;
// without a backend whether the batch can be dealt to the ranks is left out.
enum status train_check_supernet(const struct supernet_job *job, const struct supernet *supernet);

// Collective. Trains the shared block in place, which is what it was when the work was put off.
// Otherwise as train_network, to the same bytes for any number of ranks, threads and interruptions:
// the supernet says which rows it was trained on, the report's losses are those of the largest
// network where it teaches, else means over the networks trained, validation_accuracy is the
// largest network's after recalibration.
enum status train_supernet(const struct supernet_job *job, struct supernet *supernet,
                           struct arena *arena, struct train_report *out);
