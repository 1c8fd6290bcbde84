// Convolution and its gradients as products of matrices, one for each group: [rows][terms] times
// [terms][columns].
//
//   direction                 rows              terms                    columns
//   CONV                      output pixels     taps x group's inputs    group's outputs
//   CONV_BACKWARD_DATA        input pixels      taps x group's outputs   group's inputs
//   CONV_BACKWARD_WEIGHTS     taps x inputs     output pixels            group's outputs
//
// Pixels count images, rows, columns; the left matrix is never made, its elements are fetched where
// they lie. Packed weights are [groups][terms][padded columns], zeros in the padding, then the
// bias.
#pragma once
#include "compute/backend.h"

enum conv_direction { CONV_FORWARD, CONV_DATA, CONV_WEIGHTS };

struct cuda_conv_call {
    struct op op;
    const float *left;  // x or dy
    const float *right; // packed weights; CONV_BACKWARD_WEIGHTS: dy
    const float *bias;  // NULL: none
    float *out;         // y, dx, or [splits][groups][rows][columns]
    int group_in, group_out;
    int rows, terms, columns;
    int padded;                     // from one term of `right` to the next
    int splits, split_terms;        // CONV_BACKWARD_WEIGHTS: terms of one block; else 1, terms
    bool vector_left, vector_right; // four neighbours lie together, aligned to 16 bytes
};

// Weights into packed ones, or a partial into weights. Weights are [groups][outputs][inputs][taps],
// packed ones [groups][taps][lines][padded columns]: for CONV_BACKWARD_DATA lines are outputs and
// columns inputs, else the other way round. Depthwise ones are one group's, of one input.
struct cuda_pack_call {
    const float *from, *from_bias; // from_bias: NULL: none
    float *to, *to_bias;
    int count; // of packed weights
    int inputs, outputs, taps;
    int padded;
    bool data; // lines are outputs
    int biases;
};

enum { CUDA_PACKS = 40 }; // of one launch

struct cuda_pack_calls {
    struct cuda_pack_call calls[CUDA_PACKS]; // the grid's y
};

// Gradients of depthwise weights, and of any convolution's bias: sums over output pixels. The sums
// are [splits][taps + bias][channels], the partial the same without splits.
struct cuda_tap_call {
    struct op op;
    const float *x, *dy;
    double *sums;
    float *partial;
    int pixels, width, splits; // as in cuda_columns.h
    int taps;                  // 0: of the bias alone
    int count;                 // (taps + bias) x channels
};

// Tiles: rows and columns of a block's part of the product.
enum {
    CONV_THREADS = 256,
    CONV_FLOAT_TILE = 4096, // rows x columns of a float32 tile, 4 x 4 for each thread
    CONV_FLOAT_TERMS = 16,  // taken at once
    CONV_MMA_ROWS = 128,    // 16 for each warp
    CONV_MMA_WORDS = 16,    // of 32 bits: 16 terms of tf32, 32 of bf16
    CONV_MMA_STRIDE = 20,   // words from row to row: eight rows fall into different banks
    CONV_PADDING = 4,       // floats
};
