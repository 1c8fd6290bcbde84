// BatchNorm recalibration: running statistics from training images, after channels were cut; and
// the ranges that int8 needs, gathered in the same pass.
#pragma once
#include "compute/backend.h"
#include "data/dataset.h"
#include "nn/network.h"

// Takes `images` rows of the given training rows (the first of a seeded order). Rewrites network's
// running mean and variance when `batchnorm`; fills ranges [n_nodes] when not NULL.
enum status calibrate_network(struct backend *backend, struct network *network,
                              const struct dataset *dataset, const int32_t *indices, int n,
                              int images, uint64_t seed, bool batchnorm, float *ranges);
