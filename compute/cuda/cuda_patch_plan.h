// How a convolution is cut into patches (cuda_patch_call.h).
#pragma once
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/cuda_patch_call.h"

struct cuda_patch {
    struct cuda_patch_call call; // all but addresses and what follows from them
    enum cuda_kernel_number number;
    struct cuda_grid grid;
};

// Whether this convolution, or gradient of one, can go by patches; `patch` is filled then. padded:
// from one term of packed weights to the next. The shape alone decides.
bool cuda_patch_plan(const struct op *op, int padded, struct cuda_patch *patch);

// from, right: as in cuda_patch_call.
void cuda_patch_launch(struct backend *backend, const struct cuda_patch *patch, const float *from,
                       const float *right, const float *bias, float *to);
