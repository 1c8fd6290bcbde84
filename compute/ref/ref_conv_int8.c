// Convolution of 8-bit integers: weights are quantised per output channel, symmetrically; products
// are added up exactly in 32 bits; then real values carry bias, residual sum and activation.
//   real = sum * in_scale * weight_scale[o] + bias[o] (+ sum_scale * y_old),  y = act(real)
#include "compute/ref/ref_conv.h"

#include <math.h>
#include <string.h>

// Packed: struct quantized, weight scales f32 [out_c], bias f32 [out_c], weights s8 OIHW.
struct quantized {
    struct op_quantization scales;
};

static const float *weight_scales(const struct quantized *packed)
{
    return (const float *)(packed + 1);
}

size_t ref_conv_int8_packed_bytes(const struct op *op)
{
    return sizeof(struct quantized) + 2 * (size_t)op->out_c * sizeof(float) + ref_weight_count(op);
}

// Scale of one output channel: its greatest weight becomes 127. 1 for a channel of zeros.
static float channel_scale(const float *weights, size_t count)
{
    float greatest = 0.0F;
    for (size_t i = 0; i < count; i++) {
        greatest = fmaxf(greatest, fabsf(weights[i]));
    }
    return greatest > 0.0F ? greatest / 127.0F : 1.0F;
}

void ref_conv_int8_pack(const struct op *op, const float *weights, const float *bias,
                        const struct op_quantization *quantization, void *packed)
{
    const size_t outputs = (size_t)op->out_c, count = ref_weight_count(op) / outputs;
    struct quantized *head = packed;
    float *scale = (float *)(head + 1), *to_bias = scale + outputs;
    int8_t *to = (int8_t *)(to_bias + outputs);
    head->scales = *quantization;
    for (size_t o = 0; o < outputs; o++) {
        scale[o] = channel_scale(weights + o * count, count);
        to_bias[o] = bias != NULL ? bias[o] : 0.0F;
        for (size_t i = o * count; i < (o + 1) * count; i++) {
            ref_store(to, i, DTYPE_S8, (double)weights[i] / (double)scale[o]);
        }
    }
}

static int32_t integer(const void *tensor, size_t i, enum dtype type)
{
    return type == DTYPE_U8 ? ((const uint8_t *)tensor)[i] : ((const int8_t *)tensor)[i];
}

static int32_t window_sum(const struct op *op, const void *x, const int8_t *weights, int n, int oh,
                          int ow, int o)
{
    const int first = ref_group_start(op, o), inputs = op->in_c / op->groups;
    int32_t sum = 0;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int h = ref_tap_row(op, oh, kh);
        for (int kw = 0; h >= 0 && kw < op->kernel[1]; kw++) {
            const int w = ref_tap_column(op, ow, kw);
            for (int i = 0; w >= 0 && i < inputs; i++) {
                sum += integer(x, ref_in_at(op, n, h, w, first + i), op->in_type) *
                       weights[ref_weight_at(op, o, i, kh, kw)];
            }
        }
    }
    return sum;
}

void ref_conv_int8_run(const struct op *op, const void *x, const void *packed, void *y)
{
    const struct quantized *head = packed;
    const struct op_quantization *scales = &head->scales;
    const float *weight_scale = weight_scales(head), *bias = weight_scale + op->out_c;
    const int8_t *weights = (const int8_t *)(bias + op->out_c);
    const double out_scale = op->out_type == DTYPE_F32 ? 1.0 : (double)scales->out_scale;
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++) {
            for (int ow = 0; ow < op->out_w; ow++) {
                for (int o = 0; o < op->out_c; o++) {
                    const size_t at = ref_out_at(op, n, oh, ow, o);
                    double real = window_sum(op, x, weights, n, oh, ow, o);
                    real *= (double)scales->in_scale * (double)weight_scale[o];
                    real += (double)bias[o];
                    if (op->sum) {
                        real += (double)scales->sum_scale * ref_load(y, at, op->out_type);
                    }
                    ref_store(y, at, op->out_type, activation_value(op->act, real) / out_scale);
                }
            }
        }
    }
}
