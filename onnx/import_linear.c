// Gemm, MatMul: fully connected layers.
#include "onnx/ops.h"

#include <limits.h>

// weights [out][in], a view.
static enum status add_linear(struct onnx_call *call, const struct onnx_tensor *weights,
                              double factor, const struct onnx_tensor *bias, double bias_factor)
{
    const struct onnx_view *view;
    TRY(onnx_call_view(call, 0, &view));
    if (view->rank != 2 || !onnx_view_is_flat(view)) {
        FAIL(ERR_UNSUPPORTED, "its input has %d dimensions, expected vectors [n, values]",
             view->rank);
    }
    if (weights->dims[1] != view->dims[1] || weights->dims[0] < 1 || weights->dims[0] > INT_MAX) {
        FAIL(ERR_INPUT, "weights of %lld x %lld do not fit vectors of %lld values",
             (long long)weights->dims[0], (long long)weights->dims[1], (long long)view->dims[1]);
    }
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_LINEAR, view->draft);
    draft.node.h = draft.node.w = 1;
    draft.node.c = (int)weights->dims[0];
    draft.node.bias = bias != NULL;
    onnx_draft_weights(&draft, weights, factor);
    if (bias != NULL) {
        onnx_draft_weights(&draft, bias, bias_factor);
    }
    draft.label = onnx_label(call, 1);
    int added;
    TRY(onnx_draft_add(call, &draft, &view->draft, 1, &added));
    return onnx_set_map(call, 0, added, 2);
}

// Weights of rank 2, as [out][in]; transposed: they are so in the file.
static enum status read_weights(const struct onnx_call *call, bool transposed,
                                struct onnx_tensor *out)
{
    static const int swap[2] = {1, 0};
    const struct onnx_tensor *weights;
    TRY(onnx_call_tensor(call, 1, "weights", &weights));
    if (weights->rank != 2) {
        FAIL(ERR_UNSUPPORTED, "its weights have %d dimensions, expected 2", weights->rank);
    }
    *out = *weights;
    if (!transposed) {
        onnx_tensor_permute(weights, swap, out);
    }
    return OK;
}

enum status onnx_import_gemm(struct onnx_call *call)
{
    int64_t transpose_a, transpose_b;
    double alpha, beta;
    TRY(onnx_attribute_int(call->node, "transA", 0, &transpose_a));
    TRY(onnx_attribute_int(call->node, "transB", 0, &transpose_b));
    TRY(onnx_attribute_float(call->node, "alpha", 1.0, &alpha));
    TRY(onnx_attribute_float(call->node, "beta", 1.0, &beta));
    if (transpose_a != 0) {
        FAIL(ERR_UNSUPPORTED, "transA 1 makes images of columns");
    }
    struct onnx_tensor weights, bias;
    TRY(read_weights(call, transpose_b != 0, &weights));
    const struct onnx_tensor *given;
    TRY(onnx_call_optional_tensor(call, 2, "bias", &given));
    if (given == NULL || beta == 0.0) {
        return add_linear(call, &weights, alpha, NULL, 0.0);
    }
    struct onnx_tensor row = *given;
    if (row.rank == 2 && row.dims[0] == 1) {
        row.dims[0] = row.dims[1];
        row.strides[0] = row.strides[1];
        row.rank = 1;
    }
    if (!onnx_tensor_broadcast(&row, weights.dims, 1, &bias)) {
        FAIL(ERR_UNSUPPORTED, "its bias is not one number per output, the same for every image");
    }
    return add_linear(call, &weights, alpha, &bias, beta);
}

enum status onnx_import_matmul(struct onnx_call *call)
{
    struct onnx_tensor weights;
    TRY(read_weights(call, false, &weights));
    return add_linear(call, &weights, 1.0, NULL, 0.0);
}
