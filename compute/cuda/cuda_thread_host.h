// cuda_thread.h for the C compiler: the emulator's side.
#pragma once
#include "compute/cuda/cuda_emulator.h"

#include <string.h>

#define DEVICE static inline
#define UNROLL
#define ROLLED

#define EMULATED_KERNEL(name, type, threads, together)                                             \
    static void name##_body(const type *a);                                                        \
    static void name##_run(const void *args)                                                       \
    {                                                                                              \
        name##_body((const type *)args);                                                           \
    }                                                                                              \
    extern const struct emulated_kernel cuda_host_##name;                                          \
    const struct emulated_kernel cuda_host_##name = {#name, name##_run, threads, together};        \
    static void name##_body(const type *a)
#define PLAIN_KERNEL(name, type, threads) EMULATED_KERNEL(name, type, threads, false)
#define BLOCK_KERNEL(name, type, threads) EMULATED_KERNEL(name, type, threads, true)
#define DENSE_KERNEL(name, type, threads, blocks) BLOCK_KERNEL(name, type, threads)

DEVICE int thread_id(void)
{
    return emulator_place.thread;
}

DEVICE int thread_count(void)
{
    return emulator_place.grid.threads;
}

DEVICE int block_x(void)
{
    return emulator_place.x;
}

DEVICE int block_y(void)
{
    return emulator_place.y;
}

DEVICE int block_z(void)
{
    return emulator_place.z;
}

DEVICE int grid_x(void)
{
    return emulator_place.grid.x;
}

DEVICE int grid_y(void)
{
    return emulator_place.grid.y;
}

DEVICE int grid_z(void)
{
    return emulator_place.grid.z;
}

DEVICE unsigned char *shared_memory(void)
{
    return emulator_shared();
}

DEVICE void block_sync(void)
{
    emulator_block_sync();
}

DEVICE void warp_sync(void)
{
    emulator_warp_sync();
}

DEVICE float warp_from_f32(float value, int lane)
{
    emulator_shuffle(&value, sizeof value, lane);
    return value;
}

DEVICE double warp_from_f64(double value, int lane)
{
    emulator_shuffle(&value, sizeof value, lane);
    return value;
}

DEVICE int warp_from_i32(int value, int lane)
{
    emulator_shuffle(&value, sizeof value, lane);
    return value;
}

DEVICE float warp_xor_f32(float value, int mask)
{
    return warp_from_f32(value, (thread_id() ^ mask) % WARP);
}

DEVICE double warp_xor_f64(double value, int mask)
{
    return warp_from_f64(value, (thread_id() ^ mask) % WARP);
}

DEVICE int warp_xor_i32(int value, int mask)
{
    return warp_from_i32(value, (thread_id() ^ mask) % WARP);
}

DEVICE uint32_t warp_ballot(int condition)
{
    return emulator_ballot(condition != 0);
}

DEVICE int atomic_add_i32(int *at, int value)
{
    const int before = *at; // one thread runs at a time
    *at += value;
    return before;
}

DEVICE float max_f32(float a, float b)
{
    return a != a || a > b ? a : b;
}

DEVICE uint32_t bf16_pack(float low, float high)
{
    return emulator_bf16(low) | emulator_bf16(high) << 16;
}

DEVICE uint32_t tf32_round(float value)
{
    return emulator_tf32(value);
}

DEVICE void mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    emulator_mma(true, c, a, b);
}

DEVICE void mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    emulator_mma(false, c, a, b);
}

DEVICE void load_matrix_x4(uint32_t r[4], const void *row)
{
    emulator_load_matrix(r, row, false);
}

DEVICE void load_matrix_x4_transposed(uint32_t r[4], const void *row)
{
    emulator_load_matrix(r, row, true);
}

DEVICE void copy_async_16(void *shared, const void *global, int valid)
{
    emulator_copy_async(shared, global, valid != 0);
}

DEVICE void copy_async_commit(void)
{
    emulator_copy_commit();
}

DEVICE void copy_async_wait(int groups)
{
    emulator_copy_wait(groups);
}

DEVICE struct f32x4 load_f32x4(const float *from)
{
    struct f32x4 value;
    emulator_check_aligned(from, sizeof value);
    memcpy(&value, from, sizeof value);
    return value;
}

DEVICE void store_f32x4(float *to, struct f32x4 value)
{
    emulator_check_aligned(to, sizeof value);
    memcpy(to, &value, sizeof value);
}

DEVICE void store_f32x2(float *to, float first, float second)
{
    emulator_check_aligned(to, 2 * sizeof *to);
    to[0] = first;
    to[1] = second;
}
