// What changes no value: Identity, Cast, Dropout, Shape, Flatten, Reshape, Squeeze, Unsqueeze,
// Transpose. A channel shuffle is a Reshape, a Transpose and a Reshape.
#include "onnx/ops.h"
#include "onnx/reshape.h"

#include <string.h>

enum status onnx_import_identity(struct onnx_call *call)
{
    const struct onnx_view *view;
    TRY(onnx_call_view(call, 0, &view));
    return onnx_set_view(call, 0, view);
}

bool onnx_type_is_float(int64_t elem_type)
{
    return elem_type == 1 || elem_type == 10 || elem_type == 11 || elem_type == 16;
}

// From one floating-point type to another, or from pixels. What is computed is float32 anyway.
enum status onnx_import_cast(struct onnx_call *call)
{
    int64_t to;
    TRY(onnx_attribute_int(call->node, "to", 1, &to));
    if (!onnx_type_is_float(to)) {
        FAIL(ERR_UNSUPPORTED, "it makes integers (ONNX's type %lld) of an activation",
             (long long)to);
    }
    return onnx_import_identity(call);
}

enum status onnx_import_dropout(struct onnx_call *call)
{
    const struct onnx_view *given;
    const struct onnx_tensor *tensor;
    double rate;
    TRY(onnx_call_view(call, 0, &given));
    TRY(onnx_unused_outputs(call, 1, "the mask"));
    TRY(onnx_attribute_float(call->node, "ratio", 0.5, &rate));
    TRY(onnx_call_optional_tensor(call, 1, "ratio", &tensor));
    if (tensor != NULL && onnx_tensor_count(tensor) == 1) {
        rate = onnx_tensor_first(tensor);
    }
    TRY(onnx_call_optional_tensor(call, 2, "training_mode", &tensor));
    if (tensor != NULL && onnx_tensor_count(tensor) == 1 && onnx_tensor_first(tensor) != 0.0) {
        FAIL(ERR_UNSUPPORTED, "it drops values (training_mode 1); export the network in "
                              "evaluation mode");
    }
    if (!(rate >= 0.0 && rate < 1.0)) {
        FAIL(ERR_INPUT, "its ratio is %g, expected at least 0 and less than 1", rate);
    }
    if (rate == 0.0) {
        return onnx_import_identity(call);
    }
    struct onnx_view view = *given;
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_DROPOUT, view.draft);
    draft.node.rate = (float)rate;
    draft.label = onnx_label(call, -1);
    TRY(onnx_draft_add(call, &draft, &view.draft, 1, &view.draft));
    return onnx_set_view(call, 0, &view);
}

enum status onnx_import_shape(struct onnx_call *call)
{
    const struct onnx_view *view;
    TRY(onnx_call_view(call, 0, &view));
    return onnx_set_shape(call, view->dims, view->rank);
}

// ---- new dimensions

enum status onnx_import_flatten(struct onnx_call *call)
{
    const struct onnx_view *view;
    int64_t given;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_attribute_int(call->node, "axis", 1, &given));
    int axis = view->rank;
    if (given != view->rank) {
        TRY(onnx_axis(given, view->rank, &axis));
    }
    int64_t before = 1;
    for (int i = 1; i < axis; i++) {
        before *= view->dims[i];
    }
    if (axis == 0 || before != 1) {
        FAIL(ERR_UNSUPPORTED, "it flattens from axis %d on, which mixes the images of a batch",
             axis);
    }
    const int64_t dims[2] = {ONNX_BATCH, onnx_view_count(view)};
    return onnx_set_reshaped(call, view, dims, 2);
}

enum status onnx_import_reshape(struct onnx_call *call)
{
    const struct onnx_view *view;
    int64_t dims[ONNX_MAX_RANK], keep_zero;
    int n = 0;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_attribute_or_input(call, "shape", 1, ONNX_MAX_RANK, dims, &n));
    TRY(onnx_attribute_int(call->node, "allowzero", 0, &keep_zero));
    if (n < 1) {
        FAIL(ERR_INPUT, "it has no new shape");
    }
    TRY(onnx_resolve_shape(call->importer, view, keep_zero != 0, dims, n));
    return onnx_set_reshaped(call, view, dims, n);
}

enum status onnx_import_squeeze(struct onnx_call *call)
{
    const struct onnx_view *view;
    int64_t axes[ONNX_MAX_RANK], dims[ONNX_MAX_RANK];
    bool drop[ONNX_MAX_RANK] = {false};
    int n = 0, rank = 0;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_attribute_or_input(call, "axes", 1, ONNX_MAX_RANK, axes, &n));
    for (int i = 1; i < view->rank && n < 0; i++) {
        drop[i] = view->dims[i] == 1;
    }
    for (int i = 0; i < n; i++) {
        int axis;
        TRY(onnx_axis(axes[i], view->rank, &axis));
        if (axis == 0 || view->dims[axis] != 1) {
            FAIL(ERR_UNSUPPORTED, "it drops axis %d, which %s", axis,
                 axis == 0 ? "counts images" : "is not 1");
        }
        drop[axis] = true;
    }
    for (int i = 0; i < view->rank; i++) {
        if (!drop[i]) {
            dims[rank++] = view->dims[i];
        }
    }
    return onnx_set_reshaped(call, view, dims, rank);
}

enum status onnx_import_unsqueeze(struct onnx_call *call)
{
    const struct onnx_view *view;
    int64_t axes[ONNX_MAX_RANK], dims[ONNX_MAX_RANK];
    int n = 0;
    TRY(onnx_call_view(call, 0, &view));
    TRY(onnx_attribute_or_input(call, "axes", 1, ONNX_MAX_RANK, axes, &n));
    TRY(onnx_insert_ones(view->dims, view->rank, axes, n, dims));
    if (dims[0] != ONNX_BATCH) {
        FAIL(ERR_UNSUPPORTED, "it puts an axis before the one that counts images");
    }
    return onnx_set_reshaped(call, view, dims, view->rank + n);
}

enum status onnx_import_transpose(struct onnx_call *call)
{
    const struct onnx_view *given;
    int order[ONNX_MAX_RANK];
    TRY(onnx_call_view(call, 0, &given));
    TRY(onnx_read_permutation(call, given->rank, order));
    if (order[0] != 0) {
        FAIL(ERR_UNSUPPORTED, "it moves the axis that counts images");
    }
    struct onnx_view view = *given;
    for (int i = 0; i < view.rank; i++) {
        view.dims[i] = given->dims[order[i]];
        view.strides[i] = given->strides[order[i]];
    }
    return onnx_set_view(call, 0, &view);
}
