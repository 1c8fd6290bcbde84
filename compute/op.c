// What can be said about an op without running it: sizes, names, cost.
#include "compute/op.h"

#include <stdio.h>

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

int64_t op_macs(const struct op *op)
{
    if (op->kind != OP_CONV) {
        return 0;
    }
    const int64_t outputs = (int64_t)op->n * op->out_h * op->out_w * op->out_c;
    return outputs * (op->in_c / op->groups) * op->kernel_h * op->kernel_w;
}

void op_describe(const struct op *op, char *out, size_t out_bytes)
{
    char window[96] = "";
    if (op->kernel_h != 0 || op->stride != 0) {
        snprintf(window, sizeof window, ", kernel %d x %d, stride %d, pad %d, groups %d",
                 op->kernel_h, op->kernel_w, op->stride, op->pad, op->groups);
    }
    const bool known = (unsigned)op->kind < OP_COUNT;
    snprintf(out, out_bytes, "%s %d x [%d x %d x %d] %s -> [%d x %d x %d] %s%s",
             known ? op_kind_name(op->kind) : "unknown op", op->n, op->in_h, op->in_w, op->in_c,
             dtype_name(op->in_type), op->out_h, op->out_w, op->out_c, dtype_name(op->out_type),
             window);
}
