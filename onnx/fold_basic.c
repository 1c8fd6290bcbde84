// Known values: constants, shapes, casts, ranges.
#include "onnx/ops.h"
#include "onnx/reshape.h"

#include <math.h>
#include <string.h>

enum status onnx_fold_identity(struct onnx_call *call)
{
    const struct onnx_tensor *tensor;
    TRY(onnx_call_tensor(call, 0, "value", &tensor));
    TRY(onnx_unused_outputs(call, 1, "the mask"));
    return onnx_set_tensor(call, 0, tensor);
}

// The value of Constant as an attribute: a tensor, a number or a list of numbers.
static enum status constant_of(struct onnx_call *call, const struct onnx_attribute *attribute,
                               struct onnx_tensor *out)
{
    const bool integer =
        attribute->kind == ONNX_ATTRIBUTE_INT || attribute->kind == ONNX_ATTRIBUTE_INTS;
    const bool list =
        attribute->kind == ONNX_ATTRIBUTE_INTS || attribute->kind == ONNX_ATTRIBUTE_FLOATS;
    const int64_t n = list ? attribute->n : 1;
    void *elements;
    if (attribute->kind == ONNX_ATTRIBUTE_TENSOR) {
        *out = *attribute->tensor;
        return OK;
    }
    if (!integer && !list && attribute->kind != ONNX_ATTRIBUTE_FLOAT) {
        FAIL(ERR_UNSUPPORTED, "its attribute \"%.50s\" is no number or tensor", attribute->name);
    }
    TRY(onnx_new_tensor(call->importer, integer ? ONNX_I64 : ONNX_F32, &n, list ? 1 : 0, out,
                        &elements));
    const void *from = integer ? (list ? (const void *)attribute->ints : &attribute->i)
                               : (list ? (const void *)attribute->floats : &attribute->f);
    if (n > 0) {
        memcpy(elements, from, (size_t)n * onnx_type_bytes(out->type));
    }
    return OK;
}

enum status onnx_fold_constant(struct onnx_call *call)
{
    static const char *const names[] = {"value", "value_float", "value_floats", "value_int",
                                        "value_ints"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct onnx_attribute *attribute = onnx_find_attribute(call->node, names[i]);
        if (attribute != NULL) {
            struct onnx_tensor tensor;
            TRY(constant_of(call, attribute, &tensor));
            return onnx_set_tensor(call, 0, &tensor);
        }
    }
    FAIL(ERR_UNSUPPORTED, "it has no value that is read");
}

// One element, repeated by strides of 0.
enum status onnx_fold_constant_of_shape(struct onnx_call *call)
{
    const struct onnx_tensor *shape;
    struct onnx_tensor tensor;
    int64_t dims[ONNX_MAX_RANK], count;
    int rank = 0;
    void *element;
    TRY(onnx_call_tensor(call, 0, "shape", &shape));
    TRY(onnx_read_integers(shape, "shape", ONNX_MAX_RANK, dims, &rank));
    const struct onnx_attribute *value = onnx_find_attribute(call->node, "value");
    if (value != NULL && value->kind == ONNX_ATTRIBUTE_TENSOR) {
        if (onnx_tensor_count(value->tensor) != 1) {
            FAIL(ERR_INPUT, "its value is not one number");
        }
        tensor = *value->tensor;
    } else {
        TRY(onnx_new_tensor(call->importer, ONNX_F32, NULL, 0, &tensor, &element));
    }
    if (!onnx_count_dims(dims, rank, &count)) {
        FAIL(ERR_UNSUPPORTED, "it makes a tensor whose size is out of range or depends on the "
                              "number of images");
    }
    tensor.rank = rank;
    for (int i = 0; i < rank; i++) {
        tensor.dims[i] = dims[i];
        tensor.strides[i] = 0;
    }
    return onnx_set_tensor(call, 0, &tensor);
}

enum status onnx_fold_cast(struct onnx_call *call)
{
    const struct onnx_tensor *from;
    struct onnx_tensor tensor;
    int64_t to;
    void *elements;
    TRY(onnx_call_tensor(call, 0, "value", &from));
    TRY(onnx_attribute_int(call->node, "to", 1, &to));
    const bool integer = !onnx_type_is_float(to);
    if (integer == onnx_type_is_integer(from->type)) {
        return onnx_set_tensor(call, 0, from); // the width of a type changes no value of a network
    }
    TRY(onnx_new_tensor(call->importer, integer ? ONNX_I64 : ONNX_F64, from->dims, from->rank,
                        &tensor, &elements));
    int64_t *integers = elements;
    double *reals = elements;
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, from); !walk.done; onnx_walk_next(&walk)) {
        if (integer) {
            *integers++ = onnx_walk_integer(&walk);
        } else {
            *reals++ = onnx_walk_real(&walk);
        }
    }
    return onnx_set_tensor(call, 0, &tensor);
}

enum status onnx_fold_shape(struct onnx_call *call)
{
    const struct onnx_tensor *tensor;
    TRY(onnx_call_tensor(call, 0, "value", &tensor));
    return onnx_set_shape(call, tensor->dims, tensor->rank);
}

enum status onnx_fold_range(struct onnx_call *call)
{
    double ends[3]; // start, limit, step
    bool integer = true;
    for (int i = 0; i < 3; i++) {
        const struct onnx_tensor *tensor;
        TRY(onnx_call_tensor(call, i, "bounds", &tensor));
        if (onnx_tensor_count(tensor) != 1) {
            FAIL(ERR_INPUT, "a bound of it is not one number");
        }
        integer = integer && onnx_type_is_integer(tensor->type);
        ends[i] = onnx_tensor_first(tensor);
        if (!(fabs(ends[i]) <= 0x1p53)) { // NaN, and the number of images, too
            FAIL(ERR_UNSUPPORTED, "a bound of it is no number of a plain range");
        }
    }
    const double count = ceil((ends[1] - ends[0]) / ends[2]);
    if (!(count <= (double)ONNX_MOST_ELEMENTS)) { // NaN too
        FAIL(ERR_INPUT, "its bounds give no range");
    }
    const int64_t n = count > 0 ? (int64_t)count : 0;
    struct onnx_tensor tensor;
    void *elements;
    TRY(onnx_new_tensor(call->importer, integer ? ONNX_I64 : ONNX_F64, &n, 1, &tensor, &elements));
    for (int64_t i = 0; i < n; i++) {
        const double value = ends[0] + (double)i * ends[2];
        if (integer) {
            ((int64_t *)elements)[i] = (int64_t)value;
        } else {
            ((double *)elements)[i] = value;
        }
    }
    return onnx_set_tensor(call, 0, &tensor);
}
