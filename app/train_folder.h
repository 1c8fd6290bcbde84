// The folder of a training run: config.json, checkpoint.safetensors, network.safetensors.
#pragma once
#include "app/train_config.h"

struct train_folder {
    char config[4096], checkpoint[4096], network[4096]; // paths
};
// Not collective: for rank 0. As run_folder_claim.
enum status train_folder_open(const char *path, const struct train_config *config,
                              struct train_folder *out);
// Only the paths, for the other ranks.
enum status train_folder_paths(const char *path, struct train_folder *out);
