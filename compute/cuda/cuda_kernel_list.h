// Every kernel of compute/cuda. Each has a number, CUDA_name, by which it is launched.
#pragma once

// clang-format off
#define CUDA_KERNEL_LIST(X)                                                                        \
    X(normalize)
// clang-format on

enum cuda_kernel_number {
#define X(name) CUDA_##name,
    CUDA_KERNEL_LIST(X)
#undef X
        CUDA_KERNEL_COUNT
};
