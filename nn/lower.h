// From graph nodes to program steps: what inference, statistics and training lower alike.
#pragma once
#include "nn/compose.h"
#include "nn/fold.h"
#include "nn/plan.h"
#include "nn/program.h"

// Bytes of one chunk of a node's value.
size_t lower_bytes(const struct graph *graph, int node, enum dtype dtype, int chunk);

// The number of images per chunk that suits forward passes over this graph, 1 to `batch`: as many
// as keep the largest value (of this type) within the backend's chunk, but enough that reading all
// weights once per chunk costs no more than reading the values.
int lower_chunk(const struct backend *backend, const struct graph *graph, enum dtype dtype,
                int batch);

// A shared buffer for the flat parameter block and where a node's parameter lies in it.
struct program_slot lower_param(const struct graph *graph, int params, int node,
                                int which); // which: index into node.params; PROGRAM_NONE if absent

// Values that the caller hands over before each run, one piece per chunk: images, labels, targets.
struct lower_external {
    int buffer;    // external; -1 none
    char *staging; // a whole batch in the backend's memory; NULL on host backends; owned
};
// Memory on backends that cannot read the host's. After program_finish.
enum status lower_open_external(const struct program *program, struct backend *backend,
                                struct lower_external *external);
// Binds host values: whole chunks of `bytes` in all, then, if tail is not NULL, one more chunk at
// `tail`. Copies them only where it must.
void lower_bind_external(struct program *program, struct backend *backend,
                         const struct lower_external *external, const void *values, size_t bytes,
                         const void *tail);
void lower_close_external(struct backend *backend, struct lower_external *external);

// The input: what is given (external) and, for images and samples, its normalisation into `value`.
struct lower_input {
    struct lower_external images;
    int constants; // loaded: scale [c], shift [c], factor [1]; -1: the input is the value
    int value;     // buffer of node 0
};
// Copies mean and std into the arena, so that the caller's may go.
enum status lower_copy_input(struct arena *arena, const struct graph *graph,
                             struct plan_input *input);
// type: of the value.
enum status lower_open_input(struct program *program, const struct graph *graph,
                             const struct plan_input *input, int chunk, enum dtype type,
                             struct lower_input *out);
// Fills in the constants, for program_upload. factor: real -> integer where the value is U8 or S8,
// 1 for F32. After program_finish.
void lower_load_input(const struct program *program, const struct graph *graph,
                      const struct plan_input *input, float factor,
                      const struct lower_input *lowered);

// A chunked call with one to two inputs and one output, all whole buffers (-1 = NULL).
enum status lower_call(struct program *program, const struct op *op, int a, int b, int out);

// An identity of this shape, ready for an elementwise op.
struct op lower_map_op(const struct graph *graph, int node, enum op_kind kind);

// ---- forward with BatchNorm still separate: training and statistics
struct lowering {
    struct program *program;
    struct backend *backend;
    const struct graph *graph;
    struct arena *arena;
    int chunk;
    bool training;                      // dropout, argmax, LSTM's saved values
    bool carries_state;                 // LSTM: state and resets are the caller's, see below
    bool by_row;                        // as op.by_row, wherever that can be
    bool ranges;                        // also RANGE of every value
    float bn_momentum;                  // training: of the running values
    const struct plan_reducer *reducer; // NULL: alone
    int images;                         // that statistics are over; 0: the program's, whole chunks
    int total_chunks;                   // of the batch that the ranks share; with a reducer
    struct plan_input input_options;
    struct lower_input input;
    struct compound *compounds;
    int n_compounds;
    int params;   // shared buffer [n_floats]
    int *value;   // [n_nodes] buffer of each compound's output and of the input; -1 absorbed
    int *aux;     // [n_nodes] argmax of POOL_MAX, saved values of LSTM; -1 none
    int *vectors; // [n_nodes] BATCHNORM: shared f32 [scale c][shift c][mean c][inv_std c]
    int *sums;    // [n_nodes] BATCHNORM: sum f64 [2][c]
    int *range;   // [n_nodes] f32 [chunk][2] of each image, kept; -1 none
    int zeros;    // shared zeros for LSTM's first state; -1 none
    size_t zeros_bytes;
    int *h0, *c0;       // [n_nodes] LSTM: its first state, external if carried, else zeros; -1 none
    int *h_end, *c_end; // [n_nodes] LSTM, carried: kept buffers of its last state; -1 none
    int reset;          // carried: external f32 [chunk][h]; -1 none
};
// A buffer for a node's value, and one for the range of it that statistics gather.
enum status lower_new_value(struct lowering *lowering, int node);
enum status lower_new_range(struct lowering *lowering, int node);
size_t lower_range_bytes(const struct lowering *lowering); // of one chunk
// The step of a node that is no part of a larger compound and whose op needs its first input's
// value and nothing else.
enum status lower_plain(struct lowering *lowering, const struct compound *compound);
// Fills the arrays and appends all forward steps. lowering: program, backend, graph, arena, chunk
// and options set by the caller.
enum status lower_forward(struct lowering *lowering);
// A shared buffer for the packed weights of a node's kernel, and their packing; LSTM's bias is one
// of its weights.
enum status lower_pack(struct lowering *lowering, struct kernel *kernel, int node, bool bias,
                       int *packed);
// Sends constants. After program_finish.
void lower_forward_load(const struct lowering *lowering);
bool lower_syncs(const struct lowering *lowering); // are BatchNorm sums taken over all ranks?
// A joint step that makes one of the parts of a BatchNorm's sums [2][channels]: over all ranks, or
// this rank's alone. None where there is one part anyway.
enum status lower_sync_sums(struct lowering *lowering, int sums, int channels);
double lower_bn_count(const struct lowering *lowering,
                      int node); // values per channel in the whole batch
