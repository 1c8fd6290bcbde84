// Networks, weights and images for the tests of plans.
#pragma once
#include "compute/backend.h"
#include "nn/graph.h"
#include "nn/plan.h"
#include "test_unit.h"

// One of every node kind that takes images: dense, grouped and depthwise convolutions with and
// without bias, BatchNorm, activations, residual sums, padded shortcuts, concatenation, slices, all
// pools, linear. 9 x 7 x 3 images, 5 classes.
void plan_case_mixed(struct graph *out, bool dropout);
// A sequence network: LSTM over 6 steps of 4 values, then linear.
void plan_case_sequence(struct graph *out);

// Weights with lively BatchNorm statistics; from malloc.
float *plan_case_params(const struct graph *graph, uint64_t seed);
uint8_t *plan_case_images(const struct graph *graph, int n, uint64_t seed); // from malloc
float *plan_case_vectors(const struct graph *graph, int n, uint64_t seed);  // the same as f32
int32_t *plan_case_labels(const struct graph *graph, int n, uint64_t seed);

struct plan_input plan_case_input(bool f32); // mean 0.4.., std 0.2.. for up to 3 channels

// "cuda_host", too: CUDA's kernels in the emulator, or on a device (test_device.h).
struct backend *plan_case_backend(const char *name, int threads, bool check);
double plan_case_difference(const float *a, const float *b,
                            size_t n); // greatest, over greatest |b|
