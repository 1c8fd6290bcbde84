// How well a network's logits meet the labels, and those of another network.
#pragma once
#include "nn/plan.h"

// Sums over all images scored so far.
struct score {
    int64_t images, right;
    double loss;     // cross-entropy, nats; not finite once a logit was not
    double distance; // squared, to the reference's logits: both centred, mean over the classes
    double seconds;  // inside the plan
};
struct score_batch {
    const void *images;    // u8 or f32 [n][h][w][c], host
    const int32_t *labels; // [n]
    int n;                 // <= the plan's batch
    int classes;
    const float *reference; // [n][classes] logits of another network; NULL: no distance
    float *logits;          // [n][classes] out
};
// Runs the batch and adds it to `score`. An image is right when its label has the greatest logit
// (the first of equal ones counts).
enum status score_add(struct infer_plan *plan, const struct score_batch *batch,
                      struct score *score);
