// Kinds with a window, and LINEAR.
#include "onnx/export_internal.h"

static void add_window(struct exporter *e, const struct node *n, const int *pad)
{
    onnx_message_ints(&e->message, "kernel_shape", n->kernel, 2);
    onnx_message_ints(&e->message, "strides", n->stride, 2);
    onnx_message_ints(&e->message, "pads", pad, 4);
}

enum status export_conv(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    const char *weight, *bias;
    TRY(export_weights(e, node, &weight, &bias));
    const char *const inputs[3] = {export_input(e, node, 0), weight, bias};
    onnx_message_node(&e->message, "Conv", out, inputs, n->bias ? 3 : 2);
    add_window(e, n, n->pad);
    onnx_message_ints(&e->message, "dilations", n->dilation, 2);
    onnx_message_int(&e->message, "group", n->groups);
    return OK;
}

enum status export_linear(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    const char *weight, *bias;
    TRY(export_weights(e, node, &weight, &bias));
    const char *const inputs[3] = {export_input(e, node, 0), weight, bias};
    onnx_message_node(&e->message, "Gemm", out, inputs, n->bias ? 3 : 2);
    onnx_message_int(&e->message, "transB", 1);
    return OK;
}

// Padding with which as many windows fit without ceil_mode: runtimes do not agree about the last
// one. *more: there are windows that reach beyond the node's own padding.
static enum status find_padding(const struct exporter *e, int node, int *pad, bool *more)
{
    const struct node *n = &e->graph.nodes[node], *input = &e->graph.nodes[n->inputs[0]];
    const int inputs[2] = {input->h, input->w}, outputs[2] = {n->h, n->w};
    *more = false;
    for (int axis = 0; axis < 2; axis++) {
        const int end = (outputs[axis] - 1) * n->stride[axis] +
                        (n->kernel[axis] - 1) * n->dilation[axis] + 1 - inputs[axis] - n->pad[axis];
        pad[axis] = n->pad[axis];
        pad[axis + 2] = end > n->pad[axis + 2] ? end : n->pad[axis + 2];
        *more = *more || end > n->pad[axis + 2];
        if (pad[axis] >= n->kernel[axis] || pad[axis + 2] >= n->kernel[axis]) {
            FAIL(ERR_UNSUPPORTED,
                 "node %s: pools with as much padding as their kernel is wide are not exported",
                 n->name);
        }
    }
    return OK;
}

enum status export_max_pool(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    int pad[4];
    bool more;
    TRY(find_padding(e, node, pad, &more));
    EXPORT_OP(e, "MaxPool", out, export_input(e, node, 0));
    add_window(e, n, pad);
    onnx_message_ints(&e->message, "dilations", n->dilation, 2);
    return OK;
}

// The zeros of n->pad as values, so that they count where what lies behind them does not.
static const char *pad_with_values(struct exporter *e, const struct node *n, const char *in)
{
    const int64_t pads[8] = {0, 0, n->pad[0], n->pad[1], 0, 0, n->pad[2], n->pad[3]};
    const char *out = export_name(e, n->name, ".padded");
    EXPORT_OP(e, "Pad", out, in, export_ints(e, out, ".pads", pads, 8));
    return out;
}

enum status export_avg_pool(struct exporter *e, int node, const char *out)
{
    const struct node *n = &e->graph.nodes[node];
    const char *in = export_input(e, node, 0);
    int pad[4];
    bool more, counts = n->count_pad;
    if (n->dilation[0] > 1 || n->dilation[1] > 1) {
        FAIL(ERR_UNSUPPORTED, "node %s: means over windows with gaps come with opset 19, not 17",
             n->name);
    }
    TRY(find_padding(e, node, pad, &more));
    if (n->count_pad && more) {
        in = pad_with_values(e, n, in);
        for (int side = 0; side < 4; side++) {
            pad[side] -= n->pad[side];
        }
        counts = false;
    }
    EXPORT_OP(e, "AveragePool", out, in);
    add_window(e, n, pad);
    onnx_message_int(&e->message, "count_include_pad", counts);
    return OK;
}
