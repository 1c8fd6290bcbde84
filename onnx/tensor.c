// Tensors of known values: walking over their elements.
#include "onnx/tensor.h"

#include "core/half.h"

#include <string.h>

size_t onnx_type_bytes(enum onnx_type type)
{
    static const size_t bytes[ONNX_TYPE_COUNT] = {
        [ONNX_F32] = 4, [ONNX_F64] = 8, [ONNX_F16] = 2, [ONNX_BF16] = 2,
        [ONNX_I8] = 1,  [ONNX_U8] = 1,  [ONNX_I16] = 2, [ONNX_U16] = 2,
        [ONNX_I32] = 4, [ONNX_U32] = 4, [ONNX_I64] = 8, [ONNX_U64] = 8,
    };
    return bytes[type];
}

bool onnx_type_is_integer(enum onnx_type type)
{
    return type >= ONNX_I8;
}

bool onnx_count_dims(const int64_t *dims, int rank, int64_t *out)
{
    int64_t count = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || dims[i] > ONNX_MOST_ELEMENTS) {
            return false;
        }
        if (dims[i] == 0) {
            empty = true;
        } else if (count > ONNX_MOST_ELEMENTS / dims[i]) {
            return false;
        } else {
            count *= dims[i];
        }
    }
    *out = empty ? 0 : count;
    return true;
}

int64_t onnx_tensor_count(const struct onnx_tensor *tensor)
{
    int64_t count = 0;
    CHECK(onnx_count_dims(tensor->dims, tensor->rank, &count));
    return count;
}

void onnx_row_major(const int64_t *dims, int rank, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i] > 0 ? dims[i] : 1;
    }
}

bool onnx_tensor_is_contiguous(const struct onnx_tensor *tensor)
{
    int64_t stride = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->dims[i] != 1 && tensor->strides[i] != stride) {
            return false;
        }
        stride *= tensor->dims[i];
    }
    return true;
}

bool onnx_tensor_is_repeated(const struct onnx_tensor *tensor)
{
    for (int i = 0; i < tensor->rank; i++) {
        if (tensor->dims[i] != 1 && tensor->strides[i] != 0) {
            return false;
        }
    }
    return true;
}

void onnx_walk_begin(struct onnx_walk *walk, const struct onnx_tensor *tensor)
{
    *walk = (struct onnx_walk){.tensor = tensor, .done = onnx_tensor_count(tensor) == 0};
}

void onnx_walk_next(struct onnx_walk *walk)
{
    const struct onnx_tensor *tensor = walk->tensor;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        walk->offset += tensor->strides[i];
        if (++walk->index[i] < tensor->dims[i]) {
            return;
        }
        walk->offset -= tensor->strides[i] * tensor->dims[i];
        walk->index[i] = 0;
    }
    walk->done = true;
}

// Reads a C type at an address that may be unaligned.
#define READ(type, at, into)                                                                       \
    do {                                                                                           \
        type read_value_;                                                                          \
        memcpy(&read_value_, (at), sizeof read_value_);                                            \
        (into) = (int64_t)read_value_; /* with its sign */                                         \
    } while (0)

static int64_t read_integer(enum onnx_type type, const unsigned char *at)
{
    int64_t value = 0;
    switch (type) {
    case ONNX_I8:
        READ(int8_t, at, value);
        break;
    case ONNX_U8:
        READ(uint8_t, at, value);
        break;
    case ONNX_I16:
        READ(int16_t, at, value);
        break;
    case ONNX_U16:
        READ(uint16_t, at, value);
        break;
    case ONNX_I32:
        READ(int32_t, at, value);
        break;
    case ONNX_U32:
        READ(uint32_t, at, value);
        break;
    default: // U64: values above INT64_MAX wrap
        READ(int64_t, at, value);
        break;
    }
    return value;
}

static double read_real(enum onnx_type type, const unsigned char *at)
{
    if (type == ONNX_F32) {
        float value;
        memcpy(&value, at, sizeof value);
        return (double)value;
    }
    if (type == ONNX_F64) {
        double value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    if (type == ONNX_F16 || type == ONNX_BF16) {
        uint16_t bits;
        memcpy(&bits, at, sizeof bits);
        return (double)(type == ONNX_F16 ? float_from_half(bits) : float_from_bfloat(bits));
    }
    return (double)read_integer(type, at);
}

double onnx_walk_real(const struct onnx_walk *walk)
{
    const struct onnx_tensor *tensor = walk->tensor;
    const int64_t bytes = (int64_t)onnx_type_bytes(tensor->type);
    return read_real(tensor->type, tensor->data + walk->offset * bytes);
}

int64_t onnx_walk_integer(const struct onnx_walk *walk)
{
    const struct onnx_tensor *tensor = walk->tensor;
    const int64_t bytes = (int64_t)onnx_type_bytes(tensor->type);
    const unsigned char *at = tensor->data + walk->offset * bytes;
    if (onnx_type_is_integer(tensor->type)) {
        return read_integer(tensor->type, at);
    }
    const double value = read_real(tensor->type, at);
    const double most = 0x1p63;
    if (!(value > -most && value < most)) { // NaN too
        return value > 0 ? INT64_MAX : INT64_MIN;
    }
    return (int64_t)value;
}

void onnx_tensor_read_f32(const struct onnx_tensor *tensor, double scale, float *out)
{
    const size_t count = (size_t)onnx_tensor_count(tensor);
    if (scale == 1.0 && tensor->type == ONNX_F32 && onnx_tensor_is_contiguous(tensor)) {
        if (count > 0) {
            memcpy(out, tensor->data, count * sizeof *out);
        }
        return;
    }
    if (count > 0 && onnx_tensor_is_repeated(tensor)) {
        const float value = (float)(onnx_tensor_first(tensor) * scale);
        for (size_t k = 0; k < count; k++) {
            out[k] = value;
        }
        return;
    }
    size_t i = 0;
    struct onnx_walk walk;
    for (onnx_walk_begin(&walk, tensor); !walk.done; onnx_walk_next(&walk)) {
        out[i++] = (float)(onnx_walk_real(&walk) * scale);
    }
}

double onnx_tensor_first(const struct onnx_tensor *tensor)
{
    return read_real(tensor->type, tensor->data);
}
