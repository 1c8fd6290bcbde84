// Activation functions.
#include "onnx/export_internal.h"

static void write_clip(struct exporter *e, struct activation act, const char *in, const char *out)
{
    EXPORT_OP(e, "Clip", out, in, export_float(e, out, ".low", act.a),
              export_float(e, out, ".high", act.b));
}

// x * sigmoid(x); an operator of its own only from opset 24 on.
static void write_silu(struct exporter *e, const char *in, const char *out)
{
    const char *gate = export_name(e, out, ".gate");
    EXPORT_OP(e, "Sigmoid", gate, in);
    EXPORT_OP(e, "Mul", out, in, gate);
}

void export_act(struct exporter *e, struct activation act, const char *in, const char *out)
{
    struct onnx_message *message = &e->message;
    switch (act.kind) {
    case ACT_NONE:
        EXPORT_OP(e, "Identity", out, in);
        break;
    case ACT_RELU:
        EXPORT_OP(e, "Relu", out, in);
        break;
    case ACT_CLIP:
        write_clip(e, act, in, out);
        break;
    case ACT_LEAKY:
        EXPORT_OP(e, "LeakyRelu", out, in);
        onnx_message_float(message, "alpha", act.a);
        break;
    case ACT_SIGMOID:
        EXPORT_OP(e, "Sigmoid", out, in);
        break;
    case ACT_HARD_SIGMOID:
        EXPORT_OP(e, "HardSigmoid", out, in);
        onnx_message_float(message, "alpha", act.a);
        onnx_message_float(message, "beta", act.b);
        break;
    case ACT_HARD_SWISH:
        EXPORT_OP(e, "HardSwish", out, in);
        break;
    case ACT_SILU:
        write_silu(e, in, out);
        break;
    case ACT_KIND_COUNT:
        CHECK(false);
    }
}
