// Weights to s8: symmetric, one scale per output channel, nearest even.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>

// max|w| / 127, or 1 for a channel of zeros.
static inline float cpu_quantize_scale(const float *weights, size_t n)
{
    float greatest = 0.0F;
    for (size_t i = 0; i < n; i++) {
        greatest = fmaxf(greatest, fabsf(weights[i]));
    }
    return greatest > 0.0F ? greatest / 127.0F : 1.0F;
}

static inline int8_t cpu_quantize(float weight, float scale)
{
    return (int8_t)lrintf(weight / scale);
}
