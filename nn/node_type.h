// All that dikdik knows of a kind of node, as one table at the end of the kind's file. To add a
// kind: its file, its line in node_list.h, nothing else. `check_nodes` refuses a build with a table
// that lacks something.
#pragma once
#include "nn/graph.h"

struct lowering;
struct backward;
struct compound;
struct infer_plan;

// ---- attributes, as graph files name them
enum attribute_kind {
    ATTRIBUTE_INT,
    ATTRIBUTE_BOOL,
    ATTRIBUTE_FLOAT,
    ATTRIBUTE_CHOICE,
    ATTRIBUTE_ACT
};

struct node_attribute {
    const char *key;
    enum attribute_kind kind;
    size_t offset;              // in struct node
    int count;                  // INT: how many, 0 for one that is no list
    int least;                  // INT: the least value; the greatest is NODE_MOST_EXTENT
    double low, high;           // FLOAT: bounds, both included
    const char *const *choices; // CHOICE: NULL-ended; the value is the index
};

// Greatest height, width, channel count, kernel, stride or padding: sums of a few of them fit an
// int, products of two an int64_t.
#define NODE_MOST_EXTENT (1 << 24)

// ---- parameters
struct param_shape {
    const char *suffix; // of the name, behind the node's
    enum param_role role;
    int n_dims, dims[4];
    enum param_columns columns;
    int repeats; // rows are so many blocks of c below one another: 4 gates of an LSTM; 0 counts as
                 // 1
};

// ---- channels
// Where a run of a node's output channels comes from: `count` channels of an input from number
// `from` on, new ones, or zeros.
enum { PIECE_NEW = -1, PIECE_ZEROS = -2 };
struct channel_piece {
    int input; // 0 .. n_inputs - 1, PIECE_NEW or PIECE_ZEROS
    int from, count;
};
#define NODE_MOST_PIECES(node) ((node)->n_inputs + 2)

// ---- costs: coefficient * W(in) * W(out) / divisor, W being the width of a node's output
enum { ONE_WIDE = -1, NODE_MOST_TERMS = 3 };
// Of a node kind: multiply-adds and trainable parameters. Bytes follow from its parameters
// (cost.h).
enum cost_kind { COST_MACS, COST_PARAMS, COST_BYTES, COST_KINDS };
struct cost_term {
    int64_t coefficient;
    int in, out; // nodes, or ONE_WIDE
    int divisor; // exact: of a grouped convolution, its groups
};

// ---- int8
enum int8_output {
    INT8_FLOAT,         // puts out float32 only
    INT8_WRITES,        // integers of whatever it reads
    INT8_WRITES_IF_ACT, // integers, where an activation has made its values one-sided
    INT8_COPIES         // integers as they come in
};
enum node_sign {
    SIGN_ANY,
    SIGN_OF_INPUTS, // never negative where no input is
    SIGN_UNIT       // in [0, 1]
};

// Mean and variance of every channel of a node's output.
struct moments {
    double *mean, *variance; // [c]
};

struct node_type {
    const char *name; // in graph files
    int least_inputs, most_inputs;
    const struct node_attribute *attributes; // ends with a NULL key; NULL: none

    // Sets h, w and c, which come in as the first input's, but for attributes that say them.
    // Attributes lie within their bounds. ERR_INPUT names the node and what does not fit.
    enum status (*shape)(const struct graph *graph, struct node *node);
    // Fills shapes [NODE_MAX_PARAMS], returns how many. NULL: no parameters.
    int (*params)(const struct graph *graph, const struct node *node, struct param_shape *shapes);
    // First values of a parameter, those that the engine trains from. NULL: 1 for gammas and
    // variances, else 0.
    void (*init)(const struct graph *graph, const struct param *param, struct rng *rng,
                 float *values);

    // The op that stands for the node. graph_node_op fills in shapes and attributes, `fill` (may be
    // NULL) the rest.
    enum op_kind op;
    void (*fill)(const struct graph *graph, int node, struct op *op);

