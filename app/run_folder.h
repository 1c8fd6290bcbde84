// The folder of a training run: config.json (resolved), checkpoint.safetensors,
// network.safetensors.
#pragma once
#include "app/train_config.h"

struct run_folder {
    char config[4096], checkpoint[4096], network[4096]; // paths
};

// Not collective: for rank 0. Makes the folder and writes config.json, or checks that the one there
// belongs to the same run (ERR_CONFIG names the first option that differs).
enum status run_folder_open(const char *path, const struct train_config *config,
                            struct run_folder *out);
// Only the paths, for the other ranks.
enum status run_folder_paths(const char *path, struct run_folder *out);
