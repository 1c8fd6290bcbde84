// Type assignment for int8 plans.
#include "nn/int8.h"

#include "nn/node_type.h"

void int8_signs(const struct graph *folded, bool *nonnegative)
{
    for (int i = 0; i < folded->n_nodes; i++) {
        const struct node *n = &folded->nodes[i];
        const enum node_sign sign = node_type_of(n->kind)->sign;
        nonnegative[i] = sign != SIGN_ANY;
        for (int k = 0; sign == SIGN_OF_INPUTS && k < n->n_inputs; k++) {
            nonnegative[i] = nonnegative[i] && nonnegative[n->inputs[k]];
        }
        if (n->act.kind != ACT_NONE) {
            nonnegative[i] = activation_is_nonnegative(n->act);
        }
    }
}

enum dtype int8_type(bool nonnegative)
{
    return nonnegative ? DTYPE_U8 : DTYPE_S8;
}

float int8_scale(enum dtype type, float range)
{
    const float greatest = range > 0.0F ? range : 1.0F;
    return greatest / (type == DTYPE_U8 ? 255.0F : 127.0F);
}

static bool can_produce(const struct graph *graph, int node, const enum dtype *types)
{
    const struct node *n = &graph->nodes[node];
    switch (node_type_of(n->kind)->int8_output) {
    case INT8_WRITES:
        return true;
    case INT8_WRITES_IF_ACT:
        return n->act.kind != ACT_NONE;
    case INT8_COPIES:
        return types[n->inputs[0]] != DTYPE_F32;
    case INT8_FLOAT:
        break;
    }
    return false;
}

static bool can_read(const struct graph *graph, int reader, const enum dtype *types)
{
    const struct node_type *type = node_type_of(graph->nodes[reader].kind);
    // What copies keeps the integers only if they stay integers behind it.
    return type->int8_output == INT8_COPIES ? types[reader] != DTYPE_F32 : type->int8_reads;
}

// Would `node` as an integer value suit all who read it?
static bool suits_readers(const struct graph *graph, int node, const enum dtype *types)
{
    if (graph_is_output(graph, node)) {
        return false;
    }
    for (int reader = node + 1; reader < graph->n_nodes; reader++) {
        const struct node *r = &graph->nodes[reader];
        for (int i = 0; i < r->n_inputs; i++) {
            if (r->inputs[i] == node && !can_read(graph, reader, types)) {
                return false;
            }
        }
        if (r->sum == node && types[reader] != types[node]) {
            return false;
        }
    }
    const struct node *n = &graph->nodes[node];
    return n->sum < 0 || types[n->sum] == types[node];
}

void int8_assign(const struct graph *folded, const bool *nonnegative, enum dtype *types)
{
    for (int i = 0; i < folded->n_nodes; i++) {
        types[i] = DTYPE_F32;
        if (can_produce(folded, i, types)) {
            types[i] = int8_type(nonnegative[i]);
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
