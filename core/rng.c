// Streams of Philox's words: the first word of the counter runs.
#include "core/rng.h"

#include "core/philox.h"
#include "core/status.h"

#include <math.h>
#include <string.h>

// A stream holds 2^34 numbers before it repeats.
struct rng rng_make(uint64_t seed, enum rng_purpose purpose, uint64_t index, uint32_t step)
{
    struct rng rng = {
        .counter = {0, step, (uint32_t)index, (uint32_t)(index >> 32)},
        .used = 4,
    };
    philox_key(seed, (uint32_t)purpose, rng.key);
    return rng;
}

uint32_t rng_u32(struct rng *rng)
{
    if (rng->used >= 4) {
        philox(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

// Lemire 2019, "Fast random integer generation in an interval", algorithm 5: the rare draws that
// would favour some results are made again.
uint32_t rng_below(struct rng *rng, uint32_t limit)
{
    CHECK(limit >= 1);
    uint64_t product = (uint64_t)rng_u32(rng) * limit;
    if ((uint32_t)product < limit) {
        const uint32_t threshold = (uint32_t)-limit % limit;
        while ((uint32_t)product < threshold) {
            product = (uint64_t)rng_u32(rng) * limit;
        }
    }
    return (uint32_t)(product >> 32);
}

float rng_uniform(struct rng *rng)
{
    return (float)(rng_u32(rng) >> 8) * 0x1p-24f;
}

float rng_normal(struct rng *rng)
{
    const double radius_draw = ((double)rng_u32(rng) + 1.0) * 0x1p-32; // in (0, 1]
    const double angle_draw = (double)rng_u32(rng) * 0x1p-32;
    const double two_pi = 6.283185307179586;
    return (float)(sqrt(-2.0 * log(radius_draw)) * cos(two_pi * angle_draw));
}

void rng_shuffle(struct rng *rng, int32_t *items, size_t n)
{
    CHECK(n <= UINT32_MAX);
    for (size_t i = n; i > 1; i--) {
        const size_t j = rng_below(rng, (uint32_t)i);
        const int32_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}

uint32_t rng_at(uint64_t seed, enum rng_purpose purpose, uint64_t index, uint64_t element)
{
    CHECK(element < UINT64_C(1) << 34);
    const struct rng rng = rng_make(seed, purpose, index, 0);
    const uint32_t counter[4] = {(uint32_t)(element / 4), rng.counter[1], rng.counter[2],
                                 rng.counter[3]};
    uint32_t block[4];
    philox(counter, rng.key, block);
    return block[element % 4];
}
