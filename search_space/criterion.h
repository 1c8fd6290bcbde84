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

// Every group's channels, the best first: scored once, cut to any widths. Of a group with equal
// parts, each part by itself, one part after the other.
struct ranking {
    const int *order; // group after group, as many as each has channels; arena or borrowed
};
int ranking_count(const struct groups *groups); // how many numbers that is
// Ties: the lower number first. ERR_INPUT: weights that are not finite. Memory from `arena`.
enum status criterion_rank(const struct criterion *criterion, const struct criterion_input *input,
                           struct arena *arena, struct ranking *out);
// Keeps the `widths[g]` best channels of each group, with equal_parts the same count in each part.
// Memory from `arena`.
enum status ranking_keep(const struct groups *groups, const struct ranking *ranking,
                         const int *widths, struct arena *arena, struct keep *out);
// Both at once.
enum status criterion_keep(const struct criterion *criterion, const struct criterion_input *input,
                           const int *widths, struct arena *arena, struct keep *out);
