// Pooling over windows: greatest value and mean, with their gradients. Padding never wins a maximum
// and counts as zeros in a mean, unless exclude_pad. What lies behind the padding, where output
// extents were rounded up, never counts.
#include "compute/ref/ref_kernel.h"
#include "compute/ref/ref_window.h"

#include <math.h>

struct winner {
    double value;
    int tap; // kh * kernel[1] + kw
};

// The first of equal values wins; NaN wins over everything.
static struct winner window_maximum(const struct op *op, const void *x, int n, int oh, int ow,
                                    int c)
{
    struct winner best = {.value = 0.0, .tap = -1};
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int h = ref_tap_row(op, oh, kh);
        for (int kw = 0; h >= 0 && kw < op->kernel[1]; kw++) {
            const int w = ref_tap_column(op, ow, kw);
            if (w < 0) {
                continue;
            }
            const double value = ref_load(x, ref_in_at(op, n, h, w, c), op->in_type);
            if (best.tap < 0 || value > best.value || (isnan(value) && !isnan(best.value))) {
                best = (struct winner){.value = value, .tap = kh * op->kernel[1] + kw};
            }
        }
    }
    return best;
}

static void run_max(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const void *x = ref_in(kernel, args, 0);
    void *y = ref_out(kernel, args, 0);
    uint8_t *argmax = op->training ? ref_out(kernel, args, 1) : NULL;
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++) {
            for (int ow = 0; ow < op->out_w; ow++) {
                for (int c = 0; c < op->out_c; c++) {
                    const size_t at = ref_out_at(op, n, oh, ow, c);
                    const struct winner best = window_maximum(op, x, n, oh, ow, c);
                    ref_store(y, at, op->out_type, best.value);
                    if (argmax != NULL) {
                        argmax[at] = (uint8_t)best.tap;
                    }
                }
            }
        }
    }
}

// How many taps of output o along an axis lie on inputs, or on inputs and padding.
static int counted_taps(const struct op *op, int axis, int o, int inputs)
{
    const int before = op->pad[axis], after = op->pad[2 + axis];
    int count = 0;
    for (int k = 0; k < op->kernel[axis]; k++) {
        const int i = o * op->stride[axis] - before + k * op->dilation[axis];
        count += op->exclude_pad ? i >= 0 && i < inputs : i < inputs + after;
    }
    return count;
}

static int divisor(const struct op *op, int oh, int ow)
{
    return counted_taps(op, 0, oh, op->in_h) * counted_taps(op, 1, ow, op->in_w);
}

static double window_sum(const struct op *op, const void *x, int n, int oh, int ow, int c)
{
    double sum = 0.0;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int h = ref_tap_row(op, oh, kh);
        for (int kw = 0; h >= 0 && kw < op->kernel[1]; kw++) {
            const int w = ref_tap_column(op, ow, kw);
            sum += w >= 0 ? ref_load(x, ref_in_at(op, n, h, w, c), op->in_type) : 0.0;
        }
    }
    return sum;
}

static void run_avg(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const void *x = ref_in(kernel, args, 0);
    float *y = ref_out(kernel, args, 0);
    const double factor = ref_factor(kernel, args, 1, op->in_type);
    for (int n = 0; n < op->n; n++) {
        for (int oh = 0; oh < op->out_h; oh++) {
            for (int ow = 0; ow < op->out_w; ow++) {
                for (int c = 0; c < op->out_c; c++) {
                    const double sum = window_sum(op, x, n, oh, ow, c);
                    y[ref_out_at(op, n, oh, ow, c)] = (float)(sum * factor / divisor(op, oh, ow));
                }
            }
        }
    }
}

// What output (oh, ow) hands back to the input under its tap.
static double handed_back(const struct op *op, const float *dy, const uint8_t *argmax, int n,
                          int oh, int ow, int c, int tap)
{
    const size_t at = ref_out_at(op, n, oh, ow, c);
    if (argmax != NULL) {
        return argmax[at] == tap ? (double)dy[at] : 0.0;
    }
    return (double)dy[at] / divisor(op, oh, ow);
}

static double input_gradient(const struct op *op, const float *dy, const uint8_t *argmax, int n,
                             int h, int w, int c)
{
    double sum = 0.0;
    for (int kh = 0; kh < op->kernel[0]; kh++) {
        const int oh = ref_row_of_tap(op, h, kh);
        for (int kw = 0; oh >= 0 && kw < op->kernel[1]; kw++) {
            const int ow = ref_column_of_tap(op, w, kw);
            if (ow >= 0) {
                sum += handed_back(op, dy, argmax, n, oh, ow, c, kh * op->kernel[1] + kw);
            }
        }
    }
    return sum;
}

// Both gradients; argmax is NULL for the mean.
static void run_backward(const struct op *op, const float *dy, const uint8_t *argmax, float *dx)
{
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->in_h; h++) {
            for (int w = 0; w < op->in_w; w++) {
                for (int c = 0; c < op->in_c; c++) {
                    dx[ref_in_at(op, n, h, w, c)] =
                        (float)input_gradient(op, dy, argmax, n, h, w, c);
                }
            }
        }
    }
}

static void run_max_backward(struct kernel *kernel, const struct op_args *args)
{
    run_backward(&kernel->op, ref_in(kernel, args, 0), ref_in(kernel, args, 1),
                 ref_out(kernel, args, 0));
}

static void run_avg_backward(struct kernel *kernel, const struct op_args *args)
{
    run_backward(&kernel->op, ref_in(kernel, args, 0), NULL, ref_out(kernel, args, 0));
}

const struct kernel_ops ref_kernel_POOL_MAX = {
    .open = ref_kernel_open,
    .run = run_max,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_POOL_MAX_BACKWARD = {
    .open = ref_kernel_open,
    .run = run_max_backward,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_POOL_AVG = {
    .open = ref_kernel_open,
    .run = run_avg,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_POOL_AVG_BACKWARD = {
    .open = ref_kernel_open,
    .run = run_avg_backward,
    .close = ref_kernel_close,
};
