// The two 16-bit floating-point formats of files, as float, which holds all their values.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
static inline float float_from_half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value;
    if (exponent == 31) {
        value = fraction == 0 ? INFINITY : NAN;
    } else if (exponent == 0) {
        value = ldexpf((float)fraction, -24);
    } else {
        value = ldexpf((float)(fraction + 1024), exponent - 25);
    }
    return (bits & 0x8000U) != 0 ? -value : value;
}

// bfloat16 is the upper half of a float.
static inline float float_from_bfloat(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}
