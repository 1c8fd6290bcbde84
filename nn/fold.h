// Turns a trained graph into its inference form: BatchNorm folded into the convolution before it,
// activation and residual sum attached to the convolution that can carry them, dropout and all that
// the output does not depend on gone.
//
// CONV or LINEAR -> BATCHNORM becomes one node:
//   scale = gamma / sqrt(var + eps), weight' = weight * scale, bias' = beta + (bias - mean) * scale
//
// CONV [-> BATCHNORM] -> ADD(x) [-> ACT] becomes one CONV with sum = x and act. It works in x's
// memory, so this needs an x that is not the network's input and that nobody reads any more when
// the sum runs; else the ADD stays, with its act attached. Such a CONV stands where its ADD stood.
//
// BATCHNORM after anything else stays, with its act attached (DenseNet).
//
// What is merged has no other reader in between.
#pragma once
#include "nn/graph.h"

// A CONV or LINEAR of the folded graph, where it came from.
struct fold_source {
    int conv;      // node in the source graph, -1 for nodes that are not CONV or LINEAR
    int batchnorm; // folded into it, -1 none
    int output;    // the source node whose output value this folded node produces
};

// out: the folded graph (structure only), with the same outputs. sources: one per folded node, from
// the folded graph's arena.
enum status fold_graph(const struct graph *graph, struct graph *out, struct fold_source **sources);

// A copy in which nothing is folded, with sources like those of a folded one.
enum status fold_nothing(const struct graph *graph, struct graph *out,
                         struct fold_source **sources);

// The folded graph's weights from the source's. Both [n_floats]. Call again after the source's
// params changed.
void fold_params(const struct graph *graph, const float *params, const struct graph *folded,
                 const struct fold_source *sources, float *folded_params);
