// The arguments of most kernels: the op and its call.
#pragma once
#include "compute/op.h"

struct cuda_call {
    struct op op;
    struct op_args args;
    int count;   // what the kernel's threads go through: elements, rows, ...
    int width;   // channels of a block, where it adds up columns: 1 to 32, a power of two
    int splits;  // parts of a sum, each by a block of its own
    bool vector; // a thread takes four elements at once, which lie together, aligned to 16 bytes
};
