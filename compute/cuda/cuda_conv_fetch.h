// Where the elements of a convolution's matrices come from. Only for files of kernels. `direction`
// is a constant everywhere.
#pragma once
#include "compute/cuda/cuda_element.h"
// After it, as C headers have to be.
#include "compute/cuda/cuda_conv_call.h"

// What one row of the left matrix stands for.
struct conv_row {
    int image; // -1: behind the last row
    int h, w;  // of the pixel; CONV_WEIGHTS: tap
    int c;     // CONV_WEIGHTS: input channel of the group
};

DEVICE struct conv_row conv_row_at(const struct cuda_conv_call *a, const int direction, int number)
{
    struct conv_row row;
    const struct op *op = &a->op;
    if (direction == CONV_WEIGHTS) {
        const int tap = number / a->group_in;
        row.image = number < a->rows ? 0 : -1;
        row.c = number - tap * a->group_in;
        row.h = tap / op->kernel[1];
        row.w = tap - row.h * op->kernel[1];
        return row;
    }
    const int height = direction == CONV_FORWARD ? op->out_h : op->in_h;
    const int width = direction == CONV_FORWARD ? op->out_w : op->in_w;
    const int line = number / width, image = line / height;
    row.image = number < a->rows ? image : -1;
    row.w = number - line * width;
    row.h = line - image * height;
    row.c = 0;
    return row;
}

// Where the element of the left matrix at a row and a term lies; -1: it is zero.
DEVICE int64_t conv_left_at(const struct cuda_conv_call *a, const int direction, int group,
                            const struct conv_row *row, int term)
{
    const struct op *op = &a->op;
    if (direction == CONV_WEIGHTS) {
        const int line = term / op->out_w, image = line / op->out_h;
        const int h = tap_input(op, 0, line - image * op->out_h, row->h);
        const int w = tap_input(op, 1, term - line * op->out_w, row->w);
        return h < 0 || w < 0 ? -1 : in_at(op, image, h, w, group * a->group_in + row->c);
    }
    const int channels = direction == CONV_FORWARD ? a->group_in : a->group_out;
    const int tap = term / channels, c = term - tap * channels + group * channels;
    const int kh = tap / op->kernel[1], kw = tap - kh * op->kernel[1];
    if (direction == CONV_FORWARD) {
        const int h = tap_input(op, 0, row->h, kh), w = tap_input(op, 1, row->w, kw);
        return h < 0 || w < 0 ? -1 : in_at(op, row->image, h, w, c);
    }
    const int h = tap_output(op, 0, row->h, kh), w = tap_output(op, 1, row->w, kw);
    return h < 0 || w < 0 ? -1 : out_at(op, row->image, h, w, c);
}

// Four elements of the left matrix: of terms from `term` on, or for CONV_WEIGHTS of rows from `row`
// on. `end`: the first term that does not count.
DEVICE struct f32x4 conv_fetch_left(const struct cuda_conv_call *a, const int direction, int group,
                                    const struct conv_row *row, int number, int term, int end)
{
    struct f32x4 run = {0.0F, 0.0F, 0.0F, 0.0F};
    if (row->image < 0 || term >= end) {
        return run;
    }
    if (a->vector_left) {
        const int64_t at = conv_left_at(a, direction, group, row, term);
        return at >= 0 ? load_f32x4(a->left + at) : run;
    }
    float values[4] = {0.0F, 0.0F, 0.0F, 0.0F};
    UNROLL
    for (int i = 0; i < 4; i++) {
        int64_t at = -1;
        if (direction == CONV_WEIGHTS) {
            const struct conv_row next = conv_row_at(a, direction, number + i);
            at = next.image >= 0 ? conv_left_at(a, direction, group, &next, term) : -1;
        } else if (term + i < end) {
            at = conv_left_at(a, direction, group, row, term + i);
        }
        values[i] = at >= 0 ? a->left[at] : 0.0F;
    }
    run.x = values[0];
    run.y = values[1];
    run.z = values[2];
    run.w = values[3];
    return run;
}

// Four columns of the right matrix, from `column` on.
DEVICE struct f32x4 conv_fetch_right(const struct cuda_conv_call *a, const int direction, int group,
                                     int term, int column, int end)
{
    struct f32x4 run = {0.0F, 0.0F, 0.0F, 0.0F};
    if (term >= end || column >= a->padded) {
        return run;
    }
    if (direction != CONV_WEIGHTS) {
        const int64_t line = (int64_t)group * a->terms + term;
        return load_f32x4(a->right + line * a->padded + column);
    }
    const float *dy = a->right + (int64_t)term * a->op.out_c + group * a->group_out + column;
    if (a->vector_right) {
        return load_f32x4(dy);
    }
    run.x = dy[0];
    run.y = column + 1 < a->columns ? dy[1] : 0.0F;
    run.z = column + 2 < a->columns ? dy[2] : 0.0F;
    run.w = column + 3 < a->columns ? dy[3] : 0.0F;
    return run;
}

// What becomes of a finished sum.
DEVICE void conv_emit(const struct cuda_conv_call *a, const int direction, int group, int split,
                      int row, int column, float sum)
{
    if (row >= a->rows || column >= a->columns) {
        return;
    }
    if (direction == CONV_WEIGHTS) {
        const int64_t line = ((int64_t)split * a->op.groups + group) * a->rows + row;
        a->out[line * a->columns + column] = sum;
        return;
    }
    const int channel = group * a->columns + column;
    if (direction == CONV_DATA) {
        a->out[(int64_t)row * a->op.in_c + channel] = sum;
        return;
    }
    float *y = a->out + (int64_t)row * a->op.out_c + channel;
    sum += a->bias != NULL ? a->bias[channel] : 0.0F;
    sum += a->op.sum ? *y : 0.0F;
    *y = act_value(a->op.act, sum);
}
