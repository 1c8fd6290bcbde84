// What the emulator gives kernels, and that it finds what they do wrong.
#include "compute/cuda/cuda_thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct numbers {
    const float *x;
    float *y;
    int count, mode;
};

PLAIN_KERNEL(square, struct numbers, 64)
{
    const int64_t i = global_id() + (int64_t)block_y() * grid_x() * thread_count();
    if (i < a->count) {
        a->y[i] = a->x[i] * a->x[i];
    }
}

// y[block]: the sum of the block's numbers; the warps' sums go through shared memory.
BLOCK_KERNEL(block_sum, struct numbers, 256)
{
    float *sums = (float *)(void *)shared_memory();
    const int64_t i = global_id();
    const float sum = warp_sum_f32(i < a->count ? a->x[i] : 0.0F);
    if (lane_id() == 0) {
        sums[warp_id()] = sum;
    }
    block_sync();
    if (warp_id() == 0) {
        const int warps = thread_count() / WARP;
        const float total = warp_sum_f32(lane_id() < warps ? sums[lane_id()] : 0.0F);
        if (lane_id() == 0) {
            a->y[block_x()] = total;
        }
    }
}

// y [16][8] = x [16][k] * x2 [8][k]': k is 16 (bf16) or 8 (tf32); x2 follows x.
BLOCK_KERNEL(product, struct numbers, 32)
{
    const int k = a->mode != 0 ? 16 : 8, row = lane_id() / 4, column = lane_id() % 4;
    uint32_t *left = (uint32_t *)(void *)shared_memory(), *right = left + 64 * 2;
    for (int i = lane_id(); i < 24 * 8; i += WARP) {
        const float *from = a->x + (a->mode != 0 ? 2 * i : i);
        left[i] = a->mode != 0 ? bf16_pack(from[0], from[1]) : tf32_round(from[0]);
    }
    block_sync();
    uint32_t ra[4], rb[4];
    float c[4] = {0.0F, 0.0F, 0.0F, 0.0F};
    const int matrix = lane_id() / 8;
    load_matrix_x4(ra, left + (lane_id() % 8 + matrix % 2 * 8) * 8 + matrix / 2 * 4);
    load_matrix_x4(rb, right + lane_id() % 8 * 8 + matrix % 2 * 4);
    if (a->mode != 0) {
        mma_bf16(c, ra, rb);
    } else {
        mma_tf32(c, ra, rb);
    }
    for (int r = 0; r < 4; r++) {
        a->y[(row + r / 2 * 8) * 8 + 2 * column + r % 2] = c[r];
    }
    (void)k;
}

// Copies that overlap with work; y[i] = x[i] + x[i + 128], block of 32 threads.
BLOCK_KERNEL(copies, struct numbers, 32)
{
    float *near = (float *)(void *)shared_memory(), *far = near + 128;
    copy_async_16(near + 4 * thread_id(), a->x + 4 * thread_id(), 1);
    copy_async_commit();
    copy_async_16(far + 4 * thread_id(), a->x + 128 + 4 * thread_id(), thread_id() < a->mode);
    copy_async_commit();
    copy_async_wait(1);
    block_sync();
    float kept[4];
    for (int i = 0; i < 4; i++) {
        kept[i] = near[(4 * thread_id() + i + 64) % 128]; // another thread's
    }
    a->y[thread_id()] = far[4 * thread_id()]; // has not landed: NaN
    copy_async_wait(0);
    block_sync();
    for (int i = 0; i < 4; i++) {
        const int at = (4 * thread_id() + i + 64) % 128;
        a->y[32 + at] = kept[i] + far[at];
    }
}

enum { FAULTS = 10 };

BLOCK_KERNEL(faulty, struct numbers, 64)
{
    unsigned char *shared = shared_memory();
    float *values = (float *)(void *)shared;
    uint32_t r[4];
    const int me = thread_id();
    switch (a->mode) {
    case 0: // a barrier that half of them miss
        if (me < 32) {
            block_sync();
        }
        break;
    case 1: // lanes at different instructions
        a->y[0] = me % 2 == 0 ? warp_sum_f32(1.0F) : (float)warp_ballot(1);
        break;
    case 2: // a warp of which some have left
        if (me % 4 != 0) {
            warp_sync();
        }
        break;
    case 3: // past the end, onto the faulting page
        values[1024 / 4 + me] = 1.0F;
        break;
    case 4: // a row that is not aligned
        load_matrix_x4(r, shared + 8);
        break;
    case 5: // a row outside
        load_matrix_x4(r, shared + 1024);
        break;
    case 6: // copies never waited for
        copy_async_16(shared + 16 * me, a->x, 1);
        break;
    case 7:
        copy_async_16(shared + 16 * me, (const char *)a->x + 4, 1);
        break;
    case 8:
        a->y[0] = load_f32x4(a->x + 1).x;
        break;
    default: // a barrier missed for want of another
        values[me] = 1.0F;
        a->y[me] = values[63 - me];
        if (me == 0 && a->y[0] != 1.0F) {
            block_sync();
        }
    }
}

