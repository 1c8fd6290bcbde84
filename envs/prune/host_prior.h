// What is known of a network's groups before any candidate has been tried, from its weights and,
// with refit, its Gram matrices. Curves over the widths of each group, 1 .. its channels, group
// after group [ranking_count].
#pragma once
#include "search_space/criterion.h"
#include "search_space/refit.h"

struct host_prior {
    const float *norm;  // share of the group's l1 norm that its `width` largest channels hold
    const float *gamma; // likewise of BatchNorm's |gamma|; a group without one: as `norm`
    const float *error; // error_curve.h
    const int *readers; // [groups.n] likewise
};
// ranking: which channels stay. refit NULL: error from the weights alone. Memory from `arena`.
enum status host_prior_make(const struct criterion_input *input, const struct ranking *ranking,
                            const struct refit *refit, struct arena *arena, struct host_prior *out);
// Of a network whose weights are not known yet: every channel counts alike. Memory from `arena`.
enum status host_prior_flat(const struct groups *groups, struct arena *arena,
                            struct host_prior *out);
