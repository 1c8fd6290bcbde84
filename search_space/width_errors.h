// What a width costs, without running a network: how far the layers that read a group would be off
// if only its best channels stayed.
#pragma once
#include "search_space/criterion.h"
#include "search_space/refit.h"

// errors[i] for widths[i] channels of `group`, its best by `ranking`, everything else whole: the
// share of a reading layer's output energy, 0 to 1, that its refitted weights cannot reproduce,
//   min_W' sum_p |y_p - W' x_p[S]|^2 / sum_p |y_p|^2 over the samples of refit.h (with its pull),
// summed over the layers that read the group. Layers without a Gram matrix (refit NULL, or a linear
// layer) count as if their inputs were uncorrelated and of one size: the share of their weights'
// squares on the cut channels. A group that no layer reads has no error.
// widths: 0 to the group's channels, multiples of its equal parts, in any order. One factorisation
// per reading layer, whatever n. ERR_INPUT: weights or Gram matrices that are not finite.
enum status width_errors(const struct criterion_input *network, const struct refit *refit,
                         const struct ranking *ranking, int group, const int *widths, int n,
                         double *errors);

// Scores for wall_global out of width errors: of the channel that a group loses from width w to
// w - 1, how much the error rises, divided by costs[g], what one channel of the group costs
// (wall_channel_costs): cutting the least of them first spends the least sum of errors per saving.
// Errors on many pixels average out on the way to the classes, so that of a layer counts less the
// more pixels it puts out, by their eighth root: measured, a middle way for ResNets, which want the
// fourth root, and DenseNet, which wants none.
//
// *scores[g][channel]; memory from `arena`.
enum status width_scores(const struct criterion_input *network, const struct refit *refit,
                         const struct ranking *ranking, const double *costs, struct arena *arena,
                         float ***scores);
