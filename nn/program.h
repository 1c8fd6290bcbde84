// A list of kernel calls with their buffers: what every plan is made of. Building it says only
// which call reads and writes what; program_finish lays out memory. A batch is cut into chunks.
// Per-chunk steps between two joint steps form a segment: each chunk runs a whole segment on one
// lane, so what passes between them stays in that core's cache. A joint step runs once, after all
// chunks.
//
// Sums over the batch go up a tree over the numbers of the chunks (core/sum_tree.h) while the
// segment runs: a lane that has finished a chunk adds what it left to what the neighbour left, and
// goes on so, as long as the other half of the next sum is there; else it leaves its own for
// whoever finishes that half. So which two values are added depends on chunks alone, whatever the
// lanes; and a phase holds about log2(chunks) values besides those that lanes are working on, not
// one per chunk, because chunks are taken in order. A program that has only some of a batch's
// chunks, since several ranks share it, ends with the few largest nodes of the tree that its chunks
// make up: the parts of the sum, which the ranks add up to the very same sum.
//
// Between host and backend goes one block each way: what the host fills in (BUFFER_LOADED,
// program_upload) and what it asks of a run (program_result, program_fetch). On a backend whose
// memory is the host's own nothing is copied. On one that can record work (backend.h), what a
// program gives it again and again, at the same addresses, is recorded and replayed.
#pragma once
#include "compute/backend.h"
#include "core/arena.h"

// Where a buffer lives is decided by program_finish, except for BUFFER_SHARED and BUFFER_EXTERNAL.
enum buffer_kind {
    BUFFER_CHUNKED,  // one piece per chunk: kept for the whole batch, or only per lane when one
                     // segment uses it
    BUFFER_SHARED,   // one piece: parameters, packed weights
    BUFFER_LOADED,   // one piece that the host fills (program_staging), sent by program_upload
    BUFFER_WHOLE,    // one piece that joint steps of a run make and use
    BUFFER_EXTERNAL, // the caller's, bound before each run: one piece per chunk
    BUFFER_SUM_F32,  // written per chunk by steps of one segment, added up over the chunks; a later
    BUFFER_SUM_F64,  // joint step reads the sum, or its parts: [parts][bytes]. f64: an even count
    BUFFER_PARTIALS, // program_finish's own: what the chunks under way write of a segment's sums
};

struct program;

// For at most `batch` images, in chunks that are always full: what the last one lacks is made up.
enum status program_open(struct backend *backend, int batch, int chunk, struct program **out);
// For exactly `images` images, which are chunks first, first + 1, ... of the `total` of a batch
// that several ranks share. The last chunk of the batch may be smaller than the others: its kernels
// are opened too, for its size.
struct program_share {
    int images, chunk, first, total;
};
enum status program_open_share(struct backend *backend, const struct program_share *share,
                               struct program **out);
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
    double count;        // op_dynamic.count
    int64_t elements;    // op_dynamic.first = number of the chunk * elements
    int64_t stream;      // op_dynamic.stream
    size_t part_bytes;   // program_add_unpack
    struct kernel *tail; // for a smaller last chunk; filled in by program_add_chunked
};
void program_call_init(struct program_call *call, struct kernel *kernel); // all slots NULL

// Appends a step that runs on every chunk / once.
enum status program_add_chunked(struct program *program, const struct program_call *call);
enum status program_add_joint(struct program *program, const struct program_call *call);
// kernel->ops->unpack of a sum of partials, in[0], into weights out[0] and bias out[1]; part i of
// it i * part_bytes further on. Such steps in a row are spread over the lanes.
enum status program_add_unpack(struct program *program, const struct program_call *call);
// kernel->ops->pack of weights in[0] and bias in[1] into out[0], all shared, float32. Not a step:
// program_pack does all of them.
enum status program_add_pack(struct program *program, const struct program_call *call);
// Joint: a function of the caller's, over values on the host: the first `bytes` of the slot, of
// which the first `back` bytes are what the slot holds afterwards. A failure ends the run.
struct program_hook {
    enum status (*function)(void *context, void *values, size_t count);
    void *context;
    struct program_slot slot;
    size_t bytes, back;
    size_t count; // handed through
};
enum status program_add_hook(struct program *program, const struct program_hook *hook);

// program_run stops here, program_continue goes on: between the two the caller looks at what the
// first part kept and binds what the second needs.
enum status program_add_pause(struct program *program);

void program_resize(struct program *program, int buffer, size_t bytes); // before finish

// Memory for programs that run in turn: each has in it what only a run needs. It is as large as the
// largest of them wants. Closed after them.
struct program_memory;
enum status program_memory_open(struct backend *backend, struct program_memory **out);
void program_memory_close(struct program_memory *memory); // NULL is fine
// Before finish. What a run made, results too, is there until another of these programs is finished
// or runs: a program with a pause must go on before that.
void program_borrow(struct program *program, struct program_memory *memory);

// Lays out memory and allocates it. No step can be added afterwards.
enum status program_finish(struct program *program);
size_t program_buffer_bytes(const struct program *program, int buffer); // of one piece
int program_chunks(const struct program *program);
int program_parts(const struct program *program); // of each sum

// In the backend's memory: a sum's parts, or the address of a BUFFER_SHARED or BUFFER_LOADED
// buffer, or a BUFFER_CHUNKED one's that is kept (program_keep): [chunks][bytes].
void *program_address(const struct program *program, int buffer);
void program_keep(struct program *program, int buffer); // before finish: there after a run
// Before finish: kept, and among what program_fetch fetches.
void program_result(struct program *program, int buffer);
// Waits for the run and brings all results to the host, where program_fetched says. ERR_IO: the
// device failed.
enum status program_fetch(struct program *program);
const void *program_fetched(const struct program *program, int buffer);

// Where the host fills in a BUFFER_LOADED buffer. Sending takes all of them at once; they stay as
// they are on the host.
void *program_staging(const struct program *program, int buffer);
void program_upload(struct program *program);

// Binds an external buffer: chunk i is at address + i * bytes; the last chunk of the run at `last`
// if not NULL.
void program_bind(struct program *program, int buffer, void *address, void *last);

// Packs all weights anew, on all lanes.
void program_pack(struct program *program);

// Gives all steps over the first `chunks` chunks to the backend's queue, up to a pause; all of them
// where there are sums. run: NULL where no step wants it. Fails where a hook does.
enum status program_run(struct program *program, int chunks, const struct op_run *run);
// Runs what follows the pause at which the last run stopped.
enum status program_continue(struct program *program);
