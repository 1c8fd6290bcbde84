// Data sets that stay open between orders: reading one again for each would take longer than many
// an order.
#pragma once
#include "data/dataset.h"

enum { RUN_DATA_MOST = 8 };
struct run_data {
    struct run_open_data {
        struct dataset_options options;
        enum dataset_part part;
        struct dataset dataset; // owned
    } sets[RUN_DATA_MOST];
    int n;
    int sharers; // processes of this host that share its memory; 0: not said
};
// How many do from now on. Closes what was opened when they were fewer.
void run_data_share(struct run_data *data, int processes);
// Borrowed until the next call. What no longer fits this process's share of data.memory beside it
// is closed, the longest unused first.
enum status run_data_open(struct run_data *data, const struct dataset_options *options,
                          enum dataset_part part, const struct dataset **out);
void run_data_close(struct run_data *data); // a zeroed one is fine
