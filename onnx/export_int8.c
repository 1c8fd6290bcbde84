// Which values of an int8 file are integers, with which scales, and QuantizeLinear and
// DequantizeLinear around them.
//
// A runtime computes an operator in integers when all its inputs come from DequantizeLinear and its
// output, behind an activation that is a mere bound, goes to QuantizeLinear. So a pair of the two
// stands behind every value that a convolution, linear layer, sum or pool reads, and nowhere else
// but where ONNX Runtime needs one to see a convolution's end. Outputs stay as they are computed.
#include "nn/int8.h"
#include "nn/node_type.h"
#include "onnx/export_internal.h"

#include <float.h>
#include <math.h>

// Does this reader want integers, given whether its own output is made of them?
static bool wants_integers(const struct node *reader, bool own)
{
    switch (reader->kind) {
    case NODE_CONV:
    case NODE_LINEAR:
    case NODE_ADD:
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
        return true;
    case NODE_MAX_POOL:
    case NODE_PAD:
    case NODE_SHUFFLE:
    case NODE_CONCAT:
    case NODE_SLICE:
        return own;
    default:
        return false;
    }
}

static bool is_read_once(const struct graph *graph, int node)
{
    int n = 0;
    for (int i = node + 1; i < graph->n_nodes; i++) {
        for (int k = 0; k < graph->nodes[i].n_inputs; k++) {
            n += graph->nodes[i].inputs[k] == node;
        }
    }
    return n == 1 && !graph_is_output(graph, node);
}

// TensorRT computes a convolution and the sum behind it in one step when only the sum's other input
// comes as integers. The last input that is such a convolution, -1 none.
static int find_fused(const struct exporter *e, const struct node *reader)
{
    for (int k = reader->n_inputs - 1; k >= 0; k--) {
        const int input = reader->inputs[k];
        if (e->options->int8 == ONNX_INT8_TENSORRT && reader->kind == NODE_ADD &&
            e->graph.nodes[input].kind == NODE_CONV && is_read_once(&e->graph, input)) {
            return k;
        }
    }
    return -1;
}

// From the last node to the first: readers come behind what they read.
static void choose_values(struct exporter *e)
{
    const struct graph *graph = &e->graph;
    for (int i = graph->n_nodes - 1; i >= 0; i--) {
        const struct node *node = &graph->nodes[i];
        if (!e->live[i]) {
            continue;
        }
        // ONNX Runtime has no integer convolution with a float output.
        const bool convolves = node->kind == NODE_CONV && !graph_is_output(graph, i);
        if (convolves && e->options->int8 == ONNX_INT8_ORT) {
            e->quants[i].on = true;
        }
        const int fused = find_fused(e, node);
        for (int k = 0; k < node->n_inputs; k++) {
            struct export_quant *input = &e->quants[node->inputs[k]];
            input->on = input->on || (k != fused && wants_integers(node, e->quants[i].on));
        }
        if (node->sum >= 0) {
            e->quants[node->sum].on = true;
        }
    }
}

static struct export_quant quant_of_range(enum onnx_int8 taste, struct onnx_range range)
{
    struct export_quant quant = {.on = true, .scale = 1.0F};
    if (taste == ONNX_INT8_TENSORRT) {
        const float most = fmaxf(-range.low, range.high);
        quant.scale = most > 0.0F ? fmaxf(most / 127.0F, FLT_MIN) : 1.0F;
        return quant;
    }
    if (range.high > range.low) {
        quant.scale = fmaxf((range.high - range.low) / 255.0F, FLT_MIN);
        quant.zero = (int)lrintf(-range.low / quant.scale);
    }
    return quant;
}

