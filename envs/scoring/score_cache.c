#include "envs/scoring/score_cache.h"

#include <string.h>

enum { MOST_PROBES = 64 };
#define DIVERGED (UINT64_C(1) << 63)

// Spreads the keys, which are hashes but not well mixed in their low bits (Fibonacci hashing,
// Knuth, TAOCP 3, 6.4).
static size_t first_slot(uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % SCORE_CACHE_SLOTS;
}

static uint64_t proper(uint64_t key)
{
    return key != 0 ? key : 1;
}

bool score_cache_find(const struct score_slot *slots, uint64_t key, struct cached_score *out)
{
    key = proper(key);
    for (size_t i = 0, at = first_slot(key); i < MOST_PROBES;
         i++, at = (at + 1) % SCORE_CACHE_SLOTS) {
        const uint64_t found = __atomic_load_n(&slots[at].key, __ATOMIC_ACQUIRE);
        if (found == 0) {
            return false;
        }
        if (found == key) {
            const uint64_t value = __atomic_load_n(&slots[at].value, __ATOMIC_ACQUIRE);
            const uint64_t loss = __atomic_load_n(&slots[at].loss, __ATOMIC_RELAXED);
            const uint64_t distance = __atomic_load_n(&slots[at].distance, __ATOMIC_RELAXED);
            *out = (struct cached_score){.right = (int64_t)(value & ~DIVERGED) - 1,
                                         .diverged = (value & DIVERGED) != 0};
            memcpy(&out->loss, &loss, sizeof loss);
            memcpy(&out->distance, &distance, sizeof distance);
            return value != 0;
        }
    }
    return false;
}

void score_cache_add(struct score_slot *slots, uint64_t key, const struct cached_score *score)
{
    key = proper(key);
    const uint64_t value = (uint64_t)(score->right + 1) | (score->diverged ? DIVERGED : 0);
    uint64_t loss, distance;
    memcpy(&loss, &score->loss, sizeof loss);
    memcpy(&distance, &score->distance, sizeof distance);
    for (size_t i = 0, at = first_slot(key); i < MOST_PROBES;
         i++, at = (at + 1) % SCORE_CACHE_SLOTS) {
        uint64_t found = 0;
        if (__atomic_compare_exchange_n(&slots[at].key, &found, key, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE) ||
            found == key) {
            __atomic_store_n(&slots[at].loss, loss, __ATOMIC_RELAXED);
            __atomic_store_n(&slots[at].distance, distance, __ATOMIC_RELAXED);
            __atomic_store_n(&slots[at].value, value, __ATOMIC_RELEASE);
            return;
        }
    }
}
