// Loops the compiler turns into vector code. Hot kernels work on blocks of CPU_BLOCK floats: each
// stage of a block is a loop of constant length that ends in a local array, so it becomes a few
// vector instructions in registers, with no remainder and no doubt about aliasing (an output may
// be one of the inputs). What is left at a tensor's end is padded to one more block.
#pragma once
#include "compute/cpu/cpu_activation.h"
#include "compute/op.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

// Floats: four AVX-512 registers, and two. A constant loop of 16 or fewer would be unrolled before
// anyone tries to vectorise it.
enum { CPU_BLOCK = 64, CPU_LANES = 32 };

#define CPU_INLINE static inline __attribute__((always_inline))

// What a kernel multiplies by between integers and real values (op.h): `argument` where x or y, of
// this type, are integers.
CPU_INLINE float cpu_factor(enum dtype type, const float *argument)
{
    return type == DTYPE_F32 ? 1.0F : *argument;
}

// CPU_CLONES compiles a function for several sets of instructions; the loader picks the best one
// the processor has. (Not by a model's name, "arch=skylake-avx512": that runs on this very model
// only.) Sanitizers are not ready yet when the loader picks, so under them there is the plain
// version only.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CPU_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CPU_SANITIZED 1
#endif
#endif
#if !defined(__x86_64__) || !defined(__ELF__) || defined(CPU_SANITIZED)
#define CPU_CLONES
#elif defined(__clang__) || __GNUC__ < 12
#define CPU_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

// NONE, RELU and CLIP have their loops here: act.kind is a constant where they matter. The others
// are a call per block.
CPU_INLINE void cpu_block_activate(struct activation act, float *v)
{
    if (act.kind == ACT_RELU) {
        for (int j = 0; j < CPU_BLOCK; j++) {
            v[j] = v[j] < 0.0F ? 0.0F : v[j]; // NaN stays
        }
    } else if (act.kind == ACT_CLIP) {
        for (int j = 0; j < CPU_BLOCK; j++) {
            v[j] = v[j] < act.a ? act.a : v[j];
        }
        for (int j = 0; j < CPU_BLOCK; j++) {
            v[j] = v[j] > act.b ? act.b : v[j];
        }
    } else if (act.kind != ACT_NONE) {
        cpu_activate_block(act, v);
    }
}

// t = (dy + dy2) * slope of the activation by y (x for some, see activation.h), for `width` values.
// dy2 only counts if has_dy2, y only with an activation.
CPU_INLINE void cpu_block_gradient(struct activation act, int width, const float *dy, bool has_dy2,
                                   const float *dy2, const float *y, float *t)
{
    for (int j = 0; j < width; j++) {
        t[j] = has_dy2 ? dy[j] + dy2[j] : dy[j];
    }
    if (act.kind == ACT_RELU) {
        for (int j = 0; j < width; j++) {
            t[j] = y[j] <= 0.0F ? 0.0F : t[j];
        }
    } else if (act.kind == ACT_CLIP) {
        for (int j = 0; j < width; j++) {
            t[j] = y[j] <= act.a ? 0.0F : t[j];
        }
        for (int j = 0; j < width; j++) {
            t[j] = y[j] >= act.b ? 0.0F : t[j];
        }
    } else if (act.kind != ACT_NONE) {
        cpu_slope_block(act, width, y, t);
    }
}

// Calls f(act, ...) once per kind that has loops here, the kind a constant, and once for the rest.
#define CPU_EACH_ACTIVATION(act, f, ...)                                                           \
    do {                                                                                           \
        switch ((act).kind) {                                                                      \
        case ACT_NONE:                                                                             \
            f((struct activation){.kind = ACT_NONE}, __VA_ARGS__);                                 \
            break;                                                                                 \
        case ACT_RELU:                                                                             \
            f((struct activation){.kind = ACT_RELU}, __VA_ARGS__);                                 \
            break;                                                                                 \
        case ACT_CLIP:                                                                             \
            f((struct activation){ACT_CLIP, (act).a, (act).b}, __VA_ARGS__);                       \
            break;                                                                                 \
        default:                                                                                   \
            f(act, __VA_ARGS__);                                                                   \
        }                                                                                          \
    } while (0)

// Nearest integers, halves to even, clamped to [least, most]; NaN gives 0. Adding 1.5 * 2^23 leaves
// no bits for a fraction, so the addition rounds.
CPU_INLINE void cpu_block_round(float factor, float least, float most, const float *v, int32_t *out)
{
    const float magic = 0x1.8p23F;
    float t[CPU_BLOCK];
    for (int j = 0; j < CPU_BLOCK; j++) {
        const float scaled = v[j] * factor;
        t[j] = scaled > least ? scaled : least;
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        t[j] = t[j] < most ? t[j] : most;
    }
    if (least < 0.0F) {
        for (int j = 0; j < CPU_BLOCK; j++) {
            t[j] = v[j] == v[j] ? t[j] : 0.0F;
        }
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        out[j] = (int32_t)((t[j] + magic) - magic);
    }
}

