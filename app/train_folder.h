// The folder of a training run: config.json, inputs.json, checkpoint.safetensors,
// network.safetensors.
#pragma once
#include "app/train_config.h"
#include "run/run_folder.h"

struct train_folder {
    char checkpoint[4096], network[4096]; // paths
    struct run_folder run;                // rank 0, locked
};
// Not collective: for rank 0. Locks the folder and makes it this run's; ERR_CONFIG when another
// process works there, or when work was done there for another config, data or weights.
enum status train_folder_open(const char *path, const struct train_config *config,
                              const struct run_input *input, struct arena *arena,
                              struct train_folder *out);
// Only the paths, for the other ranks.
enum status train_folder_paths(const char *path, struct train_folder *out);
void train_folder_close(struct train_folder *folder); // a zeroed one is fine
