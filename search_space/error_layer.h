// One layer as error_curve.c sees it: what its output loses with each of its input channels.
// Internal to error_curve.c.
#pragma once
#include "search_space/refit_state.h"

// One part of one layer (a dense one is one part), columns ordered [channel][tap].
struct error_layer {
    int channels, taps, rows;
    const float *weights;           // [rows][channels * taps]
    const struct refit_layer *gram; // NULL: none
    double lambda;                  // of the refit
    const int *group;               // [channels] whose each one is; below 0: never cut
    const int *enter;               // [channels] the least width of the group with which it stays
    const double *square;           // [channels] mean square; where there is no Gram matrix
    const double *worth;            // [rows] of each output; NULL: its own square
};
// lost [channels]: with each channel, after those of its group with a greater `enter` are gone and
// all other groups whole: the sum over outputs of their worth times the share of their squares that
// goes; without worth, the share of the sum of all squares. Scratch from `arena`.
enum status error_layer_lost(const struct error_layer *layer, struct arena *arena, double *lost);
