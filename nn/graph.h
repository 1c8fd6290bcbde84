// A network as an immutable description: nodes in topological order with shapes and names, and the
// layout of its parameters in one flat block. Holds no weights and knows no backend.
#pragma once
#include "compute/op.h"
#include "core/arena.h"
#include "core/status.h"

enum node_kind {
    NODE_INPUT,
    NODE_CONV,   // params: weight [out][in/groups][kh][kw], bias [out] if node.bias
    NODE_LINEAR, // over the whole input map: weight [out][c*h*w] in PyTorch's flatten order, bias
                 // [out]
    NODE_BATCHNORM, // params: weight [c], bias [c], running_mean [c], running_var [c]
    NODE_ACT,       // node.act
    NODE_ADD,       // two inputs of one shape
    NODE_CONCAT,    // two inputs of one height and width; channels of the first, then of the second
    NODE_SLICE,     // a run of its input's channels
    NODE_MAX_POOL,
    NODE_AVG_POOL,    // padding counts as zeros
    NODE_GLOBAL_POOL, // mean over height and width
    NODE_SHORTCUT,    // option A (He et al. 2016): every stride-th pixel, zero channels before and
                      // after
    NODE_DROPOUT,
    NODE_LSTM, // over h as time: params weight_ih [4H][in], weight_hh [4H][H], bias [4H] (gates i,
               // f, g, o)
    NODE_KIND_COUNT
};

enum param_role { PARAM_WEIGHT, PARAM_BIAS, PARAM_GAMMA, PARAM_BETA, PARAM_MEAN, PARAM_VAR };

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
};

#define NODE_MAX_PARAMS 4

struct node {
    enum node_kind kind;
    const char *name; // of the module in PyTorch's sense, "layer1.0.conv1"; arena; unique
    int n_inputs, inputs[2];
    int h, w, c; // of the output, per image
    int kernel_h, kernel_w, stride, pad;
    int groups; // NODE_CONV: 1 dense, in_c depthwise
    bool bias;
    enum activation_kind act;  // NODE_ACT (CLIP: to [0, 6]); in a folded graph also on others
    int pad_before, pad_after; // NODE_SHORTCUT: zero channels
    int from;                  // NODE_SLICE: the input's channel that it begins with
    int sum;    // folded graph: this CONV adds onto the output of node `sum`; -1 none
    float rate; // NODE_DROPOUT
    int params[NODE_MAX_PARAMS]; // indices into graph.params, in the order of the kind's list; -1
                                 // none
};

struct graph {
    struct arena arena;
    struct node *nodes; // arena; node 0 is the input, the last node is the output
    int n_nodes, capacity_nodes;
    struct param *params; // arena; in block order
    int n_params, capacity_params;
    size_t n_trainable, n_floats; // size of the trainable part, of the whole block
};

// ---- building: graph_begin, then graph_add_* in topological order, then graph_finish. Each add
// returns the new node's number in *out, checks shapes and copies the name. Errors: ERR_INPUT
// naming node and shapes.
enum status graph_begin(struct graph *graph, int h, int w, int c);

struct conv_attributes {
    int out_c, kernel_h, kernel_w, stride, pad,
        groups; // groups: 0 or 1 dense; GRAPH_DEPTHWISE = one per channel
    bool bias;
};
#define GRAPH_DEPTHWISE (-1)
enum status graph_add_conv(struct graph *graph, const char *name, int input,
                           const struct conv_attributes *attributes, int *out);
enum status graph_add_linear(struct graph *graph, const char *name, int input, int out_c, bool bias,
                             int *out);
enum status graph_add_batchnorm(struct graph *graph, const char *name, int input, int *out);
enum status graph_add_act(struct graph *graph, const char *name, int input,
                          enum activation_kind act, int *out);
enum status graph_add_add(struct graph *graph, const char *name, int a, int b, int *out);
enum status graph_add_concat(struct graph *graph, const char *name, int a, int b, int *out);
// Channels [from, from + count) of the input.
enum status graph_add_slice(struct graph *graph, const char *name, int input, int from, int count,
                            int *out);
// kind: NODE_MAX_POOL, NODE_AVG_POOL. Output size rounds down.
enum status graph_add_pool(struct graph *graph, const char *name, int input, enum node_kind kind,
                           int kernel, int stride, int pad, int *out);
enum status graph_add_global_pool(struct graph *graph, const char *name, int input, int *out);
enum status graph_add_shortcut(struct graph *graph, const char *name, int input, int stride,
                               int pad_before, int pad_after, int *out);
enum status graph_add_dropout(struct graph *graph, const char *name, int input, float rate,
                              int *out);
enum status graph_add_lstm(struct graph *graph, const char *name, int input, int hidden, int *out);
// A node with the name and attributes of `like`, a node of any graph (c: output channels of CONV,
// LINEAR, LSTM; act and sum are taken over), that reads `inputs` of this one.
enum status graph_add_copy(struct graph *graph, const struct node *like, const int *inputs,
                           int *out);
// Lays out the parameter block. The graph is immutable from here on.
enum status graph_finish(struct graph *graph);

void graph_close(struct graph *graph); // a zeroed graph is fine

// ---- reading
const struct param *graph_find_param(const struct graph *graph, const char *name); // NULL if absent
int graph_find_node(const struct graph *graph, const char *name);                  // -1 if absent
const char *node_kind_name(enum node_kind kind);
bool graph_is_depthwise(const struct graph *graph, int node); // a CONV with one group per channel

// The op of a CONV, LINEAR, pool, shortcut ... node for n images, in the forward direction, f32.
// The only place where node attributes become op attributes. INPUT gives NORMALIZE from u8,
// BATCHNORM and ACT give SCALE_SHIFT, SLICE gives COPY_CHANNELS, CONCAT that of its first input.
struct op graph_node_op(const struct graph *graph, int node, int n);
struct activation graph_activation(enum activation_kind kind); // CLIP: to [0, 6]

// A copy with other channel counts: out_c[node] for CONV (not depthwise: it follows its input),
// LINEAR and LSTM, -1 = as it was; SHORTCUT takes pads[node][2] (before, after) and SLICE too
// (from, count), -1 = as it was. Everything else follows. NULL for either: all as it was. Errors:
// ERR_INPUT when sums no longer match.
enum status graph_resize(const struct graph *graph, const int *out_c, const int (*pads)[2],
                         struct graph *out);

// Initial weights: He normal, fan-out for convolutions, their biases 0; PyTorch's defaults for
// linear, U(-1/sqrt(in), 1/sqrt(in)), and LSTM, U(-1/sqrt(hidden), 1/sqrt(hidden)); gamma 1, beta
// 0, mean 0, variance 1. params [n_floats]. Keyed by (seed, parameter).
void graph_init_params(const struct graph *graph, uint64_t seed, float *params);
