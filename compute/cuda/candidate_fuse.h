// Which runs of a network's steps fit into a block's shared memory, so that one launch takes a few
// images through all of them.
#pragma once
#include "compute/cuda/candidate_layout.h"

enum { CANDIDATE_UNPLACED = -1 };

// Steps [first, first + n). Places are bytes in shared memory.
struct candidate_fused_plan {
    int first, n;
    int in_value, in_at; // the only value from before that they read
    int each;            // images of a block
    size_t shared_bytes;
    int *value_at;   // [n] of what each puts out; arena
    int *weights_at; // [n] of its taps and weights; CANDIDATE_UNPLACED: has none; arena
    int *ahead;      // [n] which step's weights are fetched while it runs (itself: before it does)
};

// Places the layout's values, too. plans [*n]: the longest runs from the first step on, none of
// fewer than two steps; arena. In order.
enum status candidate_fuse(struct candidate_layout *layout, size_t shared_bytes,
                           struct arena *arena, struct candidate_fused_plan **plans, int *n);
