// Each activation as loops over a block. NaN stays NaN: comparisons with it are false.
#include "compute/cpu/cpu_activation.h"

#include "compute/cpu/cpu_vector.h"

CPU_INLINE void clamp_block(float low, float high, float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = v[j] < low ? low : v[j];
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = v[j] > high ? high : v[j];
    }
}

CPU_INLINE void leaky_block(float slope, float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = v[j] < 0.0F ? slope * v[j] : v[j];
    }
}

CPU_INLINE void linear_block(float by, float plus, float *v)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = by * v[j] + plus;
    }
}

CPU_INLINE void hard_swish_block(float *v)
{
    float gate[CPU_BLOCK];
    for (int j = 0; j < CPU_BLOCK; j++) {
        gate[j] = v[j] + 3.0F;
    }
    clamp_block(0.0F, 6.0F, gate);
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] = v[j] < -3.0F ? 0.0F : v[j] * (gate[j] / 6.0F);
    }
}

CPU_INLINE void silu_block(float *v)
{
    float gate[CPU_BLOCK];
    clamp_block(-88.0F, INFINITY, v); // -infinity * 0 has no value
    memcpy(gate, v, sizeof gate);
    cpu_block_sigmoid(gate);
    for (int j = 0; j < CPU_BLOCK; j++) {
        v[j] *= gate[j];
    }
}

CPU_CLONES static void activate(struct activation act, float *v)
{
    switch (act.kind) {
    case ACT_RELU:
        clamp_block(0.0F, INFINITY, v);
        break;
    case ACT_CLIP:
        clamp_block(act.a, act.b, v);
        break;
    case ACT_LEAKY:
        leaky_block(act.a, v);
        break;
    case ACT_SIGMOID:
        cpu_block_sigmoid(v);
        break;
    case ACT_HARD_SIGMOID:
        linear_block(act.a, act.b, v);
        clamp_block(0.0F, 1.0F, v);
        break;
    case ACT_HARD_SWISH:
        hard_swish_block(v);
        break;
    case ACT_SILU:
        silu_block(v);
        break;
    case ACT_NONE:
    case ACT_KIND_COUNT:
        break;
    }
}

void cpu_activate_block(struct activation act, float *v)
{
    activate(act, v);
}

// t = 0 where y is not between low and high, else t * slope.
CPU_INLINE void between_slope(float low, float high, float slope, const float *y, float *t)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        t[j] = y[j] <= low ? 0.0F : slope * t[j];
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        t[j] = y[j] >= high ? 0.0F : t[j];
    }
}

CPU_INLINE void leaky_slope(float slope, const float *y, float *t)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        t[j] = y[j] <= 0.0F ? slope * t[j] : t[j];
    }
}

CPU_INLINE void sigmoid_slope(const float *y, float *t)
{
    for (int j = 0; j < CPU_BLOCK; j++) {
        t[j] *= y[j] * (1.0F - y[j]);
    }
}

CPU_INLINE void hard_swish_slope(const float *x, float *t)
{
    float slope[CPU_BLOCK];
    for (int j = 0; j < CPU_BLOCK; j++) {
        slope[j] = x[j] <= -3.0F ? 0.0F : x[j] / 3.0F + 0.5F;
    }
    for (int j = 0; j < CPU_BLOCK; j++) {
        t[j] = x[j] >= 3.0F ? t[j] : t[j] * slope[j];
    }
}

// s * (1 + x * (1 - s)) with s = 1 / (1 + e), 1 - s = e * s and e = exp(-x): nothing cancels.
CPU_INLINE void silu_slope(const float *x, float *t)
{
    float v[CPU_BLOCK];
    memcpy(v, x, sizeof v);
    clamp_block(-80.0F, 80.0F, v);
    for (int j = 0; j < CPU_BLOCK; j++) {
        float scale, small;
        cpu_exp_parts(-v[j], &scale, &small);
        const float e = scale + scale * small, s = 1.0F / (1.0F + e);
        t[j] *= s * (1.0F + v[j] * s * e);
    }
}

CPU_CLONES static void slope(struct activation act, const float *from, float *t)
{
    switch (act.kind) {
    case ACT_RELU:
        between_slope(0.0F, INFINITY, 1.0F, from, t);
        break;
    case ACT_CLIP:
        between_slope(act.a, act.b, 1.0F, from, t);
        break;
    case ACT_LEAKY:
        leaky_slope(act.a, from, t);
        break;
    case ACT_SIGMOID:
        sigmoid_slope(from, t);
        break;
    case ACT_HARD_SIGMOID:
        between_slope(0.0F, 1.0F, act.a, from, t);
        break;
    case ACT_HARD_SWISH:
        hard_swish_slope(from, t);
        break;
    case ACT_SILU:
        silu_slope(from, t);
        break;
    case ACT_NONE:
    case ACT_KIND_COUNT:
        break;
    }
}

void cpu_slope_block(struct activation act, int width, const float *from, float *t)
{
    if (width == CPU_BLOCK) {
        slope(act, from, t);
        return;
    }
    float padded[CPU_BLOCK], padded_t[CPU_BLOCK];
    cpu_block_load(from, width, padded);
    cpu_block_load(t, width, padded_t);
    slope(act, padded, padded_t);
    memcpy(t, padded_t, (size_t)width * sizeof *t);
}
