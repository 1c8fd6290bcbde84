// What a kernel's body may use. Kernels are written in what C11 and CUDA C++ have in common: nvcc
// makes device code of a file of kernels, the C compiler makes functions of it that the emulator
// (cuda_emulator.h) runs on any machine, checking what a device leaves unchecked.
//
//   struct scale_args { const float *x; float *y; int64_t count; float factor; };   // in a header
//   PLAIN_KERNEL(scale, struct scale_args, 256)          // name, arguments `a`, most threads
//   {
//       const int64_t i = (int64_t)block_x() * thread_count() + thread_id();
//       if (i < a->count) {
//           a->y[i] = a->x[i] * a->factor;
//       }
//   }
//
// and one line in cuda_kernel_list.h, so that CUDA_scale is its number. PLAIN_KERNEL: its threads
// have nothing to do with each other; BLOCK_KERNEL: it uses shared memory, barriers, or what a warp
// does together; DENSE_KERNEL: a BLOCK_KERNEL of which so many blocks find registers at once in one
// of the device's processors. Functions that kernels call are DEVICE. Rules of the common language:
// casts from void *, no designated initialisers or compound literals, no restrict, no
// variable-length arrays; what C++ has templates for are force-inlined DEVICE functions with
// constant arguments.
//
// Blocks have one dimension, of a multiple of 32 threads; grids have three. All threads of a warp
// must come to a warp_* or mma_* call together, all of a block to block_sync; none may have left
// before. Sums go in a fixed order: the only atomics are on integers.
//
// Given by both sides:
//   int thread_id(), thread_count();  int block_x(), block_y(), block_z(), grid_x(), grid_y(),
//   grid_z();
//   unsigned char *shared_memory();   of the launch's shared_bytes, aligned to 128; holds NaN
//                                     (unknown bytes on a device) at the start of each block
//   void block_sync(); void warp_sync();
//   T warp_xor_T(T value, int mask); T warp_from_T(T value, int lane);   T: f32, f64, i32
//   uint32_t warp_ballot(int condition);           bit l: lane l's condition is not 0
//   int atomic_add_i32(int *at, int value); adds, returns what was there; global or shared memory
//   float max_f32(float a, float b);               NaN where one is
//   uint32_t bf16_pack(float low, float high);     two bf16, rounded to nearest even, low in bits 0
//   uint32_t tf32_round(float value);              its bits, rounded to nearest, ties away
//   void mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2]);   c += a b, m16n8k16
//   void mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2]);   c += a b, m16n8k8
//   void load_matrix_x4(uint32_t r[4], const void *row);             ldmatrix: lane l gives the row
//   void load_matrix_x4_transposed(uint32_t r[4], const void *row);  l % 8 of 8 x 8 matrix l / 8,
//                                     16 bytes in shared memory, aligned to 16
//   void copy_async_16(void *shared, const void *global, int valid); 16 bytes, both sides aligned
//                                     to 16; zeros where valid is 0 (global is not read then)
//   void copy_async_commit();         closes a group of copies of this thread
//   void copy_async_wait(int groups); until at most so many (a constant) of its groups are on their
//                                     way; other threads see the copies after a barrier
//   struct f32x4 load_f32x4(const float *from); void store_f32x4(float *to, struct f32x4 value);
//                                     both aligned to 16
//   void store_f32x2(float *to, float first, float second);   aligned to 8
#pragma once
#include "compute/cuda/cuda_grid.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __CUDACC__
#include "compute/cuda/cuda_thread_device.cuh"
#else
#include "compute/cuda/cuda_thread_host.h"
#endif

DEVICE int lane_id(void)
{
    return thread_id() % WARP;
}

DEVICE int warp_id(void)
{
    return thread_id() / WARP;
}

// The number of this thread in a launch along x.
DEVICE int64_t global_id(void)
{
    return (int64_t)block_x() * thread_count() + thread_id();
}

DEVICE float bits_f32(uint32_t bits)
{
    union {
        uint32_t bits;
        float value;
    } both;
    both.bits = bits;
    return both.value;
}

DEVICE uint32_t f32_bits(float value)
{
    union {
        uint32_t bits;
        float value;
    } both;
    both.value = value;
    return both.bits;
}

// The two numbers of a bf16_pack.
DEVICE float bf16_low(uint32_t pair)
{
    return bits_f32(pair << 16);
}

DEVICE float bf16_high(uint32_t pair)
{
    return bits_f32(pair & 0xffff0000U);
}

// Sums over a warp, the same in every lane, always added up in the same order.
DEVICE float warp_sum_f32(float value)
{
    for (int mask = WARP / 2; mask > 0; mask /= 2) {
        value += warp_xor_f32(value, mask);
    }
    return value;
}

DEVICE double warp_sum_f64(double value)
{
    for (int mask = WARP / 2; mask > 0; mask /= 2) {
        value += warp_xor_f64(value, mask);
    }
    return value;
}
