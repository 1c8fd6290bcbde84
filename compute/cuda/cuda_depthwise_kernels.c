// Depthwise convolutions, one thread for each output or input: neighbours share channels' loads.
// Packed weights are [taps][channels], then the bias. And the sums over pixels that are the
// gradient of their weights, and of any convolution's bias.
#include "compute/cuda/cuda_columns.h"
// After it, as C headers have to be.
#include "compute/cuda/cuda_conv_call.h"

PLAIN_KERNEL(depthwise, struct cuda_conv_call, 256)
{
    const int64_t i = global_id();
    if (i >= (int64_t)a->rows * a->op.out_c) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in((int)i, op->out_h, op->out_w, op->out_c);
    float sum = 0.0F;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int h = tap_input(op, 0, to.h, kh);
        for (int kw = 0; h >= 0 && kw < op->kernel[1]; kw++) {
            const int w = tap_input(op, 1, to.w, kw);
            if (w >= 0) {
                sum += a->left[in_at(op, to.n, h, w, to.c)] *
                       a->right[(kh * op->kernel[1] + kw) * op->out_c + to.c];
            }
        }
    }
    sum += a->bias != NULL ? a->bias[to.c] : 0.0F;
    sum += op->sum ? a->out[i] : 0.0F;
    a->out[i] = act_value(op->act, sum);
}

PLAIN_KERNEL(depthwise_data, struct cuda_conv_call, 256)
{
    const int64_t i = global_id();
    if (i >= (int64_t)a->rows * a->op.in_c) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in((int)i, op->in_h, op->in_w, op->in_c);
    float sum = 0.0F;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int h = tap_output(op, 0, to.h, kh);
        for (int kw = 0; h >= 0 && kw < op->kernel[1]; kw++) {
            const int w = tap_output(op, 1, to.w, kw);
            if (w >= 0) {
                sum += a->left[out_at(op, to.n, h, w, to.c)] *
                       a->right[(kh * op->kernel[1] + kw) * op->out_c + to.c];
            }
        }
    }
    a->out[i] = sum;
}

// x times dy under a tap, or dy alone for the bias, which comes after the last tap.
DEVICE double tap_product(const struct cuda_tap_call *a, int tap, int pixel, int c)
{
    const struct op *op = &a->op;
    const double dy = (double)a->dy[(int64_t)pixel * op->out_c + c];
    if (tap == a->taps) {
        return dy;
    }
    const struct element_place at = place_in(pixel, op->out_h, op->out_w, 1);
    const int kh = tap / op->kernel[1];
    const int h = tap_input(op, 0, at.h, kh);
    const int w = tap_input(op, 1, at.w, tap - kh * op->kernel[1]);
    return h < 0 || w < 0 ? 0.0 : dy * (double)a->x[in_at(op, at.n, h, w, c)];
}

// Grid: x tiles of channels, y splits, z taps and the bias.
BLOCK_KERNEL(tap_sums, struct cuda_tap_call, 256)
{
    const int channels = a->op.out_c, tap = block_z();
    const struct column_share share = column_share_of(channels, a->width, a->splits);
    double sum = 0.0;
    for (int pixel = share.first; share.channel >= 0 && pixel < a->pixels; pixel += share.step) {
        sum += tap_product(a, tap, pixel, share.channel);
    }
    if (column_reduce(a->width, 1, &sum) && share.channel >= 0) {
        a->sums[((int64_t)block_y() * grid_z() + tap) * channels + share.channel] = sum;
    }
}

BLOCK_KERNEL(tap_sums_end, struct cuda_tap_call, 256)
{
    double sum = 0.0;
    const int i = column_add_splits(a->sums, a->count, a->splits, &sum);
    if (i >= 0) {
        a->partial[i] = (float)sum;
    }
}
