// Which channels of a group to keep. Every criterion gives each channel of each group a score; the
// highest stay.
#pragma once
#include "search_space/criterion_list.h"
#include "search_space/slim.h"

enum criterion_needs { NEEDS_WEIGHTS, NEEDS_ACTIVATIONS, NEEDS_GRADIENTS };

struct criterion_input {
    const struct graph *graph;
    const struct groups *groups;
    const float *params; // [n_floats]
    uint64_t seed;       // "random"
};
// How much each channel matters to one layer. Layers differ in scale; importance.h puts them
// together.
struct criterion {
    const char *name;
    enum criterion_needs needs;
    // values [channels of the node's output], all >= 0, larger = keep: of each channel as this node
    // makes it or hands it on. false: the node says nothing.
    bool (*rows)(const struct criterion_input *input, int node, double *values);
    // values [channels of the node's first input], likewise: of each channel as this node reads it.
    // NULL where that makes no sense.
    bool (*columns)(const struct criterion_input *input, int node, double *values);
};
#define X(id, name) extern const struct criterion criterion_##name;
CRITERION_LIST(X)
#undef X
extern const struct criterion *const criteria[]; // by kind, NULL-ended
extern const char *const criterion_names[];      // of the same, for tables of options

// Every group's channels, the best first: scored once, cut to any widths. Of a group with equal
// parts, each part by itself, one part after the other.
struct ranking {
    const int *order; // group after group, as many as each has channels; arena or borrowed
};
int ranking_count(const struct groups *groups); // how many numbers that is
// scores[g][channel]. Ties: the lower number first. Memory from `arena`.
enum status ranking_by_score(const struct groups *groups, float *const *scores, struct arena *arena,
                             struct ranking *out);
// By importance_score with importance_defaults, and its errors. Memory from `arena`.
enum status criterion_rank(const struct criterion *criterion, const struct criterion_input *input,
                           struct arena *arena, struct ranking *out);
// Keeps the `widths[g]` best channels of each group, with equal_parts the same count in each part.
// Memory from `arena`.
enum status ranking_keep(const struct groups *groups, const struct ranking *ranking,
                         const int *widths, struct arena *arena, struct keep *out);
// Both at once.
enum status criterion_keep(const struct criterion *criterion, const struct criterion_input *input,
                           const int *widths, struct arena *arena, struct keep *out);
