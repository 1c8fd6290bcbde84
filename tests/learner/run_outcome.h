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
// A run broken off after updates first, first + stride and so on, with one to three actors by
// turns, leaves what an unbroken one does. set fills in a case with a folder of its own.
void run_outcome_assert_resumes(void (*set)(struct loop_case *c, const struct method_ops *method),
                                const struct method_ops *method, int64_t first, int64_t stride);
void run_outcome_assert_same(const struct run_outcome *a, const struct run_outcome *b);