enum status export_plan_int8(struct exporter *e)
{
    const struct graph *graph = &e->graph;
    bool *nonnegative;
    ARENA_NEW(&e->arena, nonnegative, (size_t)graph->n_nodes);
    choose_values(e);
    int8_signs(graph, nonnegative);
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        const bool copies = node_type_of(node->kind)->int8_output == INT8_COPIES;
        if (!e->quants[i].on) {
            continue;
        }
        if (copies && e->quants[node->inputs[0]].on) {
            e->quants[i] = e->quants[node->inputs[0]];
            continue;
        }
        struct onnx_range range = e->options->ranges[e->sources[i].output];
        range.low = nonnegative[i] ? 0.0F : range.low;
        e->quants[i] = quant_of_range(e->options->int8, range);
    }
    return OK;
}

// A scale and a zero point for all of a value, as initialisers.
const char *export_quantize(struct exporter *e, const char *value, struct export_quant quant)
{
    const bool has_sign = e->options->int8 == ONNX_INT8_TENSORRT;
    const char *scale = export_float(e, value, ".scale", quant.scale);
    const char *zero = export_name(e, value, ".zero_point");
    int8_t *byte = arena_alloc(&e->arena, 1, 1);
    if (byte == NULL) {
        e->message.failed = true;
        return value;
    }
    *byte = (int8_t)(uint8_t)quant.zero;
    onnx_message_tensor(&e->message, zero, has_sign ? ONNX_ELEMENTS_INT8 : ONNX_ELEMENTS_UINT8,
                        NULL, 0, byte, 1);
    const char *integers = export_name(e, value, ".quantized");
    const char *out = export_name(e, value, ".dequantized");
    EXPORT_OP(e, "QuantizeLinear", integers, value, scale, zero);
    EXPORT_OP(e, "DequantizeLinear", out, integers, scale, zero);
    return out;
}

// The source node whose value a folded CONV or ADD has before its activation.
static int source_before_act(const struct exporter *e, int node)
{
    const struct graph *source = &e->network->graph;
    int at = source->nodes[e->sources[node].output].inputs[0];
    while (source->nodes[at].kind == NODE_DROPOUT) {
        at = source->nodes[at].inputs[0];
    }
    return at;
}

const char *export_quantize_inner(struct exporter *e, int node, const char *value, bool before_sum)
{
    const struct node *n = &e->graph.nodes[node];
    const struct fold_source *from = &e->sources[node];
    if (e->options->int8 != ONNX_INT8_ORT || (n->kind != NODE_CONV && n->kind != NODE_ADD)) {
        return value;
    }
    int source = -1;
    if (before_sum && n->sum >= 0) {
        source = from->batchnorm >= 0 ? from->batchnorm : from->conv;
    } else if (!before_sum && n->act.kind != ACT_NONE && n->act.kind != ACT_RELU &&
               n->act.kind != ACT_CLIP) {
        source = source_before_act(e, node);
    }
    return source < 0 ? value
                      : export_quantize(e, value,
                                        quant_of_range(ONNX_INT8_ORT, e->options->ranges[source]));
}

// ---- weights
struct integer_weights {
    int rows; // output channels
    size_t columns;
    const float *weight; // [rows][columns]
    const float *bias;   // [rows], NULL none
    int8_t *weights;     // [rows][columns]
    float *scales;       // [rows] real value of one step
    int8_t *zeros;       // [rows]
    int32_t *biases;     // [rows]
    float *bias_scales;  // [rows]
};

// A row's scale: its greatest weight is 127 steps, unless the bias, in steps of in_scale * scale,
// would not fit 32 bits then, or those steps would be none.
static float scale_of_row(const struct integer_weights *w, int row, float in_scale)
{
    float most = 0.0F;
    for (size_t i = 0; i < w->columns; i++) {
        most = fmaxf(most, fabsf(w->weight[(size_t)row * w->columns + i]));
    }
    const float scale = most > 0.0F ? most / 127.0F : 1.0F;
    const float least = w->bias != NULL ? fabsf(w->bias[row]) / (in_scale * 0x1p30F) : 0.0F;
    return fmaxf(fmaxf(scale, least), FLT_MIN / fminf(in_scale, 1.0F));
}

