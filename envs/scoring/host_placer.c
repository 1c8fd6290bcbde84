#include "envs/scoring/host_placer.h"

#include <string.h>

uint64_t host_reserve(struct host_placer *placer, size_t bytes)
{
    const size_t at = (placer->at + 63) / 64 * 64;
    placer->at = at + bytes;
    return at;
}

uint64_t host_place(struct host_placer *placer, const void *from, size_t bytes)
{
    const uint64_t at = host_reserve(placer, bytes);
    if (placer->to != NULL && bytes > 0) {
        memcpy(placer->to + at, from, bytes);
    }
    return at;
}
