// The way back from fold.h. Exporters to ONNX fold BatchNorm into the convolution before it. What
// is left computes the same, but does not bear training on at usual rates, nor being recalibrated
// once channels are gone. So every convolution that may have had a BatchNorm gets one again.
#pragma once
#include "compute/backend.h"
#include "nn/network.h"

// Whether there is no BatchNorm at all, but a convolution that may have had one: it has a bias,
// more than one pixel comes out, and that is no output of the network.
bool unfold_applies(const struct graph *graph);

// Gives each of those a BATCHNORM, "NAME.batchnorm", that computes what the bias did: mean 0,
// variance 1, beta the bias.
enum status unfold_batchnorm(struct network *network);

// Makes them normalise by what really comes, so that batches do the same: mean and variance are
// measured on images [n], u8 or f32 as the network reads them, gamma and beta follow, and the
// network computes what it did before. For a network fresh from unfold_batchnorm.
enum status unfold_measure(struct backend *backend, const void *images, int n,
                           struct network *network);
