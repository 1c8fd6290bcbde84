// What can be said about an op without running it: sizes, names, cost.
#include "compute/op.h"

#include "core/hash.h"

#include <stdio.h>
#include <string.h>

size_t dtype_bytes(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? sizeof(float) : 1;
}

static const char *dtype_name(enum dtype dtype)
{
    switch (dtype) {
    case DTYPE_F32:
        return "f32";
    case DTYPE_U8:
        return "u8";
    case DTYPE_S8:
        return "s8";
    }
    return "unknown type";
}

bool op_equal(const struct op *a, const struct op *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

uint64_t op_hash(const struct op *op)
{
    return hash_words(HASH_BEGIN, op, sizeof *op);
}

const char *op_kind_name(enum op_kind kind)
{
    static const char *const names[OP_COUNT] = {
#define X(name) [OP_##name] = #name,
        OP_LIST(X)
#undef X
    };
    CHECK((unsigned)kind < OP_COUNT);
    return names[kind];
}

int op_factor_slot(enum op_kind kind)
{
    switch (kind) {
    case OP_QUANTIZE:
    case OP_POOL_AVG:
        return 1;
    case OP_ADD:
    case OP_MULTIPLY:
        return 2;
    case OP_SCALE_SHIFT:
        return 4;
    default:
        return -1;
    }
}

int64_t op_macs(const struct op *op)
{
    if (op->kind != OP_CONV) {
        return 0;
    }
    const int64_t outputs = (int64_t)op->n * op->out_h * op->out_w * op->out_c;
    return outputs * (op->in_c / op->groups) * op->kernel[0] * op->kernel[1];
}

// ", stride 2, pad 1" where rows and columns agree, else ", stride 2 x 1, pad 0 1 0 2".
static void describe_window(const struct op *op, char *out, size_t out_bytes)
{
    const int *pad = op->pad, *stride = op->stride;
    char strides[32], pads[64], dilations[48] = "";
    snprintf(strides, sizeof strides, stride[0] == stride[1] ? "%d" : "%d x %d", stride[0],
             stride[1]);
    const bool even = pad[0] == pad[1] && pad[0] == pad[2] && pad[0] == pad[3];
    snprintf(pads, sizeof pads, even ? "%d" : "%d %d %d %d", pad[0], pad[1], pad[2], pad[3]);
    if (op->dilation[0] > 1 || op->dilation[1] > 1) {
        snprintf(dilations, sizeof dilations, ", dilation %d x %d", op->dilation[0],
                 op->dilation[1]);
    }
    snprintf(out, out_bytes, ", kernel %d x %d, stride %s%s, pad %s, groups %d", op->kernel[0],
             op->kernel[1], strides, dilations, pads, op->groups);
}

void op_describe(const struct op *op, char *out, size_t out_bytes)
{
    char window[256] = "";
    if (op->kernel[0] != 0 || op->stride[0] != 0) {
        describe_window(op, window, sizeof window);
    }
    const bool known = (unsigned)op->kind < OP_COUNT;
    snprintf(out, out_bytes, "%s %d x [%d x %d x %d] %s -> [%d x %d x %d] %s%s",
             known ? op_kind_name(op->kind) : "unknown op", op->n, op->in_h, op->in_w, op->in_c,
             dtype_name(op->in_type), op->out_h, op->out_w, op->out_c, dtype_name(op->out_type),
             window);
}
