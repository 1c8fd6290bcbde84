// What tells data sets apart, wherever they lie.
#pragma once
#include "data/dataset.h"

// Of the samples, their labels and groups, in their order, and their shape; not of names, places
// and how they are kept (data.memory). A described data set is enough. Reads all of the images, or
// DATASET_MEASURED_IMAGES of them where they are more than DATASET_MEASURED_BYTES; of the labels
// always all. The same on every machine of one byte order.
enum status dataset_checksum(const struct dataset *dataset, uint64_t *out);
