// Images that candidates are recalibrated and scored on, gathered from data sets.
#pragma once
#include "core/arena.h"
#include "envs/scoring/host_placer.h"
#include "envs/scoring/scoring.h"
#include "nn/network.h"

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
size_t host_image_bytes(const struct host_dataset *set);
// What it says of itself; borrows its arrays.
struct network_data host_network_data(const struct host_dataset *set);

// Data sets as they are gathered, and what else is drawn from them.
struct image_fill {
    const struct scoring_options *scoring; // borrowed
    uint64_t seed;
    int more;                        // training images wanted for other ends than calibration
    struct arena *arena;             // borrowed; of all arrays
    struct dataset_options *options; // [n], names resolved
    struct row_set *train_rows;      // [n] that its networks were trained on; owned
    struct row_set *fitted_rows;     // [n] the others of its split; owned
    const uint8_t **drawn;           // [n] of which the next are the first so many
    int *n_more;                     // [n]
    int *n_pool;                     // [n] to choose from; 0: nothing is chosen
    struct host_dataset *datasets;   // [n]
    int n;
};
// most: data sets.
enum status image_fill_open(struct image_fill *fill, int most);
// The index of the data set of this network, gathered if it has not been yet. Where the network's
// options have no name, `origin` says it; rows of a data set of another name say nothing, so
// origin's go then.
enum status image_fill_find(struct image_fill *fill, const struct scoring_network *network,
                            struct network_origin *origin, int *out);
void image_fill_close(struct image_fill *fill); // half open is fine

// More training images than the host holds, the same ones first: reads the data set anew. dataset:
// its name where the options have none. *n comes in as how many are wanted and goes out as how many
// there are.
struct more_images {
    const struct scoring_options *scoring;
    const struct dataset_options *options;
    const char *dataset;
    const struct row_set *train_rows;
    uint64_t seed;
};
enum status host_images_sample(const struct more_images *which, struct arena *arena,
                               uint8_t **images, int *n);

// Of everything that images and scores depend on; hash: what it goes on from.
uint64_t host_hash_network(uint64_t hash, const struct scoring_network *network);
uint64_t host_hash_scoring(uint64_t hash, const struct scoring_options *scoring);