static void quantize_rows(const struct integer_weights *w, float in_scale)
{
    for (int row = 0; row < w->rows; row++) {
        const float scale = w->scales[row] = scale_of_row(w, row, in_scale);
        for (size_t i = 0; i < w->columns; i++) {
            const size_t at = (size_t)row * w->columns + i;
            const float steps = rintf(w->weight[at] / scale);
            w->weights[at] = (int8_t)fminf(fmaxf(steps, -127.0F), 127.0F);
        }
        w->bias_scales[row] = in_scale * scale;
        if (w->bias != NULL) {
            w->biases[row] = (int32_t)lrintf(w->bias[row] / w->bias_scales[row]);
        }
    }
}

// DequantizeLinear of integers of one scale per row, under the parameter's own name.
static const char *dequantize_rows(struct exporter *e, const char *name, const char *integers,
                                   const struct integer_weights *w, bool bias)
{
    const int64_t rows[1] = {w->rows};
    const float *scales = bias ? w->bias_scales : w->scales;
    const char *scale = export_floats(e, name, ".scale", rows, 1, scales);
    const char *inputs[3] = {integers, scale, ""};
    if (!bias) {
        inputs[2] = export_name(e, name, ".zero_point");
        onnx_message_tensor(&e->message, inputs[2], ONNX_ELEMENTS_INT8, rows, 1, w->zeros,
                            (size_t)w->rows);
    }
    onnx_message_node(&e->message, "DequantizeLinear", name, inputs, bias ? 2 : 3);
    onnx_message_int(&e->message, "axis", 0);
    return name;
}

static enum status write_integers(struct exporter *e, int node, float in_scale, const char **weight,
                                  const char **bias)
{
    const struct node *n = &e->graph.nodes[node];
    const struct param *param = &e->graph.params[n->params[0]];
    struct integer_weights w = {.rows = n->c, .columns = param->count / (size_t)n->c};
    w.weight = e->params + param->offset;
    w.bias = n->bias ? e->params + e->graph.params[n->params[1]].offset : NULL;
    ARENA_NEW(&e->arena, w.weights, param->count);
    ARENA_NEW(&e->arena, w.scales, (size_t)n->c);
    ARENA_NEW(&e->arena, w.zeros, (size_t)n->c);
    ARENA_NEW(&e->arena, w.biases, (size_t)n->c);
    ARENA_NEW(&e->arena, w.bias_scales, (size_t)n->c);
    quantize_rows(&w, in_scale);
    int64_t dims[4];
    for (int i = 0; i < param->n_dims; i++) {
        dims[i] = param->dims[i];
    }
    const char *name = export_name(e, param->name, "");
    const char *integers = export_name(e, name, ".quantized");
    onnx_message_tensor(&e->message, integers, ONNX_ELEMENTS_INT8, dims, param->n_dims, w.weights,
                        param->count);
    *weight = dequantize_rows(e, name, integers, &w, false);
    if (w.bias == NULL || e->options->int8 != ONNX_INT8_ORT) {
        *bias = export_param(e, node, 1);
        return OK;
    }
    name = export_name(e, e->graph.params[n->params[1]].name, "");
    integers = export_name(e, name, ".quantized");
    onnx_message_tensor(&e->message, integers, ONNX_ELEMENTS_INT32, (const int64_t[]){n->c}, 1,
                        w.biases, (size_t)n->c * sizeof *w.biases);
    *bias = dequantize_rows(e, name, integers, &w, true);
    return OK;
}

enum status export_weights(struct exporter *e, int node, const char **weight, const char **bias)
{
    const struct export_quant *input = &e->quants[e->graph.nodes[node].inputs[0]];
    if (input->on) {
        return write_integers(e, node, input->scale, weight, bias);
    }
    *weight = export_param(e, node, 0);
    *bias = export_param(e, node, 1);
    return OK;
}
