// Images by their rows, as they are kept. Internal to data/.
#pragma once
#include "data/dataset.h"

#include <pthread.h>

size_t dataset_stored_bytes(const struct dataset *dataset); // of one image as it is kept
// All images of the data set, from its files, to `out` [n][h][w][c] of the data set's type.
enum status dataset_fetch_stored(const struct dataset *dataset, void *out);
// Starts a thread that no signal is delivered to. 0 or an errno.
int dataset_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);
