// A memfd that can only grow, so that nothing mapped by one side vanishes by what the other does.
#include "actors/worker_slot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TICKETS_AT ((size_t)4096)
#define ALIGNMENT ((size_t)4096)

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// Maps the first `bytes` of the file instead of what is mapped.
static enum status map(struct slot_view *view, size_t bytes)
{
    void *slot = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, view->fd, 0);
    if (slot == MAP_FAILED) {
        FAIL(ERR_MEMORY, "no address space for %zu KiB that are shared with a worker: %s",
             bytes / 1024, strerror(errno));
    }
    if (view->slot != NULL) {
        munmap(view->slot, view->bytes);
    }
    view->slot = slot;
    view->bytes = bytes;
    return OK;
}

enum status slot_make(struct slot_view *out)
{
    *out = (struct slot_view){.fd = memfd_create("dikdik-slot", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (out->fd < 0) {
        FAIL(ERR_IO,
             "no memory to share with a worker: %s; each takes three descriptors (see "
             "ulimit -n)",
             strerror(errno));
    }
    if (ftruncate(out->fd, (off_t)TICKETS_AT) != 0 ||
        fcntl(out->fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
        FAIL(ERR_IO, "no memory to share with a worker: %s", strerror(errno));
    }
    return map(out, TICKETS_AT);
}

enum status slot_grow(struct slot_view *view, const struct slot_sizes *sizes)
{
    const size_t tickets = (size_t)sizes->tickets;
    const size_t blocks_at = TICKETS_AT + round_up(tickets * sizeof(struct ticket));
    const size_t weights_at = blocks_at + round_up(tickets * sizes->block_bytes);
    const size_t bytes = weights_at + round_up(sizes->n_weights * sizeof(float));
    if (bytes > view->bytes) {
        if (ftruncate(view->fd, (off_t)bytes) != 0) {
            FAIL(ERR_MEMORY, "no %zu KiB to share with a worker: %s", bytes / 1024,
                 strerror(errno));
        }
        TRY(map(view, bytes));
    }
    view->blocks_at = blocks_at;
    view->weights_at = weights_at;
    view->slot->blocks_at = blocks_at;
    view->slot->weights_at = weights_at;
    view->slot->bytes = view->bytes;
    return OK;
}

enum status slot_follow(struct slot_view *view)
{
    if (view->slot->bytes > view->bytes) {
        TRY(map(view, view->slot->bytes));
    }
    view->blocks_at = view->slot->blocks_at;
    view->weights_at = view->slot->weights_at;
    return OK;
}

float *slot_weights(const struct slot_view *view)
{
    return (float *)((char *)view->slot + view->weights_at);
}

void *slot_blocks(const struct slot_view *view)
{
    return (char *)view->slot + view->blocks_at;
}

struct ticket *slot_tickets(const struct slot_view *view)
{
    return (struct ticket *)(void *)((char *)view->slot + TICKETS_AT);
}

void slot_close(struct slot_view *view)
{
    if (view->slot != NULL) {
        munmap(view->slot, view->bytes);
    }
    if (view->fd >= 0) {
        close(view->fd);
    }
    *view = (struct slot_view){.fd = -1};
}
