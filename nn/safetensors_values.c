// Element types of safetensors, and their values as float.
#include "core/half.h"
#include "nn/safetensors.h"

#include <string.h>

size_t safetensors_dtype_bytes(const char *dtype)
{
    static const struct {
        const char *name;
        size_t bytes;
    } dtypes[] = {
        {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
        {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
        {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8},
    };
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtypes[i].name, dtype) == 0) {
            return dtypes[i].bytes;
        }
    }
    return 0;
}

enum status safetensors_read_f32(const struct safetensor *tensor, float *out)
{
    const unsigned char *data = tensor->data;
    if (strcmp(tensor->dtype, "F32") == 0) {
        if (tensor->bytes > 0) {
            memcpy(out, data, tensor->bytes);
        }
    } else if (strcmp(tensor->dtype, "F64") == 0) {
        for (size_t i = 0; i < tensor->bytes / sizeof(double); i++) {
            double value;
            memcpy(&value, data + i * sizeof value, sizeof value);
            out[i] = (float)value;
        }
    } else if (strcmp(tensor->dtype, "F16") == 0 || strcmp(tensor->dtype, "BF16") == 0) {
        const bool brain = tensor->dtype[0] == 'B';
        for (size_t i = 0; i < tensor->bytes / sizeof(uint16_t); i++) {
            uint16_t bits;
            memcpy(&bits, data + i * sizeof bits, sizeof bits);
            out[i] = brain ? float_from_bfloat(bits) : float_from_half(bits);
        }
    } else {
        FAIL(ERR_INPUT, "tensor \"%.200s\" is of dtype %s, expected F32, F64, F16 or BF16",
             tensor->name, tensor->dtype);
    }
    return OK;
}
