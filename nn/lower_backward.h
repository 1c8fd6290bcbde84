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
    struct program_call *pending; // weight-gradient reductions not yet appended
    int n_pending;
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
// The reduction of a kernel's partials, appended at the next backward_flush; the caller says where
// to. At most one per node.
struct program_call *backward_reduce_later(struct backward *backward, struct kernel *kernel,
                                           int partial);
enum status backward_flush(struct backward *backward);

// Appends all backward steps. output_gradient: buffer of d loss / d output; gradients: shared
// buffer [n_trainable], every trainable slice of which is written. *input_gradient: kept buffer of
// d loss / d input, which is worked out unless input_gradient is NULL. Joint steps that only store
// weight gradients are held back to the next synchronisation, so that chunks run through as many
// layers as possible in one go.
enum status lower_backward(struct lowering *lowering, int output_gradient, int gradients,
                           int *input_gradient);
