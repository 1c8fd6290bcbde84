// Writes pieces of a block one after the other, each at a multiple of 64 bytes.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct host_placer {
    char *to; // the block; NULL: it only counts
    size_t at;
};
// Where the next piece begins, and that many bytes are taken there.
uint64_t host_reserve(struct host_placer *placer, size_t bytes);
// The same, filled with `from` [bytes].
uint64_t host_place(struct host_placer *placer, const void *from, size_t bytes);
