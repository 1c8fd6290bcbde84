// How passes over rows are cut into batches. Passes (epochs) follow each other, so a place in all
// of them counts on: rows e * rows ... of the places are epoch e's, in that epoch's order.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct epoch_cut {
    int64_t rows; // of an epoch, at least 1
    int batch;    // rows, at least 1
    // Every batch has `batch` rows: what an epoch's last one lacks it takes from the next epoch,
    // whose own batches begin behind that. Every row is in some batch of each epoch. Needs batch <=
    // rows. Else an epoch's last batch may be smaller.
    bool full;
};
int64_t epoch_cut_before(const struct epoch_cut *cut, int64_t epoch);  // batches of those before it
int64_t epoch_cut_batches(const struct epoch_cut *cut, int64_t epoch); // of this one
// The place of the first row of batch `number` of an epoch, and how many rows it has.
int64_t epoch_cut_place(const struct epoch_cut *cut, int64_t epoch, int64_t number);
int epoch_cut_size(const struct epoch_cut *cut, int64_t number);
