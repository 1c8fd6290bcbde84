// memcpy for the channels of one pixel.
#pragma once
#include <stddef.h>
#include <string.h>

// Copies of known length become a few instructions, where memcpy of a short row costs a call: a
// length between two steps is covered by two pieces that overlap.
#define CPU_COPY_ENDS(to, from, bytes, step)                                                       \
    do {                                                                                           \
        unsigned char head_[step], tail_[step];                                                    \
        memcpy(head_, (from), (step));                                                             \
        memcpy(tail_, (from) + (bytes) - (step), (step));                                          \
        memcpy((to), head_, (step));                                                               \
        memcpy((to) + (bytes) - (step), tail_, (step));                                            \
    } while (0)

static inline void cpu_copy_bytes(unsigned char *to, const unsigned char *from, size_t bytes)
{
    enum { LONG = 512 };
    if (bytes > LONG) {
        memcpy(to, from, bytes);
    } else if (bytes >= 64) {
        for (size_t i = 0; i + 64 <= bytes; i += 64) {
            memcpy(to + i, from + i, 64);
        }
        memcpy(to + bytes - 64, from + bytes - 64, 64);
    } else if (bytes >= 32) {
        CPU_COPY_ENDS(to, from, bytes, 32);
    } else if (bytes >= 16) {
        CPU_COPY_ENDS(to, from, bytes, 16);
    } else if (bytes >= 8) {
        CPU_COPY_ENDS(to, from, bytes, 8);
    } else if (bytes >= 4) {
        CPU_COPY_ENDS(to, from, bytes, 4);
    } else {
        for (size_t i = 0; i < bytes; i++) {
            to[i] = from[i];
        }
    }
}
