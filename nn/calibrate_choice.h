// Few images that stand for many: those on which a network's BatchNorms see the means and variances
// that a whole pool of images gives them. Statistics of 64 images drawn at random are off by about
// an eighth of a standard deviation, and candidates cut from the network feel it each in its own
// way, which is noise in their ranking. Greedy moment matching takes most of it away (Welling 2009,
// "Herding Dynamical Weights to Learn": moments match to 1/n, where drawn samples' do to
// 1/sqrt(n)), and swaps most of what is left.
#pragma once
#include "core/arena.h"
#include "nn/calibrate_params.h"

struct calibrate_pool {
    struct plan_input input;
    const uint8_t *images; // u8 or f32 [n][h][w][c]
    int n;
};
// *out [wanted][h][w][c]: images of the pool, no two of them the same one, chosen for
// calibrate_params: each of its batches matches the pool by itself. They are the pool's own first
// ones where there is nothing to choose: wanted >= pool->n, or no BatchNorm; else from the arena.
// Networks of more than 8,192 BatchNorm channels look at fewer than 2,048 images of the pool (2^24
// through their number). A function of its arguments, but for the backend's rounding.
enum status calibrate_choose(struct backend *backend, const struct graph *graph,
                             const float *params, const struct calibrate_pool *pool, int wanted,
                             struct arena *arena, const uint8_t **out);
