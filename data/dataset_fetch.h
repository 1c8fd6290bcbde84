// Images by their rows, as they are kept. Internal to data/.
#pragma once
#include "data/dataset.h"

#include <pthread.h>

size_t dataset_stored_bytes(const struct dataset *dataset); // of one image as it is kept
// All images of the data set, from its files, to `out` [n][h][w][c] of the data set's type.
enum status dataset_fetch_stored(const struct dataset *dataset, void *out);
// The rows that stand for all: all of them, ascending, where those take at most
// DATASET_MEASURED_BYTES, else DATASET_MEASURED_IMAGES by seed; never more than `cap`. rows [n]
// out, from the arena.
enum status dataset_some_rows(const struct dataset *dataset, size_t row_bytes, int cap,
                              uint64_t seed, struct arena *arena, int32_t **rows, int *n);
// Starts a thread that no signal is delivered to. 0 or an errno.
int dataset_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);
