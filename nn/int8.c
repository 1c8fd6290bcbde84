// Type assignment for int8 plans.
#include "nn/int8.h"

// Is the value of `node` never negative?
static bool is_nonnegative(const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    switch (n->kind) {
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
    case NODE_SHORTCUT:
    case NODE_SLICE:
    case NODE_DROPOUT:
        return is_nonnegative(graph, n->inputs[0]);
    case NODE_CONCAT:
        return is_nonnegative(graph, n->inputs[0]) && is_nonnegative(graph, n->inputs[1]);
    default:
        return n->act != ACT_NONE;
    }
}

enum dtype int8_read_type(const struct graph *folded, int node)
{
    return is_nonnegative(folded, node) ? DTYPE_U8 : DTYPE_S8;
}

float int8_scale(enum dtype type, float range)
{
    const float greatest = range > 0.0F ? range : 1.0F;
    return greatest / (type == DTYPE_U8 ? 255.0F : 127.0F);
}

static bool can_produce(const struct graph *graph, int node, const enum dtype *types)
{
    const struct node *n = &graph->nodes[node];
    switch (n->kind) {
    case NODE_INPUT:
    case NODE_CONV:
        return true;
    case NODE_BATCHNORM:
    case NODE_ADD:
        return n->act != ACT_NONE; // written as u8
    case NODE_MAX_POOL:
    case NODE_SHORTCUT:
        return types[n->inputs[0]] != DTYPE_F32;
    default:
        return false;
    }
}

static bool can_read(const struct graph *graph, int reader, const enum dtype *types)
{
    switch (graph->nodes[reader].kind) {
    case NODE_CONV:
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
        return true;
    case NODE_MAX_POOL:
    case NODE_SHORTCUT: // the value keeps its integers only if it stays integer behind
        return types[reader] != DTYPE_F32;
    default:
        return false;
    }
}

// Would `node` as an integer value suit all who read it?
static bool suits_readers(const struct graph *graph, int node, const enum dtype *types)
{
    if (node == graph->n_nodes - 1) {
        return false;
    }
    for (int reader = node + 1; reader < graph->n_nodes; reader++) {
        const struct node *r = &graph->nodes[reader];
        for (int i = 0; i < r->n_inputs; i++) {
            if (r->inputs[i] == node && !can_read(graph, reader, types)) {
                return false;
            }
        }
        if (r->kind == NODE_CONV && r->sum == node && types[reader] != types[node]) {
            return false;
        }
    }
    const struct node *n = &graph->nodes[node];
    return n->kind != NODE_CONV || n->sum < 0 || types[n->sum] == types[node];
}

void int8_assign(const struct graph *folded, enum dtype *types)
{
    for (int i = 0; i < folded->n_nodes; i++) {
        types[i] = DTYPE_F32;
        if (can_produce(folded, i, types)) {
            types[i] = int8_read_type(folded, i);
        }
    }
    // Only ever turns integers into floats, so it ends.
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < folded->n_nodes; i++) {
            if (types[i] != DTYPE_F32 &&
                (!can_produce(folded, i, types) || !suits_readers(folded, i, types))) {
                types[i] = DTYPE_F32;
                changed = true;
            }
        }
    }
}
