// Memory that a rank and one worker share: a ticket, a block (trajectory or answer) and weights. It
// is a file without a name that both map as far as it is needed, since sizes become known long
// after the worker's nursery is forked. Inside actors/ only.
#pragma once
#include "core/status.h"
#include "transport/ticket.h"

#include <stddef.h>
#include <stdint.h>

struct worker_slot { // at the start of the file
    struct ticket ticket;
    uint64_t weights_number; // counts weights; 0 = none yet
    uint64_t n_weights;
    uint64_t bytes, weights_at; // of the file; where weights begin
};
// How one process sees it.
struct slot_view {
    int fd; // owned; -1 = none
    struct worker_slot *slot;
    size_t bytes;      // mapped
    size_t weights_at; // not taken from the other process
};
// The rank's side. Zeroed but for fd = -1 when it fails.
enum status slot_make(struct slot_view *out);
// Room for such a block and weights. The worker follows with its next order.
enum status slot_grow(struct slot_view *view, size_t block_bytes, size_t n_weights);
// The worker's side: the same file, by an inherited view; ERR_MEMORY when it cannot be mapped.
enum status slot_follow(struct slot_view *view);
float *slot_weights(const struct slot_view *view);
void *slot_block(const struct slot_view *view);
void slot_close(struct slot_view *view); // a zeroed one with fd = -1 is fine
