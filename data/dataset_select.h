// Which rows of a data set are taken, and what that shares with cutting it in two. Internal to
// data/.
#pragma once
#include "data/reader.h"

struct selection {
    int32_t *rows, *labels; // [n] rows ascend; in the reading's arena
    int n, classes;
};

// Applies options.classes and options.share to what was read of a part.
enum status dataset_select(const struct dataset_options *options, enum dataset_part part,
                           struct reading *reading, struct selection *out);

// Streams of RNG_SPLIT: indexed by class, one step per use. Part of the run format. Those of a
// share are followed by the test part's.
enum {
    STREAM_SPLIT = 0,
    STREAM_TRAIN_ORDER = 1,
    STREAM_VALIDATION_ORDER = 2,
    STREAM_SHARE = 3,
    STREAM_GROUPS = 5,
    STREAM_GROUPS_SHARE = 6,
};

// Rows by class: those of class k are rows[start[k]] .. rows[start[k + 1] - 1], in random order.
struct by_class {
    int32_t *start, *rows;
};
// labels [n], -1 = none.
enum status shuffle_by_class(const int32_t *labels, int n, int classes, uint64_t seed,
                             uint32_t stream, struct arena *arena, struct by_class *out);
