// Inside of struct program, shared by its builder, its memory planner and its executor.
#pragma once
#include "nn/program.h"

enum step_kind { STEP_CHUNKED, STEP_JOINT, STEP_REDUCE, STEP_HOOK, STEP_PAUSE };

struct program_step {
    enum step_kind kind;
    struct program_call call; // all but STEP_HOOK and STEP_PAUSE
    struct program_hook hook; // STEP_HOOK
};

struct program_buffer {
    enum buffer_kind kind;
    size_t bytes;                // of one piece
    int first, last;             // steps that use it; first > last: none
    int first_phase, last_phase; // phases that use it
    int segment;                 // the only segment that uses it, -1 = several, -2 = none yet
    bool keep;
    bool per_lane; // decided by program_finish: one piece per lane
    size_t offset; // into its region
    char *external, *external_last;
};

// A run of steps executed together: all chunked (one segment) or one joint step.
struct program_phase {
    int first, n;
    bool chunked;
};

struct program {
    struct backend *backend; // borrowed
    struct arena arena;
    int batch, chunk, n_chunks, first_chunk;
    struct program_step *steps;
    int n_steps, capacity_steps;
    struct program_call *packs;
    int n_packs, capacity_packs;
    struct program_buffer *buffers;
    int n_buffers, capacity_buffers;
    struct kernel **kernels; // owned
    int n_kernels, capacity_kernels;
    struct program_phase *phases; // arena
    int n_phases;
    // Regions: per lane, whole batch, shared. Owned, in the backend's memory.
    char *lane_memory, *batch_memory, *shared_memory, *scratch_memory;
    size_t lane_bytes, batch_bytes, shared_bytes, scratch_bytes;
    bool finished;
    bool shares_chunks; // all lanes work on one chunk
    struct team *teams; // [n_phases] if so; arena
    // The run in progress.
    struct op_dynamic dynamic;
    int run_chunks;
    const struct program_phase *run_phase;
    int next_phase; // where it goes on
};

// Runs one call on a chunk, or its piece.
void program_run_call(const struct program *program, const struct program_call *call, int chunk,
                      int lane, int piece);
// Shared chunks: what lanes tell one another during a phase of chunked steps; and running one, all
// chunks.
enum status program_open_teams(struct program *program);
void program_run_team(struct program *program, int phase);

// Decides per_lane and offsets of all buffers, and the size of each region.
enum status program_layout(struct program *program);
