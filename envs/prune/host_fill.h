// Makes the contents of host_data from files. Internal to host_data.c.
#pragma once
#include "envs/prune/host_data.h"

struct host_fill {
    const struct prune_config *config; // borrowed
    uint64_t seed;
    struct backend *backend; // borrowed
    struct arena arena;
    struct image_fill images;
    struct host_network *networks; // arena
    struct refit **refits;         // [n_networks]; owned
    float **params;                // [n_networks]; owned
    struct text *graphs;           // [n_networks] graph_write of each; owned
    char **whole;                  // [n_networks] network.whole of each; owned
    int n_networks;
};
// Reads, splits, ranks and scores everything; may take a minute.
enum status host_fill_prepare(struct host_fill *fill);
void host_fill_close(struct host_fill *fill); // half prepared is fine
