// Which channels of a group the layers that read it can best do without, when their weights on the
// others are refitted. Channels are taken out one after the other, each time the one whose loss the
// remaining ones make up for best: Hassibi & Stork 1993, "Second order derivatives for network
// pruning: Optimal Brain Surgeon", with the layer's own least squares as the loss and whole
// channels in place of single weights.
#pragma once
#include "search_space/criterion.h"
#include "search_space/refit.h"

// Every group by itself, everything else whole. With H the inverse of the inputs' Gram matrix (and
// the refit's pull) and W the weights refitted so far, taking out the columns c costs a layer
//   tr(W_c (H_cc)^-1 W_c^T)
// of its output energy; a channel's loss is the sum of these shares over the layers that read it.
// Layers without a Gram matrix count as if their inputs were uncorrelated and of one size. Groups
// of more than 64 channels (of each equal part) lose several between two refits. Ties: the lower
// number stays. Memory from `arena`, and of one group's matrices while it works.
enum status refit_rank(const struct criterion_input *network, const struct refit *refit,
                       struct arena *arena, struct ranking *out);
