// The kernels of a backend by their ops: what was opened once is handed out again.
#pragma once
#include "compute/backend.h"

// Unused kernels are closed, the longest unused first, where there are more than so many. Enough
// for a search over one network, which meets the same shapes again and again.
enum { KERNEL_CACHE_MOST = 1024 };

struct kernel_cache;
enum status kernel_cache_open(struct kernel_cache **out);
void kernel_cache_close(struct kernel_cache *cache); // and all its kernels; NULL is fine
// NULL: there is none. Else it has one user more.
struct kernel *kernel_cache_find(struct kernel_cache *cache, const struct op *op);
// Takes ownership of a kernel that was opened for `op`, with one user. ERR_MEMORY closes it.
enum status kernel_cache_add(struct kernel_cache *cache, const struct op *op,
                             struct kernel *kernel);
void kernel_cache_leave(struct kernel_entry *entry); // one user less
