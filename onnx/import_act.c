// Activation functions, Softmax.
#include "onnx/ops.h"

#include <float.h>
#include <math.h>

enum status onnx_import_relu(struct onnx_call *call)
{
    return onnx_add_act(call, (struct activation){.kind = ACT_RELU});
}

// A bound of Clip: an attribute in old opsets, an input in new ones.
static enum status read_bound(const struct onnx_call *call, const char *name, int i,
                              double fallback, double *out)
{
    const struct onnx_tensor *tensor;
    TRY(onnx_call_optional_tensor(call, i, name, &tensor));
    if (tensor == NULL) {
        return onnx_attribute_float(call->node, name, fallback, out);
    }
    if (onnx_tensor_count(tensor) != 1) {
        FAIL(ERR_INPUT, "its %s is not one number", name);
    }
    *out = onnx_tensor_first(tensor);
    return OK;
}

enum status onnx_import_clip(struct onnx_call *call)
{
    const double most = (double)FLT_MAX;
    double low, high;
    TRY(read_bound(call, "min", 1, -most, &low));
    TRY(read_bound(call, "max", 2, most, &high));
    if (isnan(low) || isnan(high)) {
        FAIL(ERR_INPUT, "a bound of it is no number");
    }
    high = fmin(high, most);
    low = fmin(fmax(low, -most), high); // what lies above both is the upper bound
    if (low == 0.0 && high == most) {
        return onnx_import_relu(call);
    }
    if (low == -most && high == most) {
        return onnx_import_identity(call);
    }
    if (!((float)low < (float)high)) {
        const double none = 0.0; // one number, whatever comes in
        const struct onnx_view *view;
        TRY(onnx_call_view(call, 0, &view));
        return onnx_add_affine(call, view, 1, &none, &high);
    }
    return onnx_add_act(call,
                        (struct activation){.kind = ACT_CLIP, .a = (float)low, .b = (float)high});
}

enum status onnx_import_leaky_relu(struct onnx_call *call)
{
    double slope;
    TRY(onnx_attribute_float(call->node, "alpha", 0.01, &slope));
    return onnx_add_act(call, (struct activation){.kind = ACT_LEAKY, .a = (float)slope});
}

enum status onnx_import_sigmoid(struct onnx_call *call)
{
    return onnx_add_act(call, (struct activation){.kind = ACT_SIGMOID});
}

enum status onnx_import_hard_sigmoid(struct onnx_call *call)
{
    double alpha, beta;
    TRY(onnx_attribute_float(call->node, "alpha", 0.2, &alpha));
    TRY(onnx_attribute_float(call->node, "beta", 0.5, &beta));
    return onnx_add_act(
        call, (struct activation){.kind = ACT_HARD_SIGMOID, .a = (float)alpha, .b = (float)beta});
}

enum status onnx_import_hard_swish(struct onnx_call *call)
{
    return onnx_add_act(call, (struct activation){.kind = ACT_HARD_SWISH});
}

enum status onnx_import_swish(struct onnx_call *call)
{
    double alpha;
    TRY(onnx_attribute_float(call->node, "alpha", 1.0, &alpha));
    if (alpha != 1.0) {
        FAIL(ERR_UNSUPPORTED, "its alpha is %g, only 1 is read", alpha);
    }
    return onnx_add_act(call, (struct activation){.kind = ACT_SILU});
}

enum status onnx_import_softmax(struct onnx_call *call)
{
    const struct onnx_view *view;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_require_map(call->importer, view));
    // Until opset 12 all axes from this one on were taken together.
    const int64_t opset = call->importer->model->opset;
    const bool together = opset > 0 && opset < 13;
    int64_t given;
    int axis;
    TRY(onnx_attribute_int(call->node, "axis", together ? 1 : -1, &given));
    TRY(onnx_axis(given, view->rank, &axis));
    const struct node *from = &call->importer->drafts[view->draft].node;
    if (axis != 1 || (together && (from->h > 1 || from->w > 1))) {
        FAIL(ERR_UNSUPPORTED, "it is taken over axis %d, only one over the channels is read", axis);
    }
    const struct onnx_view in = *view;
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_SOFTMAX, in.draft);
    draft.label = onnx_label(call, -1);
    int added;
    TRY(onnx_draft_add(call, &draft, &in.draft, 1, &added));
    return onnx_set_map(call, 0, added, in.rank);
}
