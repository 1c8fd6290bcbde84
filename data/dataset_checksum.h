// What tells data sets apart, wherever they lie.
#pragma once
#include "data/dataset.h"

// Of the samples, their labels and groups, in their order, and their shape; not of names and
// places. The same on every machine of one byte order, in memory, streamed or described only. Of
// parts of more than DATASET_MEASURED_BYTES it looks at the samples of DATASET_MEASURED_IMAGES
// rows, of pictures that have to be decoded at those of 1,024; which rows, a fixed seed says. Reads
// these images, so errors are those of reading.
enum status dataset_checksum(const struct dataset *dataset, uint64_t *out);
