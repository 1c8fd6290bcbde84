// One node of a network: its kind, what it reads, the shape it puts out, and its attributes. What
// each kind does with them stands in its file, node_NAME.c.
#pragma once
#include "compute/op.h"
#include "nn/node_list.h"

enum node_kind {
#define X(id, name) NODE_##id,
    NODE_LIST(X)
#undef X
        NODE_KIND_COUNT
};

#define ACTIVATION_NONE ((struct activation){.kind = ACT_NONE})
#define ACTIVATION_RELU ((struct activation){.kind = ACT_RELU})
#define ACTIVATION_RELU6 ((struct activation){.kind = ACT_CLIP, .a = 0.0F, .b = 6.0F})

#define NODE_MAX_PARAMS 4
#define NODE_EPSILON 1e-5F // of BatchNorm, where nothing else is said

struct node {
    enum node_kind kind;
    const char
        *name; // of the module in PyTorch's sense, "layer1.0.conv1"; unique; the graph's arena
    int n_inputs;
    const int *inputs; // node numbers, all below its own; the graph's arena
    int h, w, c;       // of the output, per image

    // Attributes; each kind's file says which ones it has. Pairs are rows, columns.
    int kernel[2], stride[2], dilation[2];
    int pad[4];            // zeros above, left, below, right; of a PAD, below 0: cut off
    int groups;            // CONV: 1 dense, in_c depthwise; SHUFFLE: parts
    bool bias;             // CONV, LINEAR
    struct activation act; // ACT; in a folded graph also of kinds that carry one
    float epsilon;         // BATCHNORM
    bool ceil_mode;        // pools: a last window may reach beyond the padded input
    bool count_pad;        // AVG_POOL: padding counts as zeros
    int pad_channels[2];   // PAD: zero channels before, after
    int from;              // SLICE: the input's channel that it begins with
    int size[2];           // RESIZE: of the output
    enum resize_mode resize;
    enum resize_coordinates coordinates;
    float rate; // DROPOUT

    int sum; // folded graph: this CONV adds onto the output of node `sum`; -1 none
    int params[NODE_MAX_PARAMS]; // indices into graph.params, in the order of the kind's list; -1
                                 // none
};

// A node of this kind with every attribute at its default; reads nothing yet.
struct node node_default(enum node_kind kind);
const char *node_kind_name(enum node_kind kind);
// -1 for a name that is none.
int node_kind_find(const char *name);