    // Appends the node's steps to a program: with BatchNorm still separate (training, statistics),
    // its gradients, and of a folded graph for inference. `load` fills in on the host what an
    // inference plan needs of the weights and ranges, `pack` packs weights once that is sent; NULL:
    // nothing.
    enum status (*forward)(struct lowering *lowering, const struct compound *compound);
    enum status (*backward)(struct backward *backward, const struct compound *compound);
    enum status (*infer)(struct infer_plan *plan, int node);
    enum status (*load)(struct infer_plan *plan, int node, const float *ranges);
    enum status (*pack)(struct infer_plan *plan, int node, const float *ranges);
    bool carries_act; // an activation behind it can be part of its op

    enum int8_output int8_output;
    bool int8_reads; // takes integers, whatever it puts out
    enum node_sign sign;

    // Fills pieces [NODE_MOST_PIECES], in the order of the output's channels; returns how many.
    int (*pieces)(const struct graph *graph, const struct node *node, struct channel_piece *pieces);
    // Takes over pieces with other counts and places; NULL: nothing of the node depends on them.
    void (*resize)(struct node *node, const struct channel_piece *pieces);
    bool joins;   // channel k of all inputs are one: they stay or go together
    bool adds;    // ... and are summed: a stream that many write to
    bool freezes; // all its channels stay: its value depends on their places or their number
    bool cuts;    // its ends are ends of groups

    // Fills terms [NODE_MOST_TERMS], returns how many. NULL: costs nothing.
    int (*cost)(const struct graph *graph, int node, enum cost_kind kind, struct cost_term *terms);
    // Guesses the output's moments from its inputs'; all [n_nodes]. NULL: mean 0, variance 1 for
    // all.
    void (*moments)(const struct graph *graph, const float *params, int node,
                    const struct moments *all, struct moments *out);
};

#define X(id, name) extern const struct node_type node_type_##name;
NODE_LIST(X)
#undef X

const struct node_type *node_type_of(enum node_kind kind);

// ---- what several kinds share
enum status node_shape_as_input(const struct graph *graph, struct node *node); // nothing changes
// All inputs have one height and width; with `channels` as many channels, too.
enum status node_check_inputs(const struct graph *graph, const struct node *node, bool channels);
// Sets h and w from kernel, stride, dilation, pad and ceil_mode.
enum status node_slide_window(const struct graph *graph, struct node *node);

int node_pieces_same(const struct graph *graph, const struct node *node,
                     struct channel_piece *pieces);
int node_pieces_new(const struct graph *graph, const struct node *node,
                    struct channel_piece *pieces);

void node_moments_same(const struct graph *graph, const float *params, int node,
                       const struct moments *all, struct moments *out);
void node_copy_moments(const struct moments *from, int first, int n, struct moments *to, int at);

#define NODE_INT(key_, field, least_)                                                              \
    {                                                                                              \
        .key = (key_), .kind = ATTRIBUTE_INT, .offset = offsetof(struct node, field),              \
        .least = (least_)                                                                          \
    }
#define NODE_INTS(key_, field, n, least_)                                                          \
    {                                                                                              \
        .key = (key_), .kind = ATTRIBUTE_INT, .offset = offsetof(struct node, field),              \
        .count = (n), .least = (least_)                                                            \
    }
#define NODE_BOOL(key_, field)                                                                     \
    {                                                                                              \
        .key = (key_), .kind = ATTRIBUTE_BOOL, .offset = offsetof(struct node, field)              \
    }
#define NODE_FLOAT(key_, field, low_, high_)                                                       \
    {                                                                                              \
        .key = (key_), .kind = ATTRIBUTE_FLOAT, .offset = offsetof(struct node, field),            \
        .low = (low_), .high = (high_)                                                             \
    }
#define NODE_CHOICE(key_, field, names)                                                            \
    {                                                                                              \
        .key = (key_), .kind = ATTRIBUTE_CHOICE, .offset = offsetof(struct node, field),           \
        .choices = (names)                                                                         \
    }
