// Makes the contents of host_data from files. Internal to host_data.c.
#pragma once
#include "envs/prune/host_data.h"

struct host_fill {
    const struct prune_config *config; // borrowed
    uint64_t seed;
    struct backend *backend; // borrowed
    struct arena arena;
    struct dataset_options *options; // [n_datasets], names resolved; arena
    struct row_set *train_rows;      // [n_datasets] that its networks were trained on; owned
    struct row_set *fitted_rows;     // [n_datasets] the others of its split; owned
    const uint8_t **drawn_images;    // [n_datasets] of which the next are the first so many; arena
    int *n_refit_images;             // [n_datasets]; arena
    int *n_pool_images;              // [n_datasets] to choose from; 0: nothing is chosen; arena
    struct host_dataset *datasets;   // arena
    struct host_network *networks;   // arena
    struct refit **refits;           // [n_networks]; owned
    float **params;                  // [n_networks]; owned
    struct text *graphs;             // [n_networks] graph_write of each; owned
    char **whole;                    // [n_networks] network.whole of each; owned
    int n_datasets, n_networks;
};
// Reads, splits, ranks and scores everything; may take a minute.
enum status host_fill_prepare(struct host_fill *fill);
void host_fill_close(struct host_fill *fill); // half prepared is fine
