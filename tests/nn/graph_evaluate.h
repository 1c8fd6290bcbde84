// An evaluator of graphs that knows nothing of the engine: plain loops over doubles, for tests.
#pragma once
#include "nn/graph.h"

// The output of one image, [h][w][c] of the last node, freed by the caller. Dropout passes through
// and LSTM is not known. A folded CONV with `sum` works in the very memory of the node it adds to,
// so a later reader of that node would see the sum.
double *graph_evaluate(const struct graph *graph, const float *params, const double *input);

// Random parameters of the size that trained ones have, variances between 0.3 and 2.
void graph_random_params(const struct graph *graph, uint64_t seed, float *params);
