// Batches of a data set, prepared by a thread ahead of use: shuffled by (seed, epoch), cropped and
// flipped. Every batch is a pure function of (options, epoch, batch number), whatever the number of
// ranks: rank r of R gets its share of the runs of `deal` rows that global batch B is cut into, as
// sum_tree_share says; with deal 1 rows [r*B/R, (r+1)*B/R).
#pragma once
#include "data/dataset.h"

struct loader_options {
    int batch;               // global batch
    int rank, ranks;         // 0, 1 alone
    int deal;                // rows that are not parted between ranks; 0 is 1
    bool shuffle, drop_last; // drop_last: only full batches
    int crop_pad;            // random crop after zero padding by this much on all sides; 0 = none
    bool flip;               // random horizontal flip
    uint64_t seed;
    int first_epoch; // where to start (resume)
    int64_t first_batch;
};

struct batch {
    const uint8_t *images; // [n][h][w][c], borrowed until the next loader_next
    const int32_t *labels; // [n]
    int n;                 // rows on this rank; may be 0 in a batch with fewer runs than ranks
    int64_t epoch, number; // number: within the epoch
};

struct loader;
// indices [n_indices]: the rows to use, copied; NULL = all. `dataset` is borrowed and must outlive
// the loader.
enum status loader_open(const struct dataset *dataset, const int32_t *indices, int n_indices,
                        const struct loader_options *options, struct loader **out);
int64_t loader_batches_per_epoch(const struct loader *loader);
// The next batch, of the next epoch after the last one. Waits for the thread; allocates nothing.
enum status loader_next(struct loader *loader, struct batch *out);
void loader_close(struct loader *loader); // stops the thread; NULL is fine
