// A network as an immutable description: nodes in topological order with shapes and names, and the
// layout of its parameters in one flat block. Holds no weights and knows no backend.
#pragma once
#include "core/arena.h"
#include "core/rng.h"
#include "core/status.h"
#include "nn/node.h"

enum param_role { PARAM_WEIGHT, PARAM_BIAS, PARAM_GAMMA, PARAM_BETA, PARAM_MEAN, PARAM_VAR };

// What one row of a parameter runs over, besides the taps of a kernel.
enum param_columns {
    COLUMNS_NONE,  // a value per output channel, or its own filter
    COLUMNS_INPUT, // the channels of the first input, or of a group's part of them
    COLUMNS_OWN    // the node's own output channels (recurrent weights)
};

// One named slice of the flat parameter block. Trainable ones come first in the block, the running
// statistics after them, so an optimiser sees one array [0, n_trainable).
struct param {
    const char *name; // PyTorch's, "layer1.0.conv1.weight"; arena
    enum param_role role;
    int node;      // whose
    int n_dims;    // 1 to 4
    int dims[4];   // unused: 1
    size_t offset; // in floats
    size_t count;  // in floats
    enum param_columns columns;
    int repeats; // rows are so many blocks of the node's c, at least 1
};

struct graph_output {
    const char *name; // arena
    int node;
};

struct graph {
    struct arena arena;
    struct node *nodes; // arena; node 0 is the input
    int n_nodes, capacity_nodes;
    struct param *params; // arena; in block order
    int n_params, capacity_params;
    size_t n_trainable, n_floats; // size of the trainable part, of the whole block
    // What the network puts out, the first being what is trained and scored; arena. Of a graph to
    // which none was added: its last node, as "output".
    struct graph_output *outputs;
    int n_outputs, capacity_outputs;
};

// ---- building: graph_begin, then graph_add and graph_add_* in topological order, then
// graph_finish. Each add returns the new node's number in *out, checks attributes and shapes and
// copies the name. Errors: ERR_INPUT naming node and shapes.
enum status graph_begin(struct graph *graph, int h, int w, int c);

// A node with the kind and attributes of `like`, which may be of another graph (CONV, LINEAR, LSTM,
// SLICE: c too; act and sum are taken over), that reads inputs [n_inputs] of this one.
enum status graph_add(struct graph *graph, const char *name, const struct node *like,
                      const int *inputs, int n_inputs, int *out);

// Shorter ways for common kinds.
struct conv_attributes {
    int out_c, kernel_h, kernel_w, stride, pad, // pad: on all four sides
        groups; // groups: 0 or 1 dense; GRAPH_DEPTHWISE = one per channel
    bool bias;
    bool line; // of inputs of one row: neither padded nor strided up and down
};
#define GRAPH_DEPTHWISE (-1)
enum status graph_add_conv(struct graph *graph, const char *name, int input,
                           const struct conv_attributes *attributes, int *out);
enum status graph_add_linear(struct graph *graph, const char *name, int input, int out_c, bool bias,
                             int *out);
enum status graph_add_batchnorm(struct graph *graph, const char *name, int input, int *out);
enum status graph_add_act(struct graph *graph, const char *name, int input, struct activation act,
                          int *out);
enum status graph_add_add(struct graph *graph, const char *name, int a, int b, int *out);
enum status graph_add_concat(struct graph *graph, const char *name, int a, int b, int *out);
// Channels [from, from + count) of the input.
enum status graph_add_slice(struct graph *graph, const char *name, int input, int from, int count,
                            int *out);
// kind: NODE_MAX_POOL, NODE_AVG_POOL, whose padding counts as zeros. Output size rounds down.
enum status graph_add_pool(struct graph *graph, const char *name, int input, enum node_kind kind,
                           int kernel, int stride, int pad, int *out);
enum status graph_add_global_pool(struct graph *graph, const char *name, int input, int *out);
// A PAD as shortcut option A has it (He et al. 2016): every stride-th pixel, zero channels before
// and after.
enum status graph_add_shortcut(struct graph *graph, const char *name, int input, int stride,
                               int channels_before, int channels_after, int *out);
enum status graph_add_dropout(struct graph *graph, const char *name, int input, float rate,
                              int *out);
enum status graph_add_lstm(struct graph *graph, const char *name, int input, int hidden, int *out);

// Makes a node an output of the network. The first one added is the one that is trained and scored.
enum status graph_add_output(struct graph *graph, const char *name, int node);
// Lays out the parameter block. The graph is immutable from here on.
enum status graph_finish(struct graph *graph);

void graph_close(struct graph *graph); // a zeroed graph is fine

// ---- reading
const struct param *graph_find_param(const struct graph *graph, const char *name); // NULL if absent
int graph_find_node(const struct graph *graph, const char *name);                  // -1 if absent
int graph_output_node(const struct graph *graph); // the first output's
bool graph_is_output(const struct graph *graph, int node);
bool graph_reads_channels(const struct graph *graph, int node); // weights over its input's channels
bool graph_is_depthwise(const struct graph *graph, int node);   // a CONV with one group per channel

// The op of a node for n images, in the forward direction, f32.
// The only place where node attributes become op attributes. INPUT gives NORMALIZE from u8,
// BATCHNORM gives SCALE_SHIFT, ACT the ADD of one input, SLICE gives COPY_CHANNELS, CONCAT that of
// its first input.
struct op graph_node_op(const struct graph *graph, int node, int n);

// A copy with other channel counts: pieces[node] are where the channels of that node's output come
// from in the copy, as struct node_type has them; NULL: as it was. Errors: ERR_INPUT when sums no
// longer match.
struct channel_piece;
enum status graph_resize(const struct graph *graph, const struct channel_piece *const *pieces,
                         struct graph *out);

// Initial weights: He normal, fan-out for convolutions, their biases 0; PyTorch's defaults for
// linear, U(-1/sqrt(in), 1/sqrt(in)), and LSTM, U(-1/sqrt(hidden), 1/sqrt(hidden)); gamma 1, beta
// 0, mean 0, variance 1. params [n_floats]. Keyed by (seed, parameter).
void graph_init_params(const struct graph *graph, uint64_t seed, float *params);
