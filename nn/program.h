// A list of kernel calls with their buffers: what every plan is made of. Building it says only
// which call reads and writes what; program_finish lays out memory. A batch is cut into chunks.
// Per-chunk steps between two joint steps form a segment: each chunk runs a whole segment on one
// lane, so what passes between them stays in that core's cache. A joint step runs once, after all
// chunks.
#pragma once
#include "compute/backend.h"
#include "core/arena.h"

// Where a buffer lives is decided by program_finish, except for BUFFER_SHARED and BUFFER_EXTERNAL.
enum buffer_kind {
    BUFFER_CHUNKED,  // one piece per chunk: kept for the whole batch, or only per lane when one
                     // segment uses it
    BUFFER_SHARED,   // one piece: parameters, packed weights, sums
    BUFFER_EXTERNAL, // the caller's, bound before each run: one piece per chunk
};

struct program;

enum status program_open(struct backend *backend, int batch, int chunk, struct program **out);
// From now on all lanes work on one chunk together, each on its piece of every kernel that is
// opened (kernel_cut.h), one chunk after the other: for a batch of fewer images than there are
// lanes. Before the first kernel.
void program_share_chunks(struct program *program);
void program_close(struct program *program); // NULL is fine

// The number of images per chunk: the greatest divisor of `batch` that is <= preferred.
int program_chunk_divisor(int batch, int preferred);

// A new buffer of `bytes` (per chunk, or in all for BUFFER_SHARED). *out is its number.
enum status program_buffer(struct program *program, enum buffer_kind kind, size_t bytes, int *out);

// A kernel for an op on this program's backend; the program closes it. op.n is set to the chunk
// unless `whole`.
enum status program_kernel(struct program *program, const struct op *op, bool whole,
                           struct kernel **out);

// One argument: a buffer and a byte offset into it. buffer -1 = NULL.
struct program_slot {
    int buffer;
    size_t offset;
};
#define PROGRAM_NONE ((struct program_slot){-1, 0})

struct program_call {
    struct kernel *kernel;
    struct program_slot in[OP_MAX_IN], out[OP_MAX_OUT];
    double count;     // op_dynamic.count
    int64_t elements; // op_dynamic.first = number of the chunk * elements
    int64_t stream;   // added to op_dynamic.seed: tells one dropout node from another
};
void program_call_init(struct program_call *call, struct kernel *kernel); // all slots NULL

// Appends a step that runs on every chunk / once.
enum status program_add_chunked(struct program *program, const struct program_call *call);
enum status program_add_joint(struct program *program, const struct program_call *call);
// Joint: kernel->ops->reduce of all chunks' partials (in[0]) into weights out[0] and bias out[1].
enum status program_add_reduce(struct program *program, const struct program_call *call);
// kernel->ops->pack of weights in[0] and bias in[1] into out[0], all shared. Not a step:
// program_pack does all of them.
enum status program_add_pack(struct program *program, const struct program_call *call);
// Joint: a function of the caller's. `address` is the slot's. A failure ends the run.
struct program_hook {
    enum status (*function)(void *context, void *address, size_t count);
    void *context;
    struct program_slot slot;
    size_t count;
};
enum status program_add_hook(struct program *program, const struct program_hook *hook);

// program_run stops here, program_continue goes on: between the two the caller looks at what the
// first part kept and binds what the second needs.
enum status program_add_pause(struct program *program);

void program_resize(struct program *program, int buffer, size_t bytes); // before finish

// Lays out memory and allocates it. No step can be added afterwards.
enum status program_finish(struct program *program);
size_t program_buffer_bytes(const struct program *program, int buffer); // of one piece
int program_chunks(const struct program *program);

// A BUFFER_SHARED buffer's address, or a BUFFER_CHUNKED one's that is kept (program_keep):
// [chunks][bytes].
void *program_address(const struct program *program, int buffer);
void program_keep(struct program *program, int buffer); // before finish: readable after a run
// Binds an external buffer: chunk i is at address + i * bytes; the last chunk of the run at `last`
// if not NULL.
void program_bind(struct program *program, int buffer, void *address, void *last);

// Packs all weights anew, on all lanes.
void program_pack(struct program *program);

// This program's chunks are numbers first, first + 1, ... of a batch that several ranks share (0
// without).
void program_number_chunks(struct program *program, int first);

// Runs all steps over the first `chunks` chunks, up to a pause. Allocates nothing.
enum status program_run(struct program *program, int chunks, const struct op_dynamic *dynamic);
// Runs what follows the pause at which the last run stopped.
enum status program_continue(struct program *program);
