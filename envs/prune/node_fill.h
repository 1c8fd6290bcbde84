// Makes the contents of node_data from files. Internal to node_data.c.
#pragma once
#include "envs/prune/node_data.h"

struct node_fill {
    const struct prune_config *config; // borrowed
    uint64_t seed;
    struct backend *backend; // borrowed
    struct arena arena;
    struct dataset_options *options; // [n_datasets], names resolved; arena
    struct row_set *train_rows;      // [n_datasets] that its networks were trained on; owned
    struct row_set *fitted_rows;     // [n_datasets] the others of its split; owned
    const uint8_t **refit_images;    // [n_datasets]; arena
    int *n_refit_images;             // [n_datasets]; arena
    struct node_dataset *datasets;   // arena
    struct node_network *networks;   // arena
    struct refit **refits;           // [n_networks]; owned
    float **params;                  // [n_networks]; owned
    struct text *graphs;             // [n_networks] graph_write of each; owned
    char **whole;                    // [n_networks] network.whole of each; owned
    int n_datasets, n_networks;
};
// Reads, splits, ranks and scores everything; may take a minute.
enum status node_fill_prepare(struct node_fill *fill);
void node_fill_close(struct node_fill *fill); // half prepared is fine
