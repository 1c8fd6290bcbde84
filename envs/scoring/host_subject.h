// What candidates are scored against: the whole network that they are made from, on the images of
// its data set. Measured by who fills the host's block, found there by all its workers.
#pragma once
#include "compute/backend.h"
#include "envs/scoring/host_images.h"

struct host_subject {
    struct network_info info;
    int data;                          // index of its data set
    const struct host_dataset *images; // that; NULL until it is known
    double base_accuracy;              // whole, on the whole search-validation set, float32
    // What candidates' BatchNorm statistics are taken on: chosen for this network, or the first of
    // the data set's.
    const uint8_t *calibration; // [n_calibration][h][w][c]
    int n_calibration;
    // The whole network's logits, in float32; NULL where the reward does not ask for them.
    const float *logits; // [n_validation][classes] of the search-validation set
    double spread;       // of those that candidates are scored on: their mean squared distance from
                         // their mean, as score.distance
    // Rows of the data set that went into the weights, or go into those of candidates; owned.
    struct row_set train_rows;
};
// Images and rows; origin: what the network's file says, changed as image_fill_find has it. Its
// info is still to be filled.
enum status host_subject_begin(struct image_fill *fill, const struct scoring_network *network,
                               struct network_origin *origin, struct host_subject *out);
// All that is measured with the whole network's weights, params [n_floats].
enum status host_subject_measure(const struct image_fill *fill, struct backend *backend,
                                 const struct graph *graph, const float *params,
                                 struct host_subject *subject);
void host_subject_close(struct host_subject *subject); // a zeroed one is fine

// A subject's record in the block.
struct host_subject_record {
    struct network_info info;
    double base_accuracy, spread;
    int32_t data, n_calibration;
    uint64_t calibration, logits; // calibration 0: the data set's; logits 0: none
    uint64_t ranges;              // of train_rows
    int32_t n_ranges, rows_known;
};
struct host_subject_record host_subject_place(struct host_placer *placer,
                                              const struct host_subject *subject);
// datasets: those of the block.
enum status host_subject_view(const char *block, const struct host_dataset *datasets,
                              const struct host_subject_record *record, struct host_subject *out);
