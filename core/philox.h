// Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011, section 3.3. Ten rounds of multiplications and exclusive ors turn a counter
// and a key into four random words. rng.h gives streams of them; this header is for code of a
// device, too, which names what its functions are by PHILOX_FUNCTION.
#pragma once
#include <stdint.h>

#ifndef PHILOX_FUNCTION
#define PHILOX_FUNCTION static inline
#endif

PHILOX_FUNCTION void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)UINT32_C(0xD2511F53) * c0;
        const uint64_t b = (uint64_t)UINT32_C(0xCD9E8D57) * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

// The key of a stream: the purpose is mixed into it, so that index and step keep their full range
// in the counter.
PHILOX_FUNCTION void philox_key(uint64_t seed, uint32_t purpose, uint32_t key[2])
{
    const uint32_t seed_key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {purpose, 0, 0, 0};
    uint32_t mixed[4];
    philox(counter, seed_key, mixed);
    key[0] = mixed[0];
    key[1] = mixed[1];
}
