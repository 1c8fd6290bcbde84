// BatchNorm recalibration on a block of images, and the ranges that int8 needs from the same pass.
#pragma once
#include "nn/plan.h"

struct calibration {
    struct plan_input input;
    const void *images; // u8 or f32 [n][h][w][c], host
    int n;              // at least 2. Equal batches are taken: a few images at the end may be left
    bool batchnorm;     // write the running means and variances
    float *ranges;      // [n_nodes] out; NULL: not wanted
    double *seconds;    // grows by the time inside the plan's runs; NULL: not wanted
};

// Images per batch when there are n, and how many batches.
int calibrate_batch(int n);
int calibrate_batches(int n);
// Runs the images through the network with each batch's own BatchNorm statistics; rewrites the
// running slices of params [n_floats]. ERR_INPUT: fewer than 2 images.
enum status calibrate_params(struct backend *backend, const struct graph *graph, float *params,
                             const struct calibration *calibration);
