// A PAD and a convolution over the frame that it makes. The input's gradient goes the other way:
// the convolution's gradient fills the frame, and a PAD cuts the input's part out of it.
#include "compute/cpu/cpu_conv_framed.h"

#include "compute/cpu/cpu_conv_shape.h"

#include <stdlib.h>

struct framed {
    struct kernel base;
    struct kernel *pad, *conv; // owned
    size_t frame_bytes;        // the frame lies first in scratch, then what conv needs
};

bool cpu_conv_needs_frame(const struct op *op)
{
    for (int i = 0; i < 4; i++) {
        const int covered = (op->kernel[i % 2] - 1) * op->dilation[i % 2] + 1;
        if (op->pad[i] > covered / 2) {
            return true;
        }
    }
    return op_has_empty_window(op);
}

static void framed_close(struct kernel *kernel)
{
    struct framed *framed = (struct framed *)kernel;
    kernel_close(framed->pad);
    kernel_close(framed->conv);
    free(framed);
}

static void *frame_of(const struct op_args *args)
{
    return args->scratch;
}

static struct op_args inner_args(const struct framed *framed, const struct op_args *args)
{
    struct op_args inner = *args;
    inner.scratch = (char *)args->scratch + framed->frame_bytes;
    return inner;
}

static void framed_run(struct kernel *kernel, const struct op_args *args)
{
    struct framed *framed = (struct framed *)kernel;
    struct op_args pad = inner_args(framed, args), conv = pad;
    if (kernel->op.kind == OP_CONV_BACKWARD_DATA) {
        conv.out[0] = frame_of(args);
        pad.in[0] = frame_of(args);
        framed->conv->ops->run(framed->conv, &conv);
        framed->pad->ops->run(framed->pad, &pad);
    } else {
        conv.in[0] = frame_of(args);
        pad.out[0] = frame_of(args);
        framed->pad->ops->run(framed->pad, &pad);
        framed->conv->ops->run(framed->conv, &conv);
    }
}

static enum status framed_pack(struct kernel *kernel, const float *weights, const float *bias,
                               const struct op_quantization *quantization, void *packed, int lane)
{
    struct kernel *conv = ((struct framed *)kernel)->conv;
    return conv->ops->pack(conv, weights, bias, quantization, packed, lane);
}

static void framed_unpack(struct kernel *kernel, const void *partial, float *weights, float *bias,
                          int lane)
{
    struct kernel *conv = ((struct framed *)kernel)->conv;
    conv->ops->unpack(conv, partial, weights, bias, lane);
}

static const struct kernel_ops framed_ops = {.open = cpu_conv_framed_open,
                                             .run = framed_run,
                                             .pack = framed_pack,
                                             .unpack = framed_unpack,
                                             .close = framed_close};

// The convolution without padding over a frame of just the rows and columns that windows touch.
static struct op conv_over_frame(const struct op *op)
{
    struct op conv = *op;
    const int covered_h = (op->kernel[0] - 1) * op->dilation[0] + 1;
    const int covered_w = (op->kernel[1] - 1) * op->dilation[1] + 1;
    conv.in_h = (op->out_h - 1) * op->stride[0] + covered_h;
    conv.in_w = (op->out_w - 1) * op->stride[1] + covered_w;
    for (int i = 0; i < 4; i++) {
        conv.pad[i] = 0;
    }
    return conv;
}

// From the input to the frame, or back: negative padding crops.
static struct op pad_to_frame(const struct op *op, const struct op *conv)
{
    const int after_h = conv->in_h - op->in_h - op->pad[0];
    const int after_w = conv->in_w - op->in_w - op->pad[1];
    const bool back = op->kind == OP_CONV_BACKWARD_DATA;
    const struct op *from = back ? conv : op, *to = back ? op : conv;
    const int sign = back ? -1 : 1;
    return (struct op){
        .kind = OP_PAD,
        .n = op->n,
        .in_h = from->in_h,
        .in_w = from->in_w,
        .in_c = op->in_c,
        .out_h = to->in_h,
        .out_w = to->in_w,
        .out_c = op->in_c,
        .in_type = op->in_type,
        .out_type = op->in_type,
        .stride = {1, 1},
        .pad = {sign * op->pad[0], sign * op->pad[1], sign * after_h, sign * after_w}};
}

enum status cpu_conv_framed_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    struct framed *framed = calloc(1, sizeof *framed);
    if (framed == NULL) {
        FAIL(ERR_MEMORY, "no memory for a convolution");
    }
    const struct op conv = conv_over_frame(op), pad = pad_to_frame(op, &conv);
    const size_t pixels = (size_t)conv.n * (size_t)conv.in_h * (size_t)conv.in_w;
    framed->frame_bytes = cpu_conv_align(pixels * (size_t)conv.in_c * dtype_bytes(op->in_type));
    enum status status = kernel_open(backend, &pad, &framed->pad);
    if (status == OK) {
        status = kernel_open(backend, &conv, &framed->conv);
    }
    if (status != OK) {
        framed_close(&framed->base);
        return status;
    }
    framed->base =
        (struct kernel){.ops = &framed_ops,
                        .backend = backend,
                        .op = *op,
                        .packed_bytes = framed->conv->packed_bytes,
                        .packing = framed->conv->packing,
                        .keeps_weights = framed->conv->keeps_weights,
                        .partial_bytes = framed->conv->partial_bytes,
                        .scratch_bytes = framed->frame_bytes + framed->conv->scratch_bytes};
    *out = &framed->base;
    return OK;
}
