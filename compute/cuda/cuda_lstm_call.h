// LSTM: what does not depend on the step before is one product of matrices over all steps; each
// step is one launch, a thread for each image and unit.
#pragma once
#include <stdint.h>

// Images, units, steps: n, H, T. Gates i, f, g, o, one [H] each, as in ref_lstm.c.
struct cuda_lstm_call {
    int n, hidden, steps, step;
    const float *w_hh;     // [4H][H]; lstm_step: transposed, [H][4H]
    const float *h0, *c0;  // [n][H]
    const float *reset;    // [n][T] or NULL
    const float *y_before; // [n][T][H]
    float *y;              // [n][T][H]
    float *saved;          // [n][T][6H]: gates, c, tanh c; NULL in inference
    const float *kept;     // what the forward pass saved
    float *gates;          // [n][T][4H]: lstm_step: w_ih x + b; lstm_step_backward: out, gradients
    float *c;              // [n][H]: cell state; lstm_step_backward: its gradient
    float *h_end, *c_end;  // of the last step, or NULL
    const float *dy;       // [n][T][H]
    float *before;         // [n][T][H]: h of the step before
    float *dh0, *dc0;      // [n][H] or NULL
    float *bias;           // [4H]: out
};

// out [m][n] = left [m][k] * right [k][n] + bias [n], each with a step for rows and columns.
struct cuda_product_call {
    const float *left, *right, *bias; // bias: NULL: none
    float *out;                       // contiguous
    int m, n, k;
    int left_row, left_column, right_row, right_column;
};
