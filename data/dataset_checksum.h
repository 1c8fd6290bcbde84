// What tells data sets apart, wherever they lie.
#pragma once
#include "data/dataset.h"

// Of the samples, their labels and groups, in their order, and their shape; not of names and
// places. The same on every machine of one byte order. Reads all of the images once, at some GB/s,
// so errors are those of reading.
enum status dataset_checksum(const struct dataset *dataset, uint64_t *out);
