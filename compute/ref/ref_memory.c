// Plain memory is aligned_alloc; check mode keeps its own book of pieces, because mprotect and
// release need their sizes.
#include "compute/ref/ref_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Address space, not memory: only pages inside pieces are ever backed.
static const size_t range_bytes = (size_t)1 << 36;
enum { ALIGNMENT = 64, UNWRITTEN = 0xFF };

struct ref_piece {
    struct ref_piece *next;
    void *address;  // as handed out
    uintptr_t real; // first byte of its real pages
    size_t bytes;   // of those pages, without the guard page
};

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static enum status reserve(uintptr_t *out)
{
    void *range =
        mmap(NULL, range_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
        FAIL(ERR_MEMORY,
             "cannot reserve %zu bytes of address space for check mode; raise `ulimit -v`",
             range_bytes);
    }
    *out = (uintptr_t)range;
    return OK;
}

enum status ref_memory_open(bool check, struct ref_memory *out)
{
    struct ref_memory memory = {.check = check, .page_bytes = (size_t)sysconf(_SC_PAGESIZE)};
    if (check) {
        TRY(reserve(&memory.handles));
        const enum status status = reserve(&memory.real);
        if (status != OK) {
            ref_memory_close(&memory);
            return status;
        }
    }
    *out = memory;
    return OK;
}

void ref_memory_close(struct ref_memory *memory)
{
    while (memory->pieces != NULL) {
        struct ref_piece *piece = memory->pieces;
        memory->pieces = piece->next;
        free(piece);
    }
    if (memory->handles != 0) {
        munmap((void *)memory->handles, range_bytes);
    }
    if (memory->real != 0) {
        munmap((void *)memory->real, range_bytes);
    }
    *memory = (struct ref_memory){0};
}

static enum status alloc_checked(struct ref_memory *memory, size_t bytes, void **out)
{
    const size_t wanted = bytes > 0 ? bytes : 1;
    const size_t room = range_bytes - memory->used_bytes, guard = memory->page_bytes;
    if (wanted > room || round_up(wanted, guard) + guard > room) {
        FAIL(ERR_MEMORY, "check mode has no address space left for %zu bytes", bytes);
    }
    const size_t piece_bytes = round_up(wanted, guard);
    const uintptr_t first = memory->real + memory->used_bytes;
    struct ref_piece *piece = malloc(sizeof *piece);
    if (piece == NULL || mprotect((void *)first, piece_bytes, PROT_READ | PROT_WRITE) != 0) {
        free(piece);
        FAIL(ERR_MEMORY, "no memory for %zu bytes", bytes);
    }
    memset((void *)first, UNWRITTEN, piece_bytes);
    // As late in its pages as alignment allows, so that an overrun meets the guard page.
    const size_t offset = piece_bytes - round_up(wanted, ALIGNMENT);
    *piece = (struct ref_piece){
        .next = memory->pieces,
        .address = (void *)(memory->handles + memory->used_bytes + offset),
        .real = first,
        .bytes = piece_bytes,
    };
    memory->pieces = piece;
    memory->used_bytes += piece_bytes + guard;
    *out = piece->address;
    return OK;
}

enum status ref_memory_alloc(struct ref_memory *memory, size_t bytes, void **out)
{
    if (memory->check) {
        return alloc_checked(memory, bytes, out);
    }
    void *address = NULL;
    if (bytes <= SIZE_MAX - ALIGNMENT) {
        address = aligned_alloc(ALIGNMENT, round_up(bytes > 0 ? bytes : 1, ALIGNMENT));
    }
    if (address == NULL) {
        FAIL(ERR_MEMORY, "no memory for %zu bytes; use a smaller batch", bytes);
    }
    *out = address;
    return OK;
}

void ref_memory_release(struct ref_memory *memory, void *address)
{
    if (!memory->check || address == NULL) {
        free(address);
        return;
    }
    struct ref_piece **link = &memory->pieces;
    while (*link != NULL && (*link)->address != address) {
        link = &(*link)->next;
    }
    struct ref_piece *piece = *link;
    CHECK(piece != NULL); // released twice, or never allocated here
    *link = piece->next;
    // Gives the pages back and makes them fault from now on.
    void *again = mmap((void *)piece->real, piece->bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    CHECK(again != MAP_FAILED);
    free(piece);
}
