// Every kernel of compute/cuda. Each has a number, CUDA_name, by which it is launched.
#pragma once
#include "compute/cuda/candidate_kernel_list.h"

// clang-format off
#define CUDA_KERNEL_LIST(X)                                                                        \
    X(normalize)                                                                                   \
    CANDIDATE_KERNEL_LIST(X)
// clang-format on

enum cuda_kernel_number {
#define X(name) CUDA_##name,
    CUDA_KERNEL_LIST(X)
#undef X
        CUDA_KERNEL_COUNT
};
