// Convolution in float32 with its two gradients. Packed weights are as they come: OIHW, then the
// bias; so is a partial of the weight gradient.
#include "compute/ref/ref_conv.h"

#include <string.h>

static size_t packed_count(const struct op *op)
{
    return ref_weight_count(op) + (op->bias ? (size_t)op->out_c : 0);
}

static enum status open_conv(struct backend *backend, const struct op *op, struct kernel **out)
{
    TRY(ref_kernel_open(backend, op, out));
    const bool int8 = op->in_type != DTYPE_F32;
    const size_t bytes = int8 ? ref_conv_int8_packed_bytes(op) : packed_count(op) * sizeof(float);
    *(op->kind == OP_CONV_BACKWARD_WEIGHTS ? &(*out)->partial_bytes : &(*out)->packed_bytes) =
        bytes;
    return OK;
}

static enum status pack_conv(struct kernel *kernel, const float *weights, const float *bias,
                             const struct op_quantization *quantization, void *packed, int lane)
{
    (void)lane;
    const struct op *op = &kernel->op;
    const float *from = ref_read(kernel, weights), *from_bias = ref_read(kernel, bias);
    // The data gradient has no use for a bias.
    CHECK(!op->bias || from_bias != NULL || op->kind == OP_CONV_BACKWARD_DATA);
    if (op->in_type != DTYPE_F32) {
        CHECK(quantization != NULL);
        ref_conv_int8_pack(op, from, from_bias, quantization, ref_write(kernel, packed));
        return OK;
    }
    float *to = ref_write(kernel, packed);
    memcpy(to, from, ref_weight_count(op) * sizeof *to);
    if (op->bias && from_bias != NULL) {
        memcpy(to + ref_weight_count(op), from_bias, (size_t)op->out_c * sizeof *to);
    }
    return OK;
}

// One output: sum over the window and the group's input channels of x * weight.
static double window_sum(const struct op *op, const float *x, const float *weights, int n, int oh,
                         int ow, int o)
{
    const int first = ref_group_start(op, o), inputs = op->in_c / op->groups;
    double sum = 0.0;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int h = ref_tap_row(op, oh, kh);
        for (int kw = 0; h >= 0 && kw < op->kernel[1]; kw++) {
            const int w = ref_tap_column(op, ow, kw);
            for (int i = 0; w >= 0 && i < inputs; i++) {
                sum += (double)x[ref_in_at(op, n, h, w, first + i)] *
                       (double)weights[ref_weight_at(op, o, i, kh, kw)];
            }
        }
    }
    return sum;
}

static void run_f32(const struct op *op, const float *x, const float *packed, float *y)
{
    const float *bias = op->bias ? packed + ref_weight_count(op) : NULL;
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++) {
            for (int ow = 0; ow < op->out_w; ow++) {
                for (int o = 0; o < op->out_c; o++) {
                    const size_t at = ref_out_at(op, n, oh, ow, o);
                    double value = window_sum(op, x, packed, n, oh, ow, o);
                    value += bias != NULL ? (double)bias[o] : 0.0;
                    value += op->sum ? (double)y[at] : 0.0;
                    y[at] = (float)activation_value(op->act, value);
                }
            }
        }
    }
}

static void run_conv(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const void *x = ref_in(kernel, args, 0), *packed = ref_in(kernel, args, 1);
    if (op->in_type == DTYPE_F32) {
        run_f32(op, x, packed, ref_out(kernel, args, 0));
    } else {
        ref_conv_int8_run(op, x, packed, ref_out(kernel, args, 0));
    }
}

// One input's gradient: what it was multiplied with, times the gradient of where it went.
static double input_gradient(const struct op *op, const float *dy, const float *weights, int n,
                             int h, int w, int c)
{
    const int group = c / (op->in_c / op->groups), i = c % (op->in_c / op->groups);
    const int outputs = op->out_c / op->groups;
    double sum = 0.0;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int oh = ref_row_of_tap(op, h, kh);
        for (int kw = 0; oh >= 0 && kw < op->kernel[1]; kw++) {
            const int ow = ref_column_of_tap(op, w, kw);
            for (int o = group * outputs; ow >= 0 && o < (group + 1) * outputs; o++) {
                sum += (double)dy[ref_out_at(op, n, oh, ow, o)] *
                       (double)weights[ref_weight_at(op, o, i, kh, kw)];
            }
        }
    }
    return sum;
}

static void run_backward_data(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0), *weights = ref_in(kernel, args, 1);
    float *dx = ref_out(kernel, args, 0);
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->in_h; h++) {
            for (int w = 0; w < op->in_w; w++) {
                for (int c = 0; c < op->in_c; c++) {
                    dx[ref_in_at(op, n, h, w, c)] =
                        (float)input_gradient(op, dy, weights, n, h, w, c);
                }
            }
        }
    }
}

static double weight_gradient(const struct op *op, const float *x, const float *dy, int o, int i,
                              int kh, int kw)
{
    const int c = ref_group_start(op, o) + i;
    double sum = 0.0;
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++) {
            const int h = ref_tap_row(op, oh, kh);
            for (int ow = 0; h >= 0 && ow < op->out_w; ow++) {
                const int w = ref_tap_column(op, ow, kw);
                if (w >= 0) {
                    sum += (double)x[ref_in_at(op, n, h, w, c)] *
                           (double)dy[ref_out_at(op, n, oh, ow, o)];
                }
            }
        }
    }
    return sum;
}

// Sum of the gradient over images and places, one per output channel.
static void bias_gradient(const struct op *op, const float *dy, float *bias)
{
    const size_t channels = (size_t)op->out_c, places = ref_out_count(op) / channels;
    for (size_t o = 0; o < channels; o++) {
        double sum = 0.0;
        for (size_t place = 0; place < places; place++) {
            sum += (double)dy[place * channels + o];
        }
        bias[o] = (float)sum;
    }
}

static void run_backward_weights(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *x = ref_in(kernel, args, 0), *dy = ref_in(kernel, args, 1);
    float *partial = ref_out(kernel, args, 0);
    for (int o = 0; o < op->out_c; o++) {
        for (int i = 0; i < op->in_c / op->groups; i++) {
            for (int kh = 0; kh < op->kernel[0]; kh++) {
                for (int kw = 0; kw < op->kernel[1]; kw++) {
                    partial[ref_weight_at(op, o, i, kh, kw)] =
                        (float)weight_gradient(op, x, dy, o, i, kh, kw);
                }
            }
        }
    }
    if (op->bias) {
        bias_gradient(op, dy, partial + ref_weight_count(op));
    }
}

static void unpack_weights(struct kernel *kernel, const void *partial, float *weights, float *bias,
                           int lane)
{
    (void)lane;
    const struct op *op = &kernel->op;
    const float *from = ref_read(kernel, partial);
    const size_t count = ref_weight_count(op);
    memcpy(ref_write(kernel, weights), from, count * sizeof *from);
    if (op->bias) {
        CHECK(bias != NULL);
        memcpy(ref_write(kernel, bias), from + count, (size_t)op->out_c * sizeof *from);
    }
}

const struct kernel_ops ref_kernel_CONV = {
    .open = open_conv,
    .run = run_conv,
    .pack = pack_conv,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_CONV_BACKWARD_DATA = {
    .open = open_conv,
    .run = run_backward_data,
    .pack = pack_conv,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_CONV_BACKWARD_WEIGHTS = {
    .open = open_conv,
    .run = run_backward_weights,
    .unpack = unpack_weights,
    .close = ref_kernel_close,
};