// One block of real values to y[CPU_BLOCK] of the given type; integers are round(v * factor).
CPU_INLINE void cpu_block_store(enum dtype type, float factor, const float *v, void *y)
{
    if (type == DTYPE_F32) {
        float *to = y;
        for (int j = 0; j < CPU_BLOCK; j++) {
            to[j] = v[j];
        }
        return;
    }
    int32_t rounded[CPU_BLOCK];
    if (type == DTYPE_U8) {
        uint8_t *to = y;
        cpu_block_round(factor, 0.0F, (float)UINT8_MAX, v, rounded);
        for (int j = 0; j < CPU_BLOCK; j++) {
            to[j] = (uint8_t)rounded[j];
        }
    } else {
        int8_t *to = y;
        cpu_block_round(factor, (float)INT8_MIN, (float)INT8_MAX, v, rounded);
        for (int j = 0; j < CPU_BLOCK; j++) {
            to[j] = (int8_t)rounded[j];
        }
    }
}

// Blocks of which only the first `count` values exist; zeros are loaded after them.
CPU_INLINE void cpu_block_load(const float *x, int count, float *v)
{
    if (count == CPU_BLOCK) {
        memcpy(v, x, CPU_BLOCK * sizeof *v);
    } else {
        memset(v, 0, CPU_BLOCK * sizeof *v);
        memcpy(v, x, (size_t)count * sizeof *v);
    }
}

CPU_INLINE void cpu_block_store_part(const float *v, int count, float *y)
{
    if (count == CPU_BLOCK) {
        memcpy(y, v, CPU_BLOCK * sizeof *v);
    } else {
        memcpy(y, v, (size_t)count * sizeof *v);
    }
}

// How many of the n values of a row there are for the block at `at`.
CPU_INLINE int cpu_block_count(int n, int at)
{
    return n - at < CPU_BLOCK ? n - at : CPU_BLOCK;
}

// Per-channel vectors [c] for blocks that run across pixels: a pattern repeats its vector, so that
// a block starting at channel `at` finds its values at pattern[at .. at + CPU_BLOCK - 1].
static inline size_t cpu_pattern_floats(int c) // room for one, a multiple of a cache line
{
    const size_t line = 16;
    return ((size_t)c + CPU_BLOCK + line - 1) / line * line;
}

// Fills `room` unless the vector can be used as it is. Returns the pattern.
static inline const float *cpu_pattern_make(const float *vector, int c, float *room)
{
    if (c % CPU_BLOCK == 0) {
        return vector;
    }
    for (int i = 0; i < c + CPU_BLOCK; i += c) {
        const int left = c + CPU_BLOCK - i;
        memcpy(room + i, vector, (size_t)(left < c ? left : c) * sizeof *room);
    }
    return room;
}

// The channel at which the next block starts.
CPU_INLINE int cpu_pattern_next(int at, int c)
{
    at += CPU_BLOCK % c;
    return at >= c ? at - c : at;
}

// exp(x) - 1 = scale - 1 + scale * small: x = n ln 2 + r with |r| <= ln(2)/2, scale = 2^n, small =
// exp(r) - 1 by its Taylor series, whose next term is below 6e-9. x in [-87, 88].
CPU_INLINE void cpu_exp_parts(float x, float *scale, float *small)
{
    const float magic = 0x1.8p23F;                                 // as in cpu_block_round
    const float ln2_high = 0x1.62ep-1F, ln2_low = 0x1.0bfbe8p-15F; // n * ln2_high is exact
    const float shifted = x * 0x1.715476p+0F + magic;
    const float n = shifted - magic;
    const float r = (x - n * ln2_high) - n * ln2_low;
    float series = 1.0F / 5040;
    series = series * r + 1.0F / 720;
    series = series * r + 1.0F / 120;
    series = series * r + 1.0F / 24;
    series = series * r + 1.0F / 6;
    series = series * r + 0.5F;
    *small = r + r * r * series;
    // The low bits of `shifted` are n: moved up, they are the exponent.
    union {
        float real;
        uint32_t bits;
    } power = {.real = shifted};
    power.bits = (power.bits << 23) + UINT32_C(0x3F800000);
    *scale = power.real;
}

// v = 1 / (1 + exp(-v)), a block. NaN stays NaN, here and below.
CPU_INLINE void cpu_block_sigmoid(float *v)
{
    float y[CPU_BLOCK];
    for (int j = 0; j < CPU_BLOCK; j++) {
        y[j] = -v[j] < -87.0F ? -87.0F : -v[j];
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        y[j] = y[j] > 88.0F ? 88.0F : y[j];
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        float scale, small;
        cpu_exp_parts(y[j], &scale, &small);
        v[j] = 1.0F / (1.0F + (scale + scale * small));
    }
}

// v = tanh(v), a block: tanh|v| = -m / (m + 2) with m = exp(-2|v|) - 1, which is exact for
// small v too.
CPU_INLINE void cpu_block_tanh(float *v)
{
    float y[CPU_BLOCK];
    for (int j = 0; j < CPU_BLOCK; j++) {
        y[j] = -2.0F * fabsf(v[j]);
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        y[j] = y[j] < -40.0F ? -40.0F : y[j];
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        float scale, small;
        cpu_exp_parts(y[j], &scale, &small);
        const float m = (scale - 1.0F) + scale * small;
        v[j] = copysignf(-m / (m + 2.0F), v[j]);
    }
}
