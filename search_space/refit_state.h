// What refit.c (gathering) and refit_solve.c (solving) share.
#pragma once
#include "search_space/refit.h"

// One part of one convolution (a dense one is one part): K = columns inputs per output, ordered
// [channel of the part][kernel_h][kernel_w] as in the weights.
struct refit_layer {
    int node, part;
    int columns;
    double *gram; // [K * (K + 1) / 2], lower triangle row by row; part of grams
    float *rows;  // [REFIT_ROWS][K]: patches not yet added in; only while gathering
    int n_rows;
};
enum { REFIT_ROWS = 512 }; // few enough for float sums, many enough for a fast matrix product

struct refit {
    struct arena arena;
    const struct graph *graph; // borrowed, as are the next two
    const struct groups *groups;
    const float *params;
    double lambda;
    double *grams; // of all layers; arena, or borrowed and then only read
    size_t n_grams;
    struct refit_layer *layers;
    int n_layers;
};
