// Which rows of a data set are taken. Internal to data/.
#pragma once
#include "data/dataset.h"

struct selection {
    int32_t *rows, *labels; // [n] rows ascend; arena
    int n, classes;
};

// Applies options.classes and options.share to labels [n] (-1: left out already).
enum status dataset_select(const struct dataset_options *options, enum dataset_part part,
                           const int32_t *labels, int n, int classes, struct arena *arena,
                           struct selection *out);
