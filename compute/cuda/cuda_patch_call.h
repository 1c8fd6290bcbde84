// Convolutions out of shared memory: a block loads a patch of the tensor, some rows of it or whole
// small images with all that their windows reach, once as bf16, and every tap multiplies out of it.
//
//   direction                 patch of   result at each pixel of     taps
//   CONV                      x          y                           step through the patch
//   CONV_BACKWARD_DATA        dy         dx                          step backwards; strides leave
//                                                                    zeros between dy's pixels
//   CONV_BACKWARD_WEIGHTS     x          the weights, of y's pixels  as CONV
//
// A tile is `rows` rows of one image, or `images` whole ones: its pixels lie one behind the other.
// Weights and partials lie as cuda_conv_call.h says; there is one group.
#pragma once
#include "compute/op.h"

struct cuda_patch_call {
    struct op op;
    const float *from;                // what patches are of
    const float *right;               // packed weights; CONV_BACKWARD_WEIGHTS: dy
    const float *bias;                // NULL: none
    float *to;                        // y, dx, or [splits][taps x inputs][outputs]
    int from_h, from_w, from_c;       // the patches' tensor
    int to_h, to_w, to_c;             // whose pixels a tile has
    int stride[2], spread[2];         // patch positions from pixel to pixel; from value to value
    int first[2];                     // position of tap 0,0's or the last tap's value of pixel 0
    int tap_first, tap_step[2];       // bytes in the patch
    int images, rows, pixels;         // of a tile
    int tiles, image_tiles;           // in all; of one image
    int patch_h, patch_w;             // positions, of one image
    int channels, chunks;             // of a patch, a multiple of 16; patches that hold all of them
    int line, items;                  // runs of four channels: of a row of a patch, of a patch
    int pitch, patch_bytes;           // bytes from one position to the next; of the patch
    uint32_t by_line, by_quads, by_h; // quick_divisor of line, channels / 4, patch_h
    uint32_t by_rows, by_w;           // of rows, to_w
    int padded;                       // from one term of packed weights to the next
    int splits;                       // CONV_BACKWARD_WEIGHTS: sums, each of every splits-th tile
    bool vector_from, vector_right;   // four channels lie together, aligned to 16 bytes
    bool pairs;                       // two columns of the result, aligned to 8
};

// What quick_divide (cuda_patch.h) takes for this divisor: numbers up to 2^32 / divisor.
static inline uint32_t quick_divisor(int divisor)
{
    return UINT32_MAX / (uint32_t)divisor;
}

enum {
    PATCH_THREADS = 256,
    PATCH_PIXELS = 256, // of a tile at most, 32 for each warp
    PATCH_TAPS = 9,     // that CONV_BACKWARD_WEIGHTS adds up at once
    // CONV_BACKWARD_WEIGHTS: for half of the warps' sums
    PATCH_SUM_BYTES = PATCH_THREADS / 2 * PATCH_TAPS * 8 * 4,
};
