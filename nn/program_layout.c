// Memory of a program: buffers whose uses do not overlap in time share space.
#include "nn/program_internal.h"

#include <stdlib.h>

static size_t align_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

// Size of a buffer in its region.
static size_t region_size(const struct program *program, const struct program_buffer *buffer)
{
    int pieces = 1;
    if (buffer->kind == BUFFER_CHUNKED && !buffer->per_lane) {
        pieces = program->n_chunks;
    } else if (program_is_sum(buffer)) {
        pieces = program->n_parts;
    }
    return align_up(buffer->bytes * (size_t)pieces);
}

// Has it a place among what is kept for the batch, or among what a lane keeps?
static bool is_placed(const struct program_buffer *buffer)
{
    return buffer->kind != BUFFER_SHARED && buffer->kind != BUFFER_LOADED &&
           buffer->kind != BUFFER_EXTERNAL && buffer->last >= 0;
}

struct placed {
    size_t offset, size;
    int first, last;
};

// The lowest offset where `size` bytes are free over steps [first, last]. `placed` is sorted by
// offset.
static size_t find_gap(const struct placed *placed, int n, size_t size, int first, int last)
{
    size_t offset = 0;
    for (int i = 0; i < n; i++) {
        const bool overlaps = placed[i].first <= last && first <= placed[i].last;
        if (!overlaps) {
            continue;
        }
        if (placed[i].offset >= offset + size) {
            break;
        }
        const size_t end = placed[i].offset + placed[i].size;
        offset = end > offset ? end : offset;
    }
    return offset;
}

static void insert_sorted(struct placed *placed, int n, struct placed item)
{
    int at = n;
    while (at > 0 && placed[at - 1].offset > item.offset) {
        placed[at] = placed[at - 1];
        at--;
    }
    placed[at] = item;
}

struct region_order {
    size_t size;
    int buffer;
    bool result;
};

// Results first, so that they are one block.
static int by_size_descending(const void *a, const void *b)
{
    const struct region_order *x = a, *y = b;
    if (x->result != y->result) {
        return x->result ? -1 : 1;
    }
    if (x->size != y->size) {
        return x->size < y->size ? 1 : -1;
    }
    return x->buffer - y->buffer;
}

// Places the buffers of one region, the largest first (Pisarchyk & Lee 2020, greedy by size).
// Returns the region's size.
static size_t place_region(struct program *program, bool per_lane, struct region_order *order,
                           struct placed *placed)
{
    int n = 0;
    for (int i = 0; i < program->n_buffers; i++) {
        const struct program_buffer *buffer = &program->buffers[i];
        if (is_placed(buffer) && buffer->per_lane == per_lane) {
            order[n++] = (struct region_order){region_size(program, buffer), i, buffer->result};
        }
    }
    qsort(order, (size_t)n, sizeof *order, by_size_descending);
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        struct program_buffer *buffer = &program->buffers[order[i].buffer];
        // A lane takes one chunk through a whole segment before the next, so what is kept for the
        // batch lives from the start of its first phase to the end of its last; what a lane keeps,
        // from step to step.
        const int first = per_lane ? buffer->first : buffer->first_phase;
        const int end_of_use = per_lane ? buffer->last : buffer->last_phase;
        const int last = buffer->keep ? INT32_MAX : end_of_use;
        buffer->offset = find_gap(placed, i, order[i].size, first, last);
        insert_sorted(placed, i, (struct placed){buffer->offset, order[i].size, first, last});
        const size_t end = buffer->offset + order[i].size;
        total = end > total ? end : total;
        if (buffer->result) {
            CHECK(buffer->offset == program->result_bytes);
            program->result_bytes = end;
        }
    }
    return total;
}

enum status program_layout(struct program *program)
{
    struct region_order *order;
    struct placed *placed;
    const size_t n = (size_t)program->n_buffers + 1;
    ARENA_NEW(&program->arena, order, n);
    ARENA_NEW(&program->arena, placed, n);
    for (int i = 0; i < program->n_buffers; i++) {
        struct program_buffer *buffer = &program->buffers[i];
        buffer->per_lane = buffer->kind == BUFFER_CHUNKED && buffer->segment >= 0 && !buffer->keep;
        if (buffer->kind == BUFFER_SHARED) {
            buffer->offset = program->shared_bytes;
            program->shared_bytes += region_size(program, buffer);
        } else if (buffer->kind == BUFFER_LOADED) {
            buffer->offset = program->loaded_bytes;
            program->loaded_bytes += region_size(program, buffer);
        }
    }
    program->lane_bytes = place_region(program, true, order, placed);
    program->batch_bytes = place_region(program, false, order, placed);
    return OK;
}
