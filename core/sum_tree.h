// The order in which numbered values are added up, so that the sum is the same bytes whoever holds
// which of them. Values first .. first + n - 1 are the sum of two: of the first p, p being the
// greatest power of two below n, and of the rest; and so on down. So a run of neighbours is a few
// whole nodes of the tree, at most two of each size, and whoever holds the run adds it up to those;
// what is left to add is the same whoever held which run.
#pragma once
#include <stdbool.h>

struct sum_node { // the values first .. first + n - 1
    int first, n;
};

enum { SUM_TREE_MOST = 64 }; // nodes that sum_tree_cover may give

// The least number of nodes of the tree over values 0 .. total - 1 that are the run [first, end),
// in order, into nodes [SUM_TREE_MOST]. Returns how many, 0 for an empty run.
int sum_tree_cover(int total, int first, int end, struct sum_node *nodes);
// The node above. `node` is one of the tree over 0 .. total - 1, and not all of it.
struct sum_node sum_tree_parent(int total, struct sum_node node);
// Of nodes [n] that are all of 0 .. total - 1 in order, calls add(context, to, from) for pairs of
// their indices, to < from, until number 0 is the sum of all.
void sum_tree_fold(int total, const struct sum_node *nodes, int n,
                   void (*add)(void *context, int to, int from), void *context);
// The run of `total` values that is rank's of `ranks`: all runs in order make up the whole, and
// differ by one at most.
struct sum_node sum_tree_share(int total, int rank, int ranks);
