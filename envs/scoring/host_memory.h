// A block of memory that exists once per host, however many processes of the host use it: the first
// to come fills it, the others wait and then read it. It lies in a file that they all have open
// (POSIX shared memory or a memfd), or in this process alone.
#pragma once
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

struct host_memory {
    const char *data; // [data_bytes] read-only
    size_t data_bytes;
    char *common; // [common_bytes] zero at first, written by all at any time: atomics only
    size_t common_bytes;
    void *mapped[2]; // owned
    size_t mapped_bytes[2];
};

// Makes what the block holds. prepare says how many bytes; then copy writes them.
struct host_filler {
    enum status (*prepare)(void *context, size_t *bytes);
    void (*copy)(void *context, char *to);
    void *context;
};

// fd -1: memory of this process, filled by it. Otherwise waits for the file's lock; if nobody has
// filled the file (or whoever tried has died or failed), fills it. key: what the contents are made
// from; ERR_INPUT when a filled file was made from something else. The fd is not closed. Not
// collective: nobody has to come.
enum status host_memory_open(int fd, uint64_t key, size_t common_bytes,
                             const struct host_filler *filler, struct host_memory *out);
void host_memory_close(struct host_memory *memory); // a zeroed one is fine
