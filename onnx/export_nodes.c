// The table of kinds, and those of one or two operators.
#include "onnx/export_internal.h"

static enum status write_batchnorm(struct exporter *e, int node, const char *out)
{
    EXPORT_OP(e, "BatchNormalization", out, export_input(e, node, 0), export_param(e, node, 0),
              export_param(e, node, 1), export_param(e, node, 2), export_param(e, node, 3));
    onnx_message_float(&e->message, "epsilon", e->graph.nodes[node].epsilon);
    return OK;
}

static enum status write_act(struct exporter *e, int node, const char *out)
{
    export_act(e, e->graph.nodes[node].act, export_input(e, node, 0), out);
    return OK;
}

// ONNX's Add has two inputs; its Sum, which has more, is what few runtimes make fast.
static enum status write_add(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    const char *sum = export_input(e, node, 0);
    for (int i = 1; i < n->n_inputs; i++) {
        const char *to = i + 1 < n->n_inputs ? export_name(e, n->name, ".partial") : out;
        EXPORT_OP(e, "Add", to, sum, export_input(e, node, i));
        sum = to;
    }
    return OK;
}

static enum status write_multiply(struct exporter *e, int node, const char *out)
{
    EXPORT_OP(e, "Mul", out, export_input(e, node, 0), export_input(e, node, 1));
    return OK;
}

static enum status write_concat(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    const char **inputs;
    ARENA_NEW(&e->arena, inputs, (size_t)n->n_inputs);
    for (int i = 0; i < n->n_inputs; i++) {
        inputs[i] = export_input(e, node, i);
    }
    onnx_message_node(&e->message, "Concat", out, inputs, n->n_inputs);
    onnx_message_int(&e->message, "axis", 1);
    return OK;
}

static enum status write_slice(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    const int64_t from = n->from, to = (int64_t)n->from + n->c, axis = 1;
    EXPORT_OP(e, "Slice", out, export_input(e, node, 0), export_ints(e, out, ".from", &from, 1),
              export_ints(e, out, ".to", &to, 1), export_ints(e, out, ".axis", &axis, 1));
    return OK;
}

static enum status write_global_pool(struct exporter *e, int node, const char *out)
{
    EXPORT_OP(e, "GlobalAveragePool", out, export_input(e, node, 0));
    return OK;
}

static enum status write_softmax(struct exporter *e, int node, const char *out)
{
    EXPORT_OP(e, "Softmax", out, export_input(e, node, 0));
    onnx_message_int(&e->message, "axis", 1);
    return OK;
}

const struct export_kind export_kinds[NODE_KIND_COUNT] = {
    [NODE_INPUT] = {.passes = true},
    [NODE_CONV] = {.write = export_conv, .form = EXPORT_MAP},
    [NODE_LINEAR] = {.write = export_linear, .form = EXPORT_FLAT},
    [NODE_BATCHNORM] = {.write = write_batchnorm, .form = EXPORT_EITHER},
    [NODE_ACT] = {.write = write_act, .form = EXPORT_EITHER},
    [NODE_ADD] = {.write = write_add, .form = EXPORT_EITHER},
    [NODE_MULTIPLY] = {.write = write_multiply, .form = EXPORT_EITHER},
    [NODE_CONCAT] = {.write = write_concat, .form = EXPORT_EITHER},
    [NODE_SLICE] = {.write = write_slice, .form = EXPORT_EITHER},
    [NODE_SHUFFLE] = {.write = export_shuffle, .form = EXPORT_MAP},
    [NODE_MAX_POOL] = {.write = export_max_pool, .form = EXPORT_MAP},
    [NODE_AVG_POOL] = {.write = export_avg_pool, .form = EXPORT_MAP},
    [NODE_GLOBAL_POOL] = {.write = write_global_pool, .form = EXPORT_MAP},
    [NODE_PAD] = {.write = export_pad, .form = EXPORT_MAP},
    [NODE_RESIZE] = {.write = export_resize, .form = EXPORT_MAP},
    [NODE_SOFTMAX] = {.write = write_softmax, .form = EXPORT_EITHER},
    [NODE_DROPOUT] = {.passes = true},
    [NODE_LSTM] = {.refused = "a recurrent layer; its file would have to carry its state"},
};
