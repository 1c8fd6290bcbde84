// What only moves values: one thread for each of the output (COPY_CHANNELS: for each it copies).
#include "compute/cuda/cuda_element.h"

#define RESIZE_FUNCTION DEVICE
#include "compute/resize_formula.h"

DEVICE void copy_element(const struct cuda_call *a, int to, int from)
{
    if (a->op.in_type == DTYPE_F32) {
        out_f32(a, 0)[to] = in_f32(a, 0)[from];
    } else {
        ((uint8_t *)a->args.out[0])[to] = ((const uint8_t *)a->args.in[0])[from];
    }
}

DEVICE void clear_element(const struct cuda_call *a, int to)
{
    if (a->op.in_type == DTYPE_F32) {
        out_f32(a, 0)[to] = 0.0F;
    } else {
        ((uint8_t *)a->args.out[0])[to] = 0;
    }
}

PLAIN_KERNEL(copy_channels, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        const int pixel = i / a->op.count, c = i - pixel * a->op.count;
        copy_element(a, pixel * a->op.out_c + a->op.to + c, pixel * a->op.in_c + a->op.from + c);
    }
}

// Threads go through the box; where its element lies in the tensor.
DEVICE int box_element(const struct op *op, int i)
{
    const struct element_place place = place_in(i, op->in_h, op->in_w, op->in_c);
    return out_at(op, place.n, place.h, place.w, place.c);
}

PLAIN_KERNEL(gather, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        out_f32(a, 0)[i] = in_f32(a, 0)[box_element(&a->op, i)];
    }
}

PLAIN_KERNEL(scatter_add, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        out_f32(a, 0)[box_element(&a->op, i)] += a->op.alpha * in_f32(a, 0)[i];
    }
}

PLAIN_KERNEL(shuffle, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        const int channels = a->op.in_c, groups = a->op.groups, c = i % channels;
        copy_element(a, i, i - c + c % groups * (channels / groups) + c / groups);
    }
}

// Four channels from element `to` on; from: where they lie, -1: nowhere, they are zero.
DEVICE void move_four(const struct cuda_call *a, int to, int from)
{
    struct f32x4 run = {0.0F, 0.0F, 0.0F, 0.0F};
    if (from >= 0) {
        run = load_f32x4(in_f32(a, 0) + from);
    }
    store_f32x4(out_f32(a, 0) + to, run);
}

PLAIN_KERNEL(pad, struct cuda_call, 256)
{
    const int number = element_of_thread(a), i = a->vector ? 4 * number : number;
    if (number < 0) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in(i, op->out_h, op->out_w, op->out_c);
    const int h = to.h * op->stride[0] - op->pad[0], w = to.w * op->stride[1] - op->pad[1];
    const int c = to.c - op->to;
    const int inside = h >= 0 && h < op->in_h && w >= 0 && w < op->in_w && c >= 0 && c < op->in_c;
    if (a->vector) {
        move_four(a, i, inside ? in_at(op, to.n, h, w, c) : -1);
    } else if (inside) {
        copy_element(a, i, in_at(op, to.n, h, w, c));
    } else {
        clear_element(a, i);
    }
}

// Output that an input of PAD went to, along one axis; -1: it was not sampled.
DEVICE int padded_to(int i, int pad, int stride, int extent)
{
    const int at = i + pad, o = at / stride;
    return at >= 0 && o * stride == at && o < extent ? o : -1;
}

PLAIN_KERNEL(pad_backward, struct cuda_call, 256)
{
    const int number = element_of_thread(a), i = a->vector ? 4 * number : number;
    if (number < 0) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in(i, op->in_h, op->in_w, op->in_c);
    const int oh = padded_to(to.h, op->pad[0], op->stride[0], op->out_h);
    const int ow = padded_to(to.w, op->pad[1], op->stride[1], op->out_w);
    const int from = oh >= 0 && ow >= 0 ? out_at(op, to.n, oh, ow, op->to + to.c) : -1;
    if (a->vector) {
        move_four(a, i, from);
    } else {
        out_f32(a, 0)[i] = from >= 0 ? in_f32(a, 0)[from] : 0.0F;
    }
}

DEVICE struct resize_tap resize_row(const struct op *op, int oh)
{
    return resize_tap_formula(op->resize, op->coordinates, op->in_h, op->out_h, oh);
}

DEVICE struct resize_tap resize_column(const struct op *op, int ow)
{
    return resize_tap_formula(op->resize, op->coordinates, op->in_w, op->out_w, ow);
}

DEVICE float blend_row(const struct cuda_call *a, const struct element_place *to, int h,
                       struct resize_tap column)
{
    const float *x = in_f32(a, 0);
    const float low = x[in_at(&a->op, to->n, h, column.low, to->c)];
    if (column.share == 0.0) {
        return low;
    }
    const float share = (float)column.share;
    return (1.0F - share) * low + share * x[in_at(&a->op, to->n, h, column.high, to->c)];
}

PLAIN_KERNEL(resize, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i < 0) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in(i, op->out_h, op->out_w, op->out_c);
    const struct resize_tap row = resize_row(op, to.h), column = resize_column(op, to.w);
    if (op->resize != RESIZE_LINEAR) {
        copy_element(a, i, in_at(op, to.n, row.low, column.low, to.c));
        return;
    }
    float value = blend_row(a, &to, row.low, column);
    if (row.share != 0.0) {
        const float share = (float)row.share;
        value = (1.0F - share) * value + share * blend_row(a, &to, row.high, column);
    }
    out_f32(a, 0)[i] = value;
}

// What input i counts for.
DEVICE float resize_share(struct resize_tap tap, int i)
{
    return (tap.low == i ? (float)(1.0 - tap.share) : 0.0F) +
           (tap.high == i ? (float)tap.share : 0.0F);
}

PLAIN_KERNEL(resize_backward, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i < 0) {
        return;
    }
    const struct op *op = &a->op;
    const struct element_place to = place_in(i, op->in_h, op->in_w, op->in_c);
    double sum = 0.0;
    for (int oh = 0; oh < op->out_h; oh++) {
        const float rows = resize_share(resize_row(op, oh), to.h);
        for (int ow = 0; rows != 0.0F && ow < op->out_w; ow++) {
            const float share = rows * resize_share(resize_column(op, ow), to.w);
            if (share != 0.0F) {
                sum += (double)(share * in_f32(a, 0)[out_at(op, to.n, oh, ow, to.c)]);
            }
        }
    }
    out_f32(a, 0)[i] = (float)sum;
}
