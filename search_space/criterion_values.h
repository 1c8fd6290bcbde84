// What criteria share: turning one node's value per output channel into group scores.
#pragma once
#include "search_space/criterion.h"

// Adds values [c of the node], all >= 0, to the scores of the groups that its channels belong to,
// scaled to mean 1 over each group. All-zero values add nothing.
void criterion_add_values(const struct groups *groups, int node, const double *values,
                          float *const *scores);

// Calls `fill` for every node whose channels belong to some group and adds what it filled in; nodes
// for which it returns false add nothing. *n_filled (may be NULL) counts the others.
enum status criterion_add_nodes(const struct criterion_input *input,
                                bool (*fill)(const struct criterion_input *input, int node,
                                             double *values),
                                float *const *scores, int *n_filled);

extern const struct criterion criterion_l1, criterion_l2, criterion_bn_gamma, criterion_random;
