// How much is lost with the channels of one group, guessed from the uncut network alone: for every
// width, what the layers that read the group lose when the best channels stay and the kept weights
// are refitted, as a share of what their outputs are added to.
#pragma once
#include "search_space/criterion.h"
#include "search_space/refit.h"

struct error_input {
    const struct graph *graph;
    const struct groups *groups;
    const float *params;           // [n_floats]
    const struct ranking *ranking; // which channels stay
    const struct refit *refit;     // Gram matrices; NULL: from the weights alone
};
// errors [ranking_count]: of each group those of widths 1 .. its channels, about 0 to 1, never
// rising, 0 at the full width; means over the layers that read it. readers [groups.n]: how many
// those are.
//
// With Gram matrices the loss of output o is the squared error of the best refit over the squared
// output, on the images that the matrices were gathered from:
//   loss_o(C cut) = w_C S w_C^T / w G w^T,   S = G_CC - G_CK G_KK^-1 G_KC = ((G^-1)_CC)^-1
// In an order in which the cut columns are the last ones, G = L L^T gives S = L_CC L_CC^T. So one
// factor and the product W L give the losses of all widths: sums of the squares in its last
// columns. From the weights alone: the cut columns' share of the squared weights, each times the
// mean square that its input is guessed to have (moments.h). A layer's error is the sum over its
// outputs of their loss times their mean square after the BatchNorm behind it, over the guessed
// variance of the sum that this goes into: what a block adds to a residual stream matters as much
// as it is of the stream. Without a sum or without BatchNorm it is a share of the layer's own
// output. ERR_MEMORY; ERR_INPUT: numbers that are not finite.
enum status error_curves(const struct error_input *input, float *errors, int *readers);
