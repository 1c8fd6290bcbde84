// QuantizeLinear and DequantizeLinear. What comes in is a float network: weights become what their
// integers stand for, and activations are not rounded.
#include "onnx/ops.h"

enum status onnx_import_quantize(struct onnx_call *call)
{
    const struct onnx_node *node = call->node;
    TRY(onnx_import_identity(call));
    const int made = node->n_outputs > 0 ? onnx_value_find(call->importer, node->outputs[0]) : -1;
    if (made >= 0) {
        call->importer->values[made].quantized = true;
    }
    return OK;
}

// The values that stand for one slice each along the axis, or one for all: [1] or [dims[axis]].
static enum status per_slice(const struct onnx_tensor *tensor, int64_t slices, const char *what)
{
    const int64_t count = onnx_tensor_count(tensor);
    if (tensor->rank > 1 || (count != 1 && count != slices)) {
        FAIL(ERR_UNSUPPORTED, "its %s has %lld values, expected 1 or %lld", what, (long long)count,
             (long long)slices);
    }
    return OK;
}

static double value_at(const struct onnx_tensor *tensor, int64_t slice)
{
    struct onnx_tensor one = *tensor;
    one.rank = 0;
    if (tensor->rank == 1 && tensor->dims[0] > 1) {
        one.data += slice * tensor->strides[0] * (int64_t)onnx_type_bytes(tensor->type);
    }
    return onnx_tensor_first(&one);
}

// y = (x - zero point) * scale
enum status onnx_fold_dequantize(struct onnx_call *call)
{
    const struct onnx_tensor *x, *scale, *zero;
    struct onnx_tensor y;
    int64_t given;
    int axis = 0;
    void *elements;
    TRY(onnx_call_tensor(call, 0, "value", &x));
    TRY(onnx_call_tensor(call, 1, "scale", &scale));
    TRY(onnx_call_optional_tensor(call, 2, "zero point", &zero));
    TRY(onnx_attribute_int(call->node, "axis", 1, &given));
    const bool one = onnx_tensor_count(scale) == 1;
    if (!one) {
        TRY(onnx_axis(given, x->rank, &axis));
    }
    const int64_t slices = one || x->rank == 0 ? 1 : x->dims[axis];
    TRY(per_slice(scale, slices, "scale"));
    if (zero != NULL) {
        TRY(per_slice(zero, slices, "zero point"));
    }
    TRY(onnx_new_tensor(call->importer, ONNX_F32, x->dims, x->rank, &y, &elements));
    float *out = elements;
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, x); !walk.done; onnx_walk_next(&walk)) {
        const int64_t slice = one ? 0 : walk.index[axis];
        const double shift = zero != NULL ? value_at(zero, slice) : 0.0;
        *out++ = (float)((onnx_walk_real(&walk) - shift) * value_at(scale, slice));
    }
    return onnx_set_tensor(call, 0, &y);
}
