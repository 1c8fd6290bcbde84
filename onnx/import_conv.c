// Conv, BatchNormalization.
#include "onnx/ops.h"
#include "onnx/window.h"

// A vector of n values, of rank 1.
static enum status read_vector(const struct onnx_call *call, int i, const char *what, int n,
                               const struct onnx_tensor **out)
{
    const struct onnx_tensor *tensor;
    TRY(onnx_call_tensor(call, i, what, &tensor));
    if (tensor->rank != 1 || tensor->dims[0] != n) {
        FAIL(ERR_INPUT, "its %s has %lld values in %d dimensions, expected %d in one", what,
             (long long)onnx_tensor_count(tensor), tensor->rank, n);
    }
    *out = tensor;
    return OK;
}

// Weights [out][in / groups][kh][kw], or [out][in / groups][k] along h.
static enum status read_weights(const struct onnx_call *call, const struct onnx_view *view,
                                int64_t groups, struct onnx_draft *draft)
{
    const struct onnx_tensor *weights;
    TRY(onnx_call_tensor(call, 1, "weights", &weights));
    if (weights->rank != view->rank || view->rank < 3) {
        FAIL(ERR_UNSUPPORTED,
             "its input has %d dimensions and its weights %d; both must have 4 (or 3, for a "
             "convolution along one axis)",
             view->rank, weights->rank);
    }
    const int64_t in = draft->node.c, out = weights->dims[0];
    if (groups < 1 || groups > in || in % groups != 0 || out < 1 || out % groups != 0 ||
        weights->dims[1] != in / groups || out > INT32_MAX) {
        FAIL(ERR_INPUT,
             "weights of %lld x %lld x ... with %lld groups do not fit an input of %lld channels",
             (long long)out, (long long)weights->dims[1], (long long)groups, (long long)in);
    }
    TRY(onnx_read_window(call, view->rank - 2, weights->dims + 2, &draft->node));
    struct onnx_tensor four = *weights;
    if (four.rank == 3) {
        four.dims[3] = 1;
        four.strides[3] = 0;
        four.rank = 4;
    }
    onnx_draft_weights(draft, &four, 1.0);
    draft->node.groups = (int)groups;
    draft->node.c = (int)out;
    return OK;
}

// A frame so wide that some windows see none of the input is a PAD of its own: the draft then reads
// that instead of *input.
static enum status split_padding(const struct onnx_call *call, struct onnx_draft *conv, int *input)
{
    struct node *node = &conv->node;
    bool wide = false;
    for (int i = 0; i < 4; i++) {
        const int64_t extent = (int64_t)(node->kernel[i % 2] - 1) * node->dilation[i % 2] + 1;
        wide = wide || node->pad[i] >= extent;
    }
    if (!wide) {
        return OK;
    }
    struct onnx_draft frame = onnx_draft_of(call->importer, NODE_PAD, *input);
    for (int i = 0; i < 4; i++) {
        frame.node.pad[i] = node->pad[i];
        node->pad[i] = 0;
    }
    frame.node.h += frame.node.pad[0] + frame.node.pad[2];
    frame.node.w += frame.node.pad[1] + frame.node.pad[3];
    return onnx_draft_add(call, &frame, input, 1, input);
}

// A frame of zeros around the input, made by a PAD that nothing else reads, is the draft's own
// padding.
static void take_padding(const struct onnx_call *call, struct onnx_draft *conv, int *input)
{
    const struct node *frame = &call->importer->drafts[*input].node;
    struct node *node = &conv->node;
    bool fits = frame->kind == NODE_PAD && onnx_is_only_use(call, 0) && frame->stride[0] == 1 &&
                frame->stride[1] == 1 && frame->pad_channels[0] == 0 && frame->pad_channels[1] == 0;
    for (int i = 0; i < 4 && fits; i++) {
        const int64_t extent = (int64_t)(node->kernel[i % 2] - 1) * node->dilation[i % 2] + 1;
        fits = frame->pad[i] >= 0 && frame->pad[i] + node->pad[i] < extent;
    }
    if (fits) {
        for (int i = 0; i < 4; i++) {
            node->pad[i] += frame->pad[i];
        }
        *input = frame->inputs[0];
    }
}

enum status onnx_import_conv(struct onnx_call *call)
{
    const struct onnx_view *view;
    int64_t groups;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_require_map(call->importer, view));
    TRY(onnx_attribute_int(call->node, "group", 1, &groups));
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_CONV, view->draft);
    TRY(read_weights(call, view, groups, &draft));
    draft.node.bias = onnx_call_value(call, 2) != NULL;
    if (draft.node.bias) {
        const struct onnx_tensor *bias;
        TRY(read_vector(call, 2, "bias", draft.node.c, &bias));
        onnx_draft_weights(&draft, bias, 1.0);
    }
    draft.label = onnx_label(call, 1);
    int input = view->draft, added;
    take_padding(call, &draft, &input);
    TRY(split_padding(call, &draft, &input));
    TRY(onnx_draft_add(call, &draft, &input, 1, &added));
    return onnx_set_map(call, 0, added, view->rank);
}

enum status onnx_import_batchnorm(struct onnx_call *call)
{
    static const char *const names[4] = {"scale", "bias", "mean", "variance"};
    const struct onnx_view *view;
    int64_t training, spatial;
    double epsilon;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_require_map(call->importer, view));
    TRY(onnx_attribute_int(call->node, "training_mode", 0, &training));
    TRY(onnx_attribute_int(call->node, "spatial", 1, &spatial));
    TRY(onnx_attribute_float(call->node, "epsilon", 1e-5, &epsilon));
    if (training != 0) {
        FAIL(ERR_UNSUPPORTED, "it normalises with its batch's own statistics (training_mode 1); "
                              "export the network in evaluation mode");
    }
    if (view->rank < 2 || (spatial == 0 && view->rank > 2)) {
        FAIL(ERR_UNSUPPORTED, "it has a mean per value, not per channel");
    }
    TRY(onnx_unused_outputs(call, 1, "statistics"));
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_BATCHNORM, view->draft);
    for (int i = 0; i < 4; i++) {
        const struct onnx_tensor *tensor;
        TRY(read_vector(call, 1 + i, names[i], draft.node.c, &tensor));
        onnx_draft_weights(&draft, tensor, 1.0);
    }
    draft.node.epsilon = (float)epsilon;
    draft.label = onnx_label(call, 1);
    int added;
    TRY(onnx_draft_add(call, &draft, &view->draft, 1, &added));
    return onnx_set_map(call, 0, added, view->rank);
}
