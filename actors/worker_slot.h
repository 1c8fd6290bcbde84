// Memory that a rank and one worker share: tickets, their blocks (trajectories, or an answer) and
// weights. It is a file without a name that both map as far as it is needed, since sizes become
// known long after the worker's nursery is forked. Inside actors/ only.
#pragma once
#include "core/status.h"
#include "transport/ticket.h"

#include <stddef.h>
#include <stdint.h>

struct worker_slot {         // at the start of the file
    uint64_t n_tickets;      // of the run
    uint64_t weights_number; // counts weights; 0 = none yet
    uint64_t n_weights;
    uint64_t bytes, blocks_at, weights_at; // of the file; where blocks and weights begin
};
// How one process sees it.
struct slot_view {
    int fd; // owned; -1 = none
    struct worker_slot *slot;
    size_t bytes;                 // mapped
    size_t blocks_at, weights_at; // not taken from the other process
};
struct slot_sizes {
    int tickets;        // most of a run
    size_t block_bytes; // of each ticket's block; they lie one after the other
    size_t n_weights;
};
// The rank's side. Zeroed but for fd = -1 when it fails.
enum status slot_make(struct slot_view *out);
// Room for all that. The worker follows with its next order.
enum status slot_grow(struct slot_view *view, const struct slot_sizes *sizes);
// The worker's side: the same file, by an inherited view; ERR_MEMORY when it cannot be mapped.
enum status slot_follow(struct slot_view *view);
struct ticket *slot_tickets(const struct slot_view *view);
void *slot_blocks(const struct slot_view *view);
float *slot_weights(const struct slot_view *view);
void slot_close(struct slot_view *view); // a zeroed one with fd = -1 is fine
