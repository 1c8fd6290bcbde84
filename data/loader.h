// Batches of a data set, prepared by threads ahead of use (by one where the images are in memory,
// else by as many as data.threads says): shuffled by (seed, epoch), cropped and
// flipped. Every batch is a pure function of (options, epoch, batch number), whatever the number of
// ranks: rank r of R gets its share of the runs of `deal` rows that global batch B is cut into, as
// sum_tree_share says; with deal 1 rows [r*B/R, (r+1)*B/R).
#pragma once
#include "data/dataset.h"
#include "data/epoch_cut.h"

struct loader_options {
    int batch;          // global batch
    int rank, ranks;    // 0, 1 alone
    int deal;           // rows that are not parted between ranks; 0 is 1
    bool shuffle, full; // full: no smaller last batch, see epoch_cut.h
    // Random crop after zero padding by this much on all sides; 0 = none. Samples of one row or
    // one column are moved along it.
    int crop_pad;
    bool flip; // random horizontal flip, not of samples of one row (sounds, sensors)
    uint64_t seed;
    int first_epoch; // where to start (resume)
    int64_t first_batch;
};

struct batch {
    // [n][h][w][c] u8 or f32 as dataset_fetch gives them, borrowed until the next loader_next
    const uint8_t *images;
    const int32_t *labels; // [n]
    int n;                 // rows on this rank; may be 0 in a batch with fewer runs than ranks
    int64_t epoch, number; // number: within the epoch
};

struct loader;
// indices [n_indices]: the rows to use, copied; NULL = all. `dataset` is borrowed and must outlive
// the loader.
enum status loader_open(const struct dataset *dataset, const int32_t *indices, int n_indices,
                        const struct loader_options *options, struct loader **out);
int64_t loader_batches(const struct loader *loader, int64_t epoch); // of this epoch
struct loader_times {
    double waited; // seconds that loader_next has waited for batches in all
    double busy;   // seconds of processor time that the threads have spent on filling them
};
struct loader_times loader_times(struct loader *loader); // NULL is fine
// The next batch, of the next epoch after the last one. Waits for the threads; allocates nothing.
enum status loader_next(struct loader *loader, struct batch *out);
void loader_close(struct loader *loader); // stops the threads; NULL is fine