static void launch(const struct emulated_kernel *kernel, int blocks, int threads, size_t shared,
                   const struct numbers *args)
{
    const struct cuda_grid grid = {blocks, 1, 1, threads, shared};
    emulator_launch(kernel, &grid, args);
}

static float number(int i)
{
    return (float)((i * 37) % 23 - 11) * 0.125F;
}

static void test_plain(void **state)
{
    (void)state;
    float x[250], y[251];
    for (int i = 0; i < 250; i++) {
        x[i] = number(i);
    }
    y[250] = -1.0F;
    const struct cuda_grid grid = {2, 2, 1, 64, 0};
    const struct numbers args = {x, y, 250, 0};
    for (int order = 0; order < 2; order++) {
        emulator_set_reversed(order == 1);
        memset(y, 0, 250 * sizeof *y);
        emulator_launch(&cuda_host_square, &grid, &args);
        for (int i = 0; i < 250; i++) {
            assert_float_equal(y[i], x[i] * x[i], 0.0);
        }
        assert_float_equal(y[250], -1.0, 0.0);
    }
}

static void test_together(void **state)
{
    (void)state;
    float x[600], y[3] = {0};
    for (int i = 0; i < 600; i++) {
        x[i] = number(i);
    }
    for (int order = 0; order < 2; order++) {
        emulator_set_reversed(order == 1);
        const struct numbers args = {x, y, 600, 0};
        launch(&cuda_host_block_sum, 3, 256, 8 * sizeof(float), &args);
        for (int block = 0; block < 3; block++) {
            float sum = 0.0F;
            for (int i = 256 * block; i < 600 && i < 256 * (block + 1); i++) {
                sum += x[i];
            }
            assert_float_equal(y[block], sum, 1e-4);
        }
    }
}

static void test_matrices(void **state)
{
    (void)state;
    float x[24 * 16], y[16 * 8];
    for (int i = 0; i < 24 * 16; i++) {
        x[i] = number(i * i + 3); // exact in bf16
    }
    for (int bf16 = 0; bf16 < 2; bf16++) {
        const int k = bf16 != 0 ? 16 : 8;
        const struct numbers args = {x, y, 0, bf16};
        emulator_set_reversed(bf16 == 1);
        launch(&cuda_host_product, 1, 32, 24 * 8 * sizeof(float), &args);
        for (int row = 0; row < 16; row++) {
            for (int column = 0; column < 8; column++) {
                float sum = 0.0F;
                for (int i = 0; i < k; i++) {
                    sum += x[row * k + i] * x[(16 + column) * k + i];
                }
                assert_float_equal(y[row * 8 + column], sum, 1e-5);
            }
        }
    }
}

static void test_rounding(void **state)
{
    (void)state;
    assert_int_equal(bf16_pack(1.0F, -2.0F), 0xC0003F80U);
    assert_int_equal(bf16_pack(bits_f32(0x3F808000U), bits_f32(0x3F818000U)), 0x3F823F80U);
    assert_int_equal(bf16_pack(NAN, INFINITY), 0x7F807FFFU);
    assert_float_equal(bf16_low(0x40003F80U), 1.0, 0.0);
    assert_float_equal(bf16_high(0x40003F80U), 2.0, 0.0);
    assert_int_equal(tf32_round(bits_f32(0x3F801000U)), 0x3F802000U);
    assert_int_equal(tf32_round(bits_f32(0x3F800FFFU)), 0x3F800000U);
}

static void test_copies(void **state)
{
    (void)state;
    _Alignas(16) float x[256];
    float y[32 + 128];
    for (int i = 0; i < 256; i++) {
        x[i] = number(i);
    }
    const struct numbers args = {x, y, 0, 16};
    for (int order = 0; order < 2; order++) {
        emulator_set_reversed(order == 1);
        launch(&cuda_host_copies, 1, 32, 256 * sizeof(float), &args);
        for (int i = 0; i < 128; i++) {
            assert_float_equal(y[32 + i], x[i] + (i < 64 ? x[128 + i] : 0.0F), 0.0);
            assert_true(i >= 32 || isnan(y[i]));
        }
    }
}

// In a child, which has to die of it.
static void test_faults(void **state)
{
    (void)state;
    emulator_set_reversed(false);
    _Alignas(16) static float x[64];
    static float y[64];
    for (int mode = 0; mode < FAULTS; mode++) {
        fflush(NULL);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            signal(SIGABRT, SIG_DFL);
            signal(SIGSEGV, SIG_DFL);
            const struct numbers args = {x, y, 64, mode};
            fclose(stderr);
            launch(&cuda_host_faulty, 1, 64, 1024, &args);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            fail_msg("the emulator did not see fault %d", mode);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),    cmocka_unit_test(test_together),
        cmocka_unit_test(test_matrices), cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_copies),   cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
