// What a run was given, by content: inputs.json of its folder. Data and weights that are the same
// are so wherever they lie; others are not, whatever they are called.
#pragma once
#include "core/option.h"
#include "data/dataset.h"
#include "nn/network.h"

struct run_input_data {
    int64_t images;
    int classes;
    const char *shape;    // 32x32x3
    const char *checksum; // of samples, labels, groups; "" = there is none
};
struct run_input_weights {
    int64_t bytes;        // of the file
    const char *checksum; // of the file and of the weights read from it; "" = there are none
};
struct run_input {
    const char *name; // of the network; "" where there is only one
    struct run_input_weights weights, teacher;
    struct run_input_data train, test;
};
struct run_inputs {
    const struct object_list *networks; // struct run_input
    const char *policy;                 // checksum of a trained agent; "" = none
};

// Texts come from the arena.
enum status run_input_of_data(const struct dataset *dataset, struct arena *arena,
                              struct run_input_data *out);
// weights: as they were read from the file.
enum status run_input_of_weights(const char *path, const struct network *weights,
                                 struct arena *arena, struct run_input_weights *out);
enum status run_input_of_file(const char *path, struct arena *arena, const char **checksum);

enum status run_inputs_write(const struct run_inputs *inputs, const char *path);
enum status run_inputs_read(const char *path, struct arena *arena, struct run_inputs *out);
// ERR_CONFIG when `ours` are others than those recorded in `path`: names the network, what differs
// and what to do.
enum status run_inputs_compare(const char *path, const struct run_inputs *recorded,
                               const struct run_inputs *ours);
