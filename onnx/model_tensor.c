// Tensors of a file: typed fields, raw bytes or external ones, each checked against the shape.
#include "onnx/model_message.h"

#include <onnx.pb-c.h>
#include <string.h>

static const struct {
    int number; // ONNX's
    enum onnx_type type;
} types[] = {
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, ONNX_F32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, ONNX_F64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, ONNX_F16},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16, ONNX_BF16},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT8, ONNX_I8},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, ONNX_U8},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, ONNX_U8},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT16, ONNX_I16},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT16, ONNX_U16},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, ONNX_I32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT32, ONNX_U32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT64, ONNX_I64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT64, ONNX_U64},
};

static enum status read_type(const Onnx__TensorProto *proto, enum onnx_type *out)
{
    const int number = proto->has_data_type ? proto->data_type : 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].number == number) {
            *out = types[i].type;
            return OK;
        }
    }
    FAIL(ERR_UNSUPPORTED, "its elements have ONNX's type %d; numbers of 8 to 64 bits are read",
         number);
}

static enum status read_shape(const Onnx__TensorProto *proto, struct onnx_tensor *tensor,
                              int64_t *count)
{
    if (proto->n_dims > ONNX_MAX_RANK) {
        FAIL(ERR_UNSUPPORTED, "it has %zu dimensions, at most %d are read", proto->n_dims,
             ONNX_MAX_RANK);
    }
    tensor->rank = (int)proto->n_dims;
    for (int i = 0; i < tensor->rank; i++) {
        tensor->dims[i] = proto->dims[i];
    }
    if (!onnx_count_dims(tensor->dims, tensor->rank, count)) {
        FAIL(ERR_INPUT, "a dimension of it is negative, or it has more than 2^31 elements");
    }
    onnx_row_major(tensor->dims, tensor->rank, tensor->strides);
    return OK;
}

// The 16 bits of a float16 stand in the lower half of an int32_data.
static enum status narrow(struct onnx_model *model, const Onnx__TensorProto *proto,
                          struct onnx_tensor *tensor)
{
    uint16_t *bits;
    ARENA_NEW(&model->arena, bits, proto->n_int32_data);
    for (size_t i = 0; i < proto->n_int32_data; i++) {
        bits[i] = (uint16_t)proto->int32_data[i];
    }
    tensor->data = (const unsigned char *)bits;
    return OK;
}

// The typed field that holds elements of this type; integers become the type of the field.
static enum status read_typed(struct onnx_model *model, const Onnx__TensorProto *proto,
                              struct onnx_tensor *tensor, size_t *n)
{
    switch (tensor->type) {
    case ONNX_F32:
        *n = proto->n_float_data;
        tensor->data = (const unsigned char *)proto->float_data;
        return OK;
    case ONNX_F64:
        *n = proto->n_double_data;
        tensor->data = (const unsigned char *)proto->double_data;
        return OK;
    case ONNX_I64:
        *n = proto->n_int64_data;
        tensor->data = (const unsigned char *)proto->int64_data;
        return OK;
    case ONNX_U32:
    case ONNX_U64:
        *n = proto->n_uint64_data;
        tensor->type = ONNX_U64;
        tensor->data = (const unsigned char *)proto->uint64_data;
        return OK;
    case ONNX_F16:
    case ONNX_BF16:
        *n = proto->n_int32_data;
        return narrow(model, proto, tensor);
    default:
        *n = proto->n_int32_data;
        tensor->type = ONNX_I32;
        tensor->data = (const unsigned char *)proto->int32_data;
        return OK;
    }
}

static enum status read_tensor(struct onnx_model *model, const Onnx__TensorProto *proto,
                               struct onnx_raw raw, struct onnx_tensor *out)
{
    struct onnx_tensor tensor = {0};
    int64_t count = 0;
    TRY(read_type(proto, &tensor.type));
    TRY(read_shape(proto, &tensor, &count));
    if (proto->segment != NULL) {
        FAIL(ERR_UNSUPPORTED, "it is one segment of a larger tensor");
    }
    if (proto->has_data_location &&
        proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        TRY(onnx_model_external(model, proto, &raw));
    } else if (raw.bytes == NULL && proto->has_raw_data) {
        raw = (struct onnx_raw){proto->raw_data.data, proto->raw_data.len};
    }
    const size_t bytes = (size_t)count * onnx_type_bytes(tensor.type);
    if (raw.bytes != NULL || raw.n > 0) {
        if (raw.n != bytes) {
            FAIL(ERR_INPUT, "its shape needs %zu bytes, got %zu", bytes, raw.n);
        }
        tensor.data = raw.bytes;
    } else {
        size_t n = 0;
        TRY(read_typed(model, proto, &tensor, &n));
        if (n != (size_t)count) {
            FAIL(ERR_INPUT, "its shape needs %lld elements, got %zu", (long long)count, n);
        }
    }
    *out = tensor;
    return OK;
}

enum status onnx_model_tensor(struct onnx_model *model, const void *proto, struct onnx_raw raw,
                              struct onnx_tensor *out)
{
    const Onnx__TensorProto *tensor = proto;
    const enum status status = read_tensor(model, tensor, raw, out);
    if (status != OK) {
        return status_context(status, "tensor \"%.200s\"",
                              tensor->name != NULL ? tensor->name : "");
    }
    return OK;
}
