// Memory of the reference backend: plain, or private and guarded (check mode).
//   check mode   two reserved ranges of one size; alloc hands out an address of the first, which no
//                one may touch, and opens as many bytes of the second, `delta` further on, filled
//                with 0xFF (NaN as float). Every piece ends at a page nobody may touch, and no
//                address is given out twice, so overruns and use after release fault.
#pragma once
#include "compute/backend.h"

#include <stdint.h>

struct ref_piece;
struct ref_memory {
    bool check;
    uintptr_t handles, real;  // check mode: start of the two ranges
    size_t used_bytes;        // of each range, guard pages too
    size_t page_bytes;        // of the machine
    struct ref_piece *pieces; // check mode: live allocations, owned
};

enum status ref_memory_open(bool check, struct ref_memory *out);
void ref_memory_close(struct ref_memory *memory); // a zeroed memory is fine
enum status ref_memory_alloc(struct ref_memory *memory, size_t bytes, void **out);
void ref_memory_release(struct ref_memory *memory, void *address); // NULL is fine
