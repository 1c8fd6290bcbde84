// Inside of struct program, shared by its builder, its memory planner and its executor.
#pragma once
#include "core/sum_tree.h"
#include "nn/program.h"

enum step_kind { STEP_CHUNKED, STEP_JOINT, STEP_UNPACK, STEP_HOOK, STEP_PAUSE };

struct program_step {
    enum step_kind kind;
    struct program_call call; // all but STEP_HOOK and STEP_PAUSE
    struct program_hook hook; // STEP_HOOK
};

struct program_buffer {
    enum buffer_kind kind;
    size_t bytes;                // of one piece
    int first, last;             // steps that use it; first > last: none
    int first_phase, last_phase; // phases that use it, counted from 1
    int segment;                 // the only segment that uses it, -1 = several, -2 = none yet
    int tail;                    // of packed weights: those of the last chunk's kernel, -1 = these
    size_t partial;              // of a sum: where it lies in what one chunk writes
    bool keep, result;
    bool per_lane; // decided by program_finish: one piece per lane
    size_t offset; // into its region
    char *external, *external_last;
};

// A run of steps executed together: all chunked (one segment), all unpacking, or one joint step.
struct program_phase {
    int first, n;
    enum step_kind kind;
};

struct program_kernel {
    struct kernel *kernel,
        *tail; // owned; tail: for the last chunk, NULL if that is like the others
};

struct program {
    struct backend *backend; // borrowed
    struct arena arena;
    int chunk, n_chunks;
    int first_chunk, total_chunks;        // of the batch that is shared
    int tail;                             // images of the last chunk; 0: as many as the others have
    struct sum_node parts[SUM_TREE_MOST]; // [n_parts] of the sums
    int n_parts;
    struct program_step *steps;
    int n_steps, capacity_steps;
    struct program_call *packs;
    int n_packs, capacity_packs;
    struct program_buffer *buffers;
    int n_buffers, capacity_buffers;
    struct program_kernel *kernels;
    int n_kernels, capacity_kernels;
    struct program_phase *phases; // arena
    int n_phases;
    // Regions: per lane, whole batch, shared. Owned, in the backend's memory.
    // Results are the first result_bytes of the batch's.
    // lane, batch and scratch are `memory`'s where there is one.
    char *lane_memory, *batch_memory, *shared_memory, *scratch_memory, *loaded_memory;
    struct program_memory *memory; // borrowed; NULL: own
    size_t lane_bytes, batch_bytes, shared_bytes, scratch_bytes, loaded_bytes, result_bytes;
    // On the host: the very memory of the backend where it is the host's, else pinned, owned.
    char *staging, *fetched, *hook_memory;
    size_t hook_bytes;         // of the largest hook
    struct op_run *run_memory; // in the backend's memory
    bool finished;
    bool shares_chunks;            // all lanes work on one chunk
    struct team *teams;            // [n_phases] if so; arena
    struct sums *sums;             // NULL: nothing is summed; owned
    struct recording **recordings; // [n_phases] by first phase, NULL: none; arena
    int *repeats;                  // [n_phases] runs with these addresses so far; arena
    // The run in progress.
    int run_chunks;
    const struct program_phase *run_phase;
    int next_phase; // where it goes on
};

// Regions that programs use in turn.
enum { MEMORY_LANE, MEMORY_BATCH, MEMORY_SCRATCH, MEMORY_REGIONS };
struct program_memory {
    struct backend *backend;
    char *regions[MEMORY_REGIONS]; // owned, in the backend's memory
    size_t bytes[MEMORY_REGIONS];
};
// At least so many bytes of each.
enum status program_memory_need(struct program_memory *memory, const size_t *bytes);
// The program's regions are the memory's, wherever these lie now.
void program_take_memory(struct program *program);

// Runs one call on a chunk, or its piece.
void program_run_call(const struct program *program, const struct program_call *call, int chunk,
                      int lane, int piece);
// Runs phases [first, end), none of them a hook or a pause.
void program_run_phases(struct program *program, int first, int end);
// The same, recorded where the backend can and it was run before at the same addresses.
void program_run_stretch(struct program *program, int first, int end);
// Addresses or chunks are others from now on.
void program_forget_recordings(struct program *program);
// Memory on the host for what goes to and fro. After the layout.
enum status program_open_host(struct program *program);
void program_close_host(struct program *program);
enum status program_run_hook(const struct program *program, const struct program_hook *hook);

// Shared chunks: what lanes tell one another during a phase of chunked steps; and running one, all
// chunks.
enum status program_open_teams(struct program *program);
void program_run_team(struct program *program, int phase);

static inline bool program_is_sum(const struct program_buffer *buffer)
{
    return buffer->kind == BUFFER_SUM_F32 || buffer->kind == BUFFER_SUM_F64;
}
// Where a slot lies for this chunk on this lane; NULL for none.
char *program_slot_address(const struct program *program, struct program_slot slot, int chunk,
                           int lane);
// Runs all steps of a chunked phase on a chunk.
void program_run_chunk(const struct program *program, const struct program_phase *phase, int chunk,
                       int lane);

// Sums: before the layout, the room for partials of each phase and kernels that add them; and
// running such a phase.
enum status program_open_sums(struct program *program);
void program_close_sums(struct sums *sums); // NULL is fine
bool program_has_sums(const struct program *program, int phase);
void program_run_sums(struct program *program, int phase);
// What a lane's chunk writes of the sums of the phase that runs.
char *program_partial(const struct program *program, int lane);

// Decides per_lane and offsets of all buffers, and the size of each region.
enum status program_layout(struct program *program);
