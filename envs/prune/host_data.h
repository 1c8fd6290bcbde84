// What the pruning environments of one host need and none of them changes: networks, images,
// rankings, base accuracies. It exists once per host (host_memory.h), with the cache of scores.
#pragma once
#include "compute/backend.h"
#include "envs/prune/host_memory.h"
#include "envs/prune/host_prior.h"
#include "envs/prune/prune.h"
#include "envs/prune/score_cache.h"
#include "nn/network.h"
#include "search_space/criterion.h"

// One training part, cut in two. Networks on the same data, trained on the same rows, share one.
struct host_dataset {
    char name[64];
    int h, w, c, classes;
    bool floats;                                                 // images are f32, else u8
    float mean[NETWORK_MAX_CHANNELS], std[NETWORK_MAX_CHANNELS]; // of pixels / 255, or of floats
    int n_calibration, n_validation;
    const uint8_t *calibration; // [n_calibration][h][w][c] training images, in random order
    const uint8_t *validation;  // [n_validation][h][w][c] kept from training, in random order
    const int32_t *labels;      // [n_validation]
};
struct host_network {
    struct network_info info;
    const char *whole;    // as in struct network, "" of a whole one
    struct graph graph;   // this process' own
    struct groups groups; // likewise
    const float *params;  // [graph.n_floats]
    struct ranking ranking;
    struct host_prior prior;
    const double *grams;  // for refit_open_grams; NULL without refit
    double base_accuracy; // uncut, whole search-validation set, float32
    int data;             // index of its data set
    // What candidates' BatchNorm statistics are taken on: chosen for this network, or the first of
    // the data set's.
    const uint8_t *calibration; // [n_calibration][h][w][c]
    int n_calibration;
    // Its logits, uncut, in float32; NULL where the reward does not ask for them.
    const float *logits; // [n_logits][classes] of the first images of the search-validation set
    int n_logits;
    double spread; // mean squared distance of these from their mean, as score.distance
    // Rows of the data set that went into the weights, or go into those of candidates; owned.
    struct row_set train_rows;
};
struct host_data {
    struct host_memory memory;
    struct host_dataset *datasets; // [n_datasets] arena
    struct host_network *networks; // [n_networks of the config] arena
    int n_datasets, n_networks;
    struct score_slot *cache; // [SCORE_CACHE_SLOTS]
};
// fd as host_memory_open. The backend is used when this process is the one to fill. Errors name the
// network.
enum status host_data_open(const struct prune_config *config, uint64_t seed,
                           struct backend *backend, int fd, struct arena *arena,
                           struct host_data *out);
void host_data_close(struct host_data *data); // a zeroed one is fine

// More training images than the host holds, the same ones first: reads the data set anew. *n comes
// in as how many are wanted and goes out as how many there are.
enum status host_data_sample(const struct prune_config *config, const struct host_data *data,
                             int network, uint64_t seed, struct arena *arena, uint8_t **images,
                             int *n);
