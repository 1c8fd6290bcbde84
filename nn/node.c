// The table of kinds, and what several of them share.
#include "nn/node_type.h"

#include <limits.h>
#include <string.h>

const struct node_type *node_type_of(enum node_kind kind)
{
    static const struct node_type *const types[NODE_KIND_COUNT] = {
#define X(id, name) [NODE_##id] = &node_type_##name,
        NODE_LIST(X)
#undef X
    };
    CHECK((int)kind >= 0 && kind < NODE_KIND_COUNT);
    return types[kind];
}

const char *node_kind_name(enum node_kind kind)
{
    return node_type_of(kind)->name;
}

int node_kind_find(const char *name)
{
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        if (strcmp(node_kind_name((enum node_kind)kind), name) == 0) {
            return kind;
        }
    }
    return -1;
}

struct node node_default(enum node_kind kind)
{
    struct node node = {.kind = kind,
                        .kernel = {1, 1},
                        .stride = {1, 1},
                        .dilation = {1, 1},
                        .groups = 1,
                        .epsilon = NODE_EPSILON,
                        .sum = -1};
    for (int i = 0; i < NODE_MAX_PARAMS; i++) {
        node.params[i] = -1;
    }
    return node;
}

enum status node_shape_as_input(const struct graph *graph, struct node *node)
{
    (void)graph;
    (void)node;
    return OK;
}

enum status node_check_inputs(const struct graph *graph, const struct node *node, bool channels)
{
    const struct node *first = &graph->nodes[node->inputs[0]];
    for (int i = 1; i < node->n_inputs; i++) {
        const struct node *other = &graph->nodes[node->inputs[i]];
        if (first->h != other->h || first->w != other->w || (channels && first->c != other->c)) {
            FAIL(ERR_INPUT, "node %s: its inputs %s (%dx%dx%d) and %s (%dx%dx%d) differ in %s",
                 node->name, first->name, first->h, first->w, first->c, other->name, other->h,
                 other->w, other->c, channels ? "shape" : "height or width");
        }
    }
    return OK;
}

// How often a window of `reach` pixels fits into `room` pixels; with ceil_mode also once more where
// it begins before the end of the input.
static int window_count(const struct node *node, int axis, int input, int64_t reach)
{
    const int before = node->pad[axis], after = node->pad[axis + 2], stride = node->stride[axis];
    const int64_t room = (int64_t)input + before + after - reach;
    if (room < 0) {
        return 0;
    }
    int64_t count = room / stride + 1;
    if (node->ceil_mode && room % stride != 0 && count * stride < (int64_t)input + before) {
        count++;
    }
    return (int)count;
}

enum status node_slide_window(const struct graph *graph, struct node *node)
{
    const struct node *input = &graph->nodes[node->inputs[0]];
    const int extents[2] = {input->h, input->w};
    int counts[2];
    for (int axis = 0; axis < 2; axis++) {
        const int64_t reach = (int64_t)(node->kernel[axis] - 1) * node->dilation[axis] + 1;
        if (node->pad[axis] >= reach || node->pad[axis + 2] >= reach) {
            FAIL(ERR_INPUT,
                 "node %s: with %d and %d pixels of padding some windows of its %dx%d kernel see "
                 "no input",
                 node->name, node->pad[axis], node->pad[axis + 2], node->kernel[0],
                 node->kernel[1]);
        }
        counts[axis] = window_count(node, axis, extents[axis], reach);
        if (counts[axis] == 0) {
            FAIL(ERR_INPUT,
                 "node %s: a %dx%d kernel does not fit into %s, which is %dx%d with %d + %d and "
                 "%d + %d pixels of padding",
                 node->name, node->kernel[0], node->kernel[1], input->name, input->h, input->w,
                 node->pad[0], node->pad[2], node->pad[1], node->pad[3]);
        }
    }
    node->h = counts[0];
    node->w = counts[1];
    return OK;
}

int node_pieces_same(const struct graph *graph, const struct node *node,
                     struct channel_piece *pieces)
{
    (void)graph;
    pieces[0] = (struct channel_piece){.input = 0, .from = 0, .count = node->c};
    return 1;
}

int node_pieces_new(const struct graph *graph, const struct node *node,
                    struct channel_piece *pieces)
{
    (void)graph;
    pieces[0] = (struct channel_piece){.input = PIECE_NEW, .from = 0, .count = node->c};
    return 1;
}

void node_copy_moments(const struct moments *from, int first, int n, struct moments *to, int at)
{
    for (int c = 0; c < n; c++) {
        to->mean[at + c] = from->mean[first + c];
        to->variance[at + c] = from->variance[first + c];
    }
}

void node_moments_same(const struct graph *graph, const float *params, int node,
                       const struct moments *all, struct moments *out)
{
    (void)params;
    const struct node *n = &graph->nodes[node];
    node_copy_moments(&all[n->inputs[0]], 0, n->c, out, 0);
}
