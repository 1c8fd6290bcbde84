// A hash table of chains, and one list from the oldest use to the newest. A kernel may be made of
// others that are in here too; those were added before it and have it as a user.
#include "compute/kernel_cache.h"

#include <stdlib.h>

enum { CHAINS = 1024 };

struct kernel_entry {
    struct kernel *kernel; // owned
    struct op op;          // as asked for; the kernel's own may say less
    int users;
    uint64_t added; // number of this entry
    struct kernel_cache *cache;
    struct kernel_entry *chain, *older, *newer;
};

struct kernel_cache {
    struct kernel_entry *chains[CHAINS];
    struct kernel_entry *oldest, *newest;
    int n;
    uint64_t added;
};

enum status kernel_cache_open(struct kernel_cache **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        FAIL(ERR_MEMORY, "no memory for a backend's kernels");
    }
    return OK;
}

static void unlink_use(struct kernel_cache *cache, struct kernel_entry *entry)
{
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
}

static void make_newest(struct kernel_cache *cache, struct kernel_entry *entry)
{
    entry->older = cache->newest;
    entry->newer = NULL;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static struct kernel_entry **chain_of(struct kernel_cache *cache, const struct op *op)
{
    return &cache->chains[op_hash(op) % CHAINS];
}

static void drop(struct kernel_cache *cache, struct kernel_entry *entry)
{
    struct kernel_entry **link = chain_of(cache, &entry->op);
    while (*link != entry) {
        link = &(*link)->chain;
    }
    *link = entry->chain;
    unlink_use(cache, entry);
    cache->n--;
    entry->kernel->ops->close(entry->kernel);
    free(entry);
}

void kernel_cache_close(struct kernel_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    while (cache->newest != NULL) { // what is made of others goes before them
        struct kernel_entry *last = cache->newest;
        for (struct kernel_entry *e = cache->newest; e != NULL; e = e->older) {
            last = e->added > last->added ? e : last;
        }
        drop(cache, last);
    }
    free(cache);
}

struct kernel *kernel_cache_find(struct kernel_cache *cache, const struct op *op)
{
    for (struct kernel_entry *e = *chain_of(cache, op); e != NULL; e = e->chain) {
        if (op_equal(&e->op, op)) {
            e->users++;
            unlink_use(cache, e);
            make_newest(cache, e);
            return e->kernel;
        }
    }
    return NULL;
}

static void make_room(struct kernel_cache *cache)
{
    struct kernel_entry *entry = cache->oldest;
    while (entry != NULL && cache->n > KERNEL_CACHE_MOST) {
        struct kernel_entry *newer = entry->newer;
        if (entry->users == 0) {
            drop(cache, entry);
        }
        entry = newer;
    }
}

enum status kernel_cache_add(struct kernel_cache *cache, const struct op *op, struct kernel *kernel)
{
    struct kernel_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        kernel->ops->close(kernel);
        FAIL(ERR_MEMORY, "no memory for a kernel");
    }
    struct kernel_entry **chain = chain_of(cache, op);
    *entry = (struct kernel_entry){.kernel = kernel,
                                   .op = *op,
                                   .users = 1,
                                   .added = cache->added++,
                                   .cache = cache,
                                   .chain = *chain};
    *chain = entry;
    kernel->entry = entry;
    make_newest(cache, entry);
    cache->n++;
    make_room(cache);
    return OK;
}

void kernel_cache_leave(struct kernel_entry *entry)
{
    CHECK(entry->users > 0);
    entry->users--;
}
