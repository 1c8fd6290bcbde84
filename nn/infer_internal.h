// Inside of an inference plan, shared by its opening, lowering and loading.
#pragma once
#include "nn/fold.h"
#include "nn/int8.h"
#include "nn/lower.h"

struct infer_layer {       // what has to be filled in when weights are loaded
    struct kernel *kernel; // NULL: nothing
    int weights; // CONV, LINEAR: packed; BATCHNORM: scale [c], shift [c]; ACT: ones and zeros; -1
                 // none
    struct kernel *quantize; // f32 input of an int8 CONV; NULL none
};

struct infer_plan {
    struct backend *backend;
    struct arena arena;
    const struct graph *graph; // borrowed, the unfolded one
    struct graph folded;
    struct fold_source *sources;
    float *folded_params; // arena
    struct infer_options options;
    struct program *program;
    struct lower_input input;
    enum dtype *types;          // [folded nodes]
    float *scales;              // [folded nodes] real value of one integer step; 1 for float32
    int *values;                // [folded nodes] buffer
    int *quantized;             // [folded nodes] int8 copy of a float32 value, -1 none
    struct infer_layer *layers; // [folded nodes]
    int chunk, logits;          // images per chunk; kept buffer
    char *tail;                 // [chunk] images: the last, partly filled chunk; owned
    size_t image_bytes;
};

// Appends the steps of every folded node, and finishes the program.
enum status infer_lower(struct infer_plan *plan);
