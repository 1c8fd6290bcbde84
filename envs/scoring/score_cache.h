// What candidates were found to be worth, shared by all workers of a host: a fixed table of keys
// and values, written without locks. A score is a function of its key, so it does not matter who
// writes it or how often.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCORE_CACHE_SLOTS = 1 << 18 }; // entries; candidates beyond that are scored again

struct score_slot {
    uint64_t key;            // 0: free
    uint64_t value;          // 0: not known yet
    uint64_t loss, distance; // doubles' bits; there when `value` is
};
#define SCORE_CACHE_BYTES (SCORE_CACHE_SLOTS * sizeof(struct score_slot))

struct cached_score {
    int64_t right;   // images
    double loss;     // cross-entropy, nats, sum over the images
    double distance; // to the uncut network's logits, sum over the images (nn/score.h)
    bool diverged;
};
// slots [SCORE_CACHE_SLOTS], zeroed at first. key: a hash of what is scored.
bool score_cache_find(const struct score_slot *slots, uint64_t key, struct cached_score *out);
void score_cache_add(struct score_slot *slots, uint64_t key, const struct cached_score *score);
