// How important every channel is, from the whole of its group: what makes it (the rows of every
// layer that produces it) and what reads it (the columns of every layer that consumes it), as in
// the group importance of Fang et al. 2023, "DepGraph: Towards Any Structural Pruning".
#pragma once
#include "search_space/criterion.h"

enum importance_normaliser { NORMALISE_MEAN, NORMALISE_MAX, NORMALISE_NONE };
enum importance_reduction { REDUCE_SUM, REDUCE_MEAN, REDUCE_MOST };
struct importance_options {
    enum importance_normaliser normalise; // what a member's values over its group are divided by
    enum importance_reduction reduce;     // of the members of a channel; MOST: the largest
};
// Their names, NULL-ended, for tables of options.
extern const char *const importance_normalisers[], *const importance_reductions[];
extern const struct importance_options importance_defaults;

// *scores[g][channel] of every group, >= 0, larger = keep. Needs no data, the same bytes each time.
// ERR_CONFIG: a criterion that says nothing of some group (bn_gamma without
// BatchNorm). ERR_INPUT: weights that are not finite. Memory from `arena`.
enum status importance_score(const struct criterion *criterion, const struct criterion_input *input,
                             const struct importance_options *options, struct arena *arena,
                             float ***scores);
