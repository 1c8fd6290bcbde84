// Inside of an inference plan, shared by its opening, lowering and loading.
#pragma once
#include "nn/fold.h"
#include "nn/int8.h"
#include "nn/lower.h"

struct infer_layer {       // what has to be filled in when weights are loaded
    struct kernel *kernel; // what packs weights; NULL: nothing
    int weights;    // CONV, LINEAR, LSTM: packed; BATCHNORM, loaded: scale [c], shift [c]; -1 none
    bool quantizes; // its f32 input is made integers for it
};

struct infer_plan {
    struct backend *backend;
    struct arena arena;
    const struct graph *graph; // borrowed, the unfolded one
    struct graph folded;
    struct fold_source *sources;
    int params;           // loaded: those of the folded graph
    float *folded_params; // where they are filled in
    int factors;          // loaded: [nodes] see infer_factor, [nodes] of what is made integers
    struct infer_options options;
    struct program *program;
    struct lower_input input;
    enum dtype *types;          // [folded nodes]
    bool *nonnegative;          // [folded nodes] value never below 0
    float *scales;              // [folded nodes] real value of one integer step; 1 for float32
    int *values;                // [folded nodes] buffer
    int *quantized;             // [folded nodes] int8 copy of a float32 value, -1 none
    struct infer_layer *layers; // [folded nodes]
    int chunk;                  // images per chunk
    char *tail;                 // [chunk] images: the last, partly filled chunk; owned
    size_t image_bytes;
};

// Appends the steps of every folded node, and finishes the program.
enum status infer_lower(struct infer_plan *plan);

// ---- for the kinds of nodes
enum status infer_new_value(struct infer_plan *plan, int node); // a buffer of its type
// The step of a node whose op needs the values of its inputs, at most two, and nothing else.
enum status infer_plain(struct infer_plan *plan, int node);
// The factor of a node's op, loaded by one of the two below; none where it neither reads nor puts
// out integers.
struct program_slot infer_factor(const struct infer_plan *plan, int node);
// Loading of a node whose op multiplies by a factor: real value -> integer of what it puts out, or
// back of what it reads.
enum status infer_load_output_factor(struct infer_plan *plan, int node, const float *ranges);
enum status infer_load_input_factor(struct infer_plan *plan, int node, const float *ranges);
// The buffer in which an int8 convolution finds the integers of `node`.
enum status infer_read_quantized(struct infer_plan *plan, int node, struct infer_layer *layer,
                                 int *out);
// Values of a folded node's parameter on the host, NULL if it has none; and in the backend's
// memory.
const float *infer_param(const struct infer_plan *plan, int node, int which);
const float *infer_param_address(const struct infer_plan *plan, int node, int which);
