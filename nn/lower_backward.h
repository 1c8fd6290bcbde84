// The backward steps of a lowered forward pass.
#pragma once
#include "nn/lower.h"

struct contributions { // gradients of one value, still to be added up
    int buffers[2];
    int n;
};

struct backward {
    struct lowering *l;
    const struct graph *graph;
    struct contributions *of; // [n_nodes]
    bool *needed;             // [n_nodes] does anything trainable lie at or before it?
    int gradients;
    struct program_call *unpacks; // [n_unpacks] of weight gradients, for the end
    int n_unpacks;
};

enum status backward_new_gradient(struct backward *backward, int node, int *out); // a buffer
// Adds `buffer` to what the gradient of a node's value is the sum of.
enum status backward_contribute(struct backward *backward, int node, int buffer);
// One buffer with the whole gradient of a compound's output, its act undone.
enum status backward_whole_gradient(struct backward *backward, const struct compound *compound,
                                    int *out);
// A node with one input whose gradient needs dy and at most one saved buffer.
enum status backward_unary(struct backward *backward, const struct compound *compound,
                           enum op_kind kind);
// A new sum of a kernel's partials over the chunks, *sum, which is unpacked once all gradients are
// there; the caller says where to. At most one per node.
enum status backward_new_sum(struct backward *backward, struct kernel *kernel, int *sum,
                             struct program_call **unpack);

// Appends all backward steps. output_gradient: buffer of d loss / d output; gradients: shared
// buffer [parts of a sum][n_trainable], every trainable slice of which is written; BatchNorm's in
// the first part only. *input_gradient: kept buffer of d loss / d input, which is worked out unless
// input_gradient is NULL. Weight gradients are unpacked at the end, all at once, so that chunks run
// through as many layers as possible in one go and the lanes share the unpacking.
enum status lower_backward(struct lowering *lowering, int output_gradient, int gradients,
                           int *input_gradient);
