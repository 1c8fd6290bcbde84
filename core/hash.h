// 64-bit FNV-1a: tells contents apart (checksums of files we wrote, keys of tables). Not against
// people who forge them.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

// Continues `hash` over the bytes; begin with HASH_BEGIN.
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const uint8_t *at = (const uint8_t *)bytes;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

// The same idea eight bytes at a time, for big blocks; the rotation lets every bit reach every
// other. Not the value of hash_bytes; a block hashed in parts gives another value than in one.
static inline uint64_t hash_words(uint64_t hash, const void *bytes, size_t n)
{
    const uint8_t *at = (const uint8_t *)bytes;
    for (; n >= sizeof hash; n -= sizeof hash, at += sizeof hash) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash = hash << 29 | hash >> 35;
    }
    return hash_bytes(hash, at, n);
}
