// Which channels of a group to keep. Every criterion gives each channel of each group a score; the
// highest stay.
#pragma once
#include "search_space/slim.h"

enum criterion_needs { NEEDS_WEIGHTS, NEEDS_ACTIVATIONS, NEEDS_GRADIENTS };

struct criterion_input {
    const struct graph *graph;
    const struct groups *groups;
    const float *params; // [n_floats]
    uint64_t seed;       // "random"
};
struct criterion {
    const char *name;
    enum criterion_needs needs;
    // scores[g][channel] of every group, larger = keep. Each member adds its score, normalised to
    // mean 1 over the group.
    enum status (*score)(const struct criterion_input *input, float *const *scores);
};
extern const struct criterion *const criteria[];          // l1, l2, bn_gamma, random; NULL-ended
const struct criterion *criterion_find(const char *name); // NULL if absent

// Scores every group and keeps the `widths[g]` best channels of each (ties: the lower number). With
// equal_parts, the same count in each part. Memory from `arena`.
enum status criterion_keep(const struct criterion *criterion, const struct criterion_input *input,
                           const int *widths, struct arena *arena, struct keep *out);
