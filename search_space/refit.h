// Least-squares refit of the kept weights (He et al. 2017; AMC): the slimmed layer reproduces the
// uncut network's output on sampled training images. One Gram matrix per layer over all channels;
// any subset S of the input channels solves from it.
//   W' = argmin sum_p |y_p - W' x_p[S]|^2 + mu |W' - W_S|^2,   y = W x: the layer's own output
//   W'^T = W_S^T + (G_SS + mu I)^-1 G_SC W_C^T,   C: the cut columns,   G = sum_p x_p x_p^T
//   mu = lambda * mean(diag(G_SS))
// The pull is towards the kept weights W_S, not towards 0: in directions that no sample shows, they
// stay as they are. x are the uncut network's input patches.
#pragma once
#include "compute/backend.h"
#include "nn/plan.h"
#include "search_space/slim.h"

struct refit_options {
    int images;           // training images sampled
    int points_per_image; // output positions sampled per image and layer
    double lambda;        // 1e-6
    uint64_t seed;
};
struct refit; // Gram matrices of one uncut network

// Whether refit_open could be done at all: its ERR_UNSUPPORTED, which names the layer.
enum status refit_check(const struct graph *graph, const struct groups *groups);

// Layers refitted: convolutions, not depthwise, that read some channel that can be cut. graph,
// groups and params are borrowed until refit_close; images: [options->images][h][w][c], u8
// or f32 as `input` says.
// Memory: 4 * K^2 bytes per layer with K = input channels * kernel area, kept.
// ERR_UNSUPPORTED: a layer with K > 4608, or more than 2 GiB in all (VGG-16 takes 0.7 GiB).
enum status refit_open(struct backend *backend, const struct graph *graph,
                       const struct groups *groups, const float *params,
                       const struct plan_input *input, const uint8_t *images,
                       const struct refit_options *options, struct refit **out);
// All matrices in one block of *count numbers, borrowed; and a refit on such a block that was
// gathered before for the same network, borrowed until refit_close: several processes can share it.
const double *refit_grams(const struct refit *refit, size_t *count);
enum status refit_open_grams(const struct graph *graph, const struct groups *groups,
                             const float *params, double lambda, const double *grams,
                             struct refit **out);
// Rewrites the convolution weights of a slimmed network (from slim_network with `keep`). Layers
// that lost no input channel are left as they are: their solution is the weights they have.
enum status refit_apply(const struct refit *refit, const struct keep *keep,
                        const struct graph *slimmed, float *slimmed_params);
void refit_close(struct refit *refit);
