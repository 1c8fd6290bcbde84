// Stands between our code and the allocator. Other threads count too.
#include "count_allocations.h"

#include <stdatomic.h>
#include <stddef.h>

static atomic_long calls;

long allocations_so_far(void)
{
    return atomic_load(&calls);
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *piece, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void **piece, size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *piece, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
int __wrap_posix_memalign(void **piece, size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *piece, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __real_realloc(piece, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __real_aligned_alloc(alignment, bytes);
}

int __wrap_posix_memalign(void **piece, size_t alignment, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __real_posix_memalign(piece, alignment, bytes);
}
