// Which data a model keeps when it cannot take all.
#pragma once
#include "core/rng.h"

struct data_subset {
    int n_best, n_newest, n_random;
};
// Chooses among n data with values y [n]: the n_best greatest (the earlier of equals), of the rest
// the n_newest last ones, of the rest n_random at random; all when that is no more. chosen: their
// indices, ascending; returns how many. order [n], taken [n]: scratch.
int data_subset_choose(const struct data_subset *subset, int n, const double *y, struct rng *rng,
                       int32_t *chosen, int32_t *order, uint8_t *taken);
