// Convolutions in float32 by multiply-adds, for each direction in tiles of 64, 32 and 16 columns.
#include "compute/cuda/cuda_conv_tile.h"

#define CONV_KERNEL(name, direction, columns)                                                      \
    BLOCK_KERNEL(name, struct cuda_conv_call, CONV_THREADS)                                        \
    {                                                                                              \
        conv_tile_run(a, direction, PRECISION_FLOAT32, CONV_FLOAT_TILE / (columns), columns);      \
    }

CONV_KERNEL(conv_f32_64, CONV_FORWARD, 64)
CONV_KERNEL(conv_f32_32, CONV_FORWARD, 32)
CONV_KERNEL(conv_f32_16, CONV_FORWARD, 16)
CONV_KERNEL(conv_data_f32_64, CONV_DATA, 64)
CONV_KERNEL(conv_data_f32_32, CONV_DATA, 32)
CONV_KERNEL(conv_data_f32_16, CONV_DATA, 16)
CONV_KERNEL(conv_weights_f32_64, CONV_WEIGHTS, 64)
CONV_KERNEL(conv_weights_f32_32, CONV_WEIGHTS, 32)
CONV_KERNEL(conv_weights_f32_16, CONV_WEIGHTS, 16)
