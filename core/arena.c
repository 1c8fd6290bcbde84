// Memory by lifetime: a list of blocks, each filled from the front. Fresh blocks are zeroed by the
// system and touched only when used; after a reset only what had been used is zeroed again.
#include "core/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#endif

#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#define POISON(pointer, bytes) __asan_poison_memory_region((pointer), (bytes))
#define UNPOISON(pointer, bytes) __asan_unpoison_memory_region((pointer), (bytes))
enum { GUARD_BYTES = 64 };
#else
#define POISON(pointer, bytes) ((void)(pointer), (void)(bytes))
#define UNPOISON(pointer, bytes) ((void)(pointer), (void)(bytes))
enum { GUARD_BYTES = 0 };
#endif

enum { ALIGN_BYTES = 64, FIRST_BLOCK_BYTES = 64 << 10, GROW_UP_TO_BYTES = 4 << 20 };

struct arena_block {
    struct arena_block *older;
    unsigned char *bytes; // 64-byte aligned, inside this allocation
    size_t capacity, used;
    size_t dirty;      // bytes[dirty ..] were never handed out: still zero
    size_t next_bytes; // capacity the next ordinary block shall have
};

static struct arena_block *block_make(size_t capacity)
{
    const size_t overhead = sizeof(struct arena_block) + ALIGN_BYTES;
    if (capacity > SIZE_MAX - overhead) {
        return NULL;
    }
    struct arena_block *block = calloc(1, capacity + overhead);
    if (block == NULL) {
        return NULL;
    }
    unsigned char *after = (unsigned char *)(block + 1);
    block->bytes = after + (ALIGN_BYTES - (uintptr_t)after % ALIGN_BYTES) % ALIGN_BYTES;
    block->capacity = capacity;
    block->next_bytes = capacity < GROW_UP_TO_BYTES ? 2 * capacity : GROW_UP_TO_BYTES;
    POISON(block->bytes, capacity);
    return block;
}

static void block_free(struct arena_block *block)
{
    UNPOISON(block->bytes, block->capacity);
    free(block);
}

// A block with room for `need` bytes. A piece larger than an ordinary block gets one of its own,
// put behind the newest, whose free space stays in use.
static struct arena_block *block_with_room(struct arena *arena, size_t need)
{
    struct arena_block *newest = arena->newest;
    if (newest != NULL && newest->capacity - newest->used >= need) {
        return newest;
    }
    const size_t ordinary = newest != NULL ? newest->next_bytes : FIRST_BLOCK_BYTES;
    const bool own_block = need > ordinary;
    struct arena_block *block = block_make(own_block ? need : ordinary);
    if (block == NULL) {
        return NULL;
    }
    if (own_block && newest != NULL) {
        block->older = newest->older;
        newest->older = block;
    } else {
        block->older = newest;
        arena->newest = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    const size_t most = (size_t)1023 << 30; // just under 1 TiB: no machine's memory, a bad size
    if (size != 0 && count > most / size) {
        (void)status_fail(ERR_MEMORY, __FILE__, __LINE__,
                          "%zu elements of %zu bytes are more than memory can hold", count, size);
        return NULL;
    }
    const size_t bytes = count * size;
    const size_t rounded = (bytes + (bytes == 0) + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    const size_t need = rounded + GUARD_BYTES;
    struct arena_block *block = block_with_room(arena, need);
    if (block == NULL) {
        (void)status_fail(ERR_MEMORY, __FILE__, __LINE__,
                          "out of memory: %zu bytes wanted, %zu in use here", bytes,
                          arena->used_bytes);
        return NULL;
    }
    unsigned char *piece = block->bytes + block->used;
    UNPOISON(piece, bytes);
    if (block->used < block->dirty) {
        const size_t written = block->dirty - block->used;
        memset(piece, 0, bytes < written ? bytes : written);
    }
    block->used += need;
    if (block->dirty < block->used) {
        block->dirty = block->used;
    }
    arena->used_bytes += bytes;
    return piece;
}

char *arena_copy_text(struct arena *arena, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = arena_alloc(arena, bytes, 1);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1, 1);
    if (text != NULL) {
        vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    return text;
}

// The next block will be as large as all blocks of this round together, so an arena that is filled
// and reset again and again soon stops asking the system for memory.
void arena_reset(struct arena *arena)
{
    struct arena_block *newest = arena->newest;
    arena->used_bytes = 0;
    if (newest == NULL) {
        return;
    }
    size_t total = newest->capacity;
    struct arena_block *block = newest->older;
    while (block != NULL) {
        struct arena_block *older = block->older;
        total += block->capacity;
        block_free(block);
        block = older;
    }
    if (newest->older != NULL && newest->next_bytes < total) {
        newest->next_bytes = total;
    }
    newest->older = NULL;
    newest->used = 0;
    POISON(newest->bytes, newest->capacity);
}

void arena_close(struct arena *arena)
{
    struct arena_block *block = arena->newest;
    while (block != NULL) {
        struct arena_block *older = block->older;
        block_free(block);
        block = older;
    }
    *arena = (struct arena){0};
}
