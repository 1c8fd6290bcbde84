// What a run of the loop left on the disk, and comparing two of them byte for byte.
#pragma once
#include "learner/run_rows.h"
#include "loop_case.h"

// What a run left behind.
struct run_outcome {
    int64_t n_episodes, n_updates;
    struct episode_row *episodes;
    struct update_row *updates;
    char *checkpoint;
    size_t checkpoint_bytes;
    struct arena arena;
};
void run_outcome_read(const struct loop_case *c, struct run_outcome *out);
void run_outcome_assert_same(const struct run_outcome *a, const struct run_outcome *b);
