// How large the numbers in a network are, guessed from its BatchNorms alone: mean and variance of
// every channel, if it is normally distributed before a ReLU and summands are independent. A tensor
// that no BatchNorm is behind counts as mean 0, variance 1.
#pragma once
#include "nn/node_type.h"

// out: [n_nodes], each node's output. params [n_floats]. ERR_MEMORY only.
enum status moments_guess(const struct graph *graph, const float *params, struct arena *arena,
                          struct moments **out);
