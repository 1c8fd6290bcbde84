// Convolutions on the tensor cores, products of bf16, sums in float32, for each direction in tiles
// of 64, 32 and 16 columns.
#include "compute/cuda/cuda_conv_tile.h"

#define CONV_KERNEL(name, direction, columns)                                                      \
    BLOCK_KERNEL(name, struct cuda_conv_call, CONV_THREADS)                                        \
    {                                                                                              \
        conv_tile_run(a, direction, PRECISION_BF16, CONV_MMA_ROWS, columns);                       \
    }

CONV_KERNEL(conv_bf16_64, CONV_FORWARD, 64)
CONV_KERNEL(conv_bf16_32, CONV_FORWARD, 32)
CONV_KERNEL(conv_bf16_16, CONV_FORWARD, 16)
CONV_KERNEL(conv_data_bf16_64, CONV_DATA, 64)
CONV_KERNEL(conv_data_bf16_32, CONV_DATA, 32)
CONV_KERNEL(conv_data_bf16_16, CONV_DATA, 16)
CONV_KERNEL(conv_weights_bf16_64, CONV_WEIGHTS, 64)
CONV_KERNEL(conv_weights_bf16_32, CONV_WEIGHTS, 32)
CONV_KERNEL(conv_weights_bf16_16, CONV_WEIGHTS, 16)
