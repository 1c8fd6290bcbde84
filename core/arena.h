// Memory by lifetime. An arena hands out zeroed, 64-byte aligned pieces that are never freed
// singly: arena_close frees all of them, arena_reset makes them available again. Under
// AddressSanitizer the space after each piece is poisoned, so an overrun inside the arena is
// reported.
#pragma once
#include "core/status.h"

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *newest; // owned
    size_t used_bytes;          // sum of all pieces handed out since the last reset
};

// A zeroed struct is an empty arena; no open call is needed.

// count * size bytes, zeroed. NULL when memory ran out or the product overflows (the status message
// is set). count = 0 gives a valid pointer to nothing.
void *arena_alloc(struct arena *arena, size_t count, size_t size);

// pointer = array of `count` elements of its type, or returns ERR_MEMORY from the calling function.
#define ARENA_NEW(arena, pointer, count)                                                           \
    do {                                                                                           \
        (pointer) = arena_alloc((arena), (count), sizeof *(pointer));                              \
        if ((pointer) == NULL) {                                                                   \
            return ERR_MEMORY;                                                                     \
        }                                                                                          \
    } while (0)

// Copies of text; NULL when memory ran out.
char *arena_copy_text(struct arena *arena, const char *text);
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void arena_reset(struct arena *arena); // keeps the newest block for reuse
void arena_close(struct arena *arena); // frees everything; a zeroed or closed arena is fine
