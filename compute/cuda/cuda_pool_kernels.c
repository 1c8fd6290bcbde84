// Pooling over windows, one thread for each output, and the gradients, one for each input. Padding
// never wins a maximum and counts as zeros in a mean, unless exclude_pad; what lies behind it,
// where output extents were rounded up, never counts.
#include "compute/cuda/cuda_element.h"

// The first of equal values wins; NaN wins over everything.
PLAIN_KERNEL(pool_max, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i < 0) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in(i, op->out_h, op->out_w, op->out_c);
    float best = 0.0F;
    int winner = -1;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int h = tap_input(op, 0, to.h, kh);
        for (int kw = 0; h >= 0 && kw < op->kernel[1]; kw++) {
            const int w = tap_input(op, 1, to.w, kw);
            if (w < 0) {
                continue;
            }
            const float value = load_real(a->args.in[0], in_at(op, to.n, h, w, to.c), op->in_type);
            if (winner < 0 || value > best || (value != value && best == best)) {
                best = value;
                winner = kh * op->kernel[1] + kw;
            }
        }
    }
    store_real(a->args.out[0], i, op->out_type, best);
    if (op->training) {
        ((uint8_t *)a->args.out[1])[i] = (uint8_t)winner;
    }
}

// How many taps of output o along an axis lie on inputs, or on inputs and padding.
DEVICE int counted_taps(const struct op *op, int axis, int o)
{
    const int inputs = axis == 0 ? op->in_h : op->in_w;
    int count = 0;
    for (int k = 0; k < op->kernel[axis]; k++) {
        const int i = o * op->stride[axis] - op->pad[axis] + k * op->dilation[axis];
        count += op->exclude_pad ? i >= 0 && i < inputs : i < inputs + op->pad[2 + axis];
    }
    return count;
}

DEVICE float divisor(const struct op *op, int oh, int ow)
{
    return (float)(counted_taps(op, 0, oh) * counted_taps(op, 1, ow));
}

PLAIN_KERNEL(pool_avg, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i < 0) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in(i, op->out_h, op->out_w, op->out_c);
    float sum = 0.0F;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int h = tap_input(op, 0, to.h, kh);
        for (int kw = 0; h >= 0 && kw < op->kernel[1]; kw++) {
            const int w = tap_input(op, 1, to.w, kw);
            sum +=
                w >= 0 ? load_real(a->args.in[0], in_at(op, to.n, h, w, to.c), op->in_type) : 0.0F;
        }
    }
    sum *= op->in_type == DTYPE_F32 ? 1.0F : in_f32(a, 1)[0];
    out_f32(a, 0)[i] = sum / divisor(op, to.h, to.w);
}

// The outputs along an axis whose windows may reach this input, last first: as taps count up.
struct pool_reach {
    int first, last;
};

DEVICE struct pool_reach reach_of(const struct op *op, int axis, int i)
{
    const int outputs = axis == 0 ? op->out_h : op->out_w, stride = op->stride[axis];
    const int at = i + op->pad[axis], from = at - (op->kernel[axis] - 1) * op->dilation[axis];
    struct pool_reach reach;
    reach.first = from > 0 ? (from + stride - 1) / stride : 0;
    reach.last = at / stride < outputs ? at / stride : outputs - 1;
    return reach;
}

// The tap of this output that lies on input i; -1: none.
DEVICE int tap_of(const struct op *op, int axis, int i, int o)
{
    const int at = i + op->pad[axis] - o * op->stride[axis], tap = at / op->dilation[axis];
    return tap * op->dilation[axis] == at ? tap : -1;
}

// The sum of what every output hands back to this input. argmax: NULL for the mean.
DEVICE void hand_back(const struct cuda_call *a, const uint8_t *argmax)
{
    const int i = element_of_thread(a);
    if (i < 0) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in(i, op->in_h, op->in_w, op->in_c);
    const struct pool_reach rows = reach_of(op, 0, to.h), columns = reach_of(op, 1, to.w);
    float sum = 0.0F;
    for (int oh = rows.last; oh >= rows.first; oh--) {
        const int kh = tap_of(op, 0, to.h, oh);
        for (int ow = columns.last; kh >= 0 && ow >= columns.first; ow--) {
            const int kw = tap_of(op, 1, to.w, ow);
            if (kw < 0) {
                continue;
            }
            const int at = out_at(op, to.n, oh, ow, to.c);
            if (argmax == NULL) {
                sum += in_f32(a, 0)[at] / divisor(op, oh, ow);
            } else if (argmax[at] == kh * op->kernel[1] + kw) {
                sum += in_f32(a, 0)[at];
            }
        }
    }
    out_f32(a, 0)[i] = sum;
}

PLAIN_KERNEL(pool_max_backward, struct cuda_call, 256)
{
    hand_back(a, (const uint8_t *)a->args.in[1]);
}

PLAIN_KERNEL(pool_avg_backward, struct cuda_call, 256)
{
    hand_back(a, NULL);
}
