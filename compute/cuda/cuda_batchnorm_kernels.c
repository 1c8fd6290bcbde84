// Batch normalisation (Ioffe & Szegedy 2015): sums in f64, then numbers per channel that make of
// normalising and its gradient one multiply-add per element.
#include "compute/cuda/cuda_columns.h"

// Leaves this block's two sums of each of a thread's n channels in scratch [splits][2][channels].
// sums: n first ones, n second ones.
DEVICE void leave_sums(const struct cuda_call *a, const int n, int channel, double *sums)
{
    const int channels = a->op.in_c;
    double *split = (double *)a->args.scratch + (int64_t)block_y() * 2 * channels;
    if (column_reduce(a->width, 2 * n, sums) && channel >= 0) {
        UNROLL
        for (int i = 0; i < n; i++) {
            split[channel * n + i] = sums[i];
            split[channels + channel * n + i] = sums[n + i];
        }
    }
}

// n: channels of a thread.
DEVICE void statistics(const struct cuda_call *a, const int n)
{
    const int channels = a->op.in_c, rows = a->count;
    const struct column_share share = column_share_of(channels / n, a->width, a->splits);
    const float *x = in_f32(a, 0) + share.channel * n;
    const int end = share.channel >= 0 ? rows : 0;
    double sums[8] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    for (int row = share.first; row < end; row += COLUMN_IN_FLIGHT * share.step) {
        float values[COLUMN_IN_FLIGHT][4];
        UNROLL
        for (int k = 0; k < COLUMN_IN_FLIGHT; k++) {
            if (row + k * share.step < end) {
                load_floats(values[k], n, x + (row + k * share.step) * channels);
            }
        }
        UNROLL
        for (int k = 0; k < COLUMN_IN_FLIGHT * 4; k++) {
            if (k % 4 < n && row + k / 4 * share.step < end) {
                const double value = (double)values[k / 4][k % 4];
                sums[k % 4] += value;
                sums[n + k % 4] += value * value;
            }
        }
    }
    leave_sums(a, n, share.channel, sums);
}

BLOCK_KERNEL(bn_statistics, struct cuda_call, 256)
{
    if (a->vector) {
        statistics(a, 4);
    } else {
        statistics(a, 1);
    }
}

// Of n channels from element i on: their gradients, which also go to `g` unless that is NULL, and
// what they add to the sums.
DEVICE void reduce_gradients(const struct cuda_call *a, const int n, int i,
                             const struct gradient_run *run, const float *x, const float *mean,
                             const float *inverse, double *sums)
{
    float *g = out_f32(a, 0), gradients[4];
    UNROLL
    for (int k = 0; k < n; k++) {
        gradients[k] = gradient_of(a, run, k);
        const double centred = (double)x[k] - (double)mean[k];
        sums[k] += (double)gradients[k];
        sums[n + k] += (double)gradients[k] * centred * (double)inverse[k];
    }
    if (g != NULL) {
        store_floats(g + i, n, gradients);
    }
}

// Two rows at once.
DEVICE void backward_reduce(const struct cuda_call *a, const int n)
{
    const int channels = a->op.in_c, rows = a->count;
    const struct column_share share = column_share_of(channels / n, a->width, a->splits);
    const int c = share.channel * n;
    double sums[8] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    float mean[4], inverse[4];
    if (c >= 0) {
        load_floats(mean, n, in_f32(a, 4) + c);
        load_floats(inverse, n, in_f32(a, 5) + c);
    }
    for (int row = share.first; c >= 0 && row < rows; row += 2 * share.step) {
        const int i = row * channels + c, both = row + share.step < rows;
        const int next = both ? i + share.step * channels : i;
        struct gradient_run runs[2];
        float x[2][4];
        load_gradient_run(a, n, i, &runs[0]);
        load_floats(x[0], n, in_f32(a, 3) + i);
        if (both) {
            load_gradient_run(a, n, next, &runs[1]);
            load_floats(x[1], n, in_f32(a, 3) + next);
        }
        reduce_gradients(a, n, i, &runs[0], x[0], mean, inverse, sums);
        if (both) {
            reduce_gradients(a, n, next, &runs[1], x[1], mean, inverse, sums);
        }
    }
    leave_sums(a, n, share.channel, sums);
}

BLOCK_KERNEL(bn_backward_reduce, struct cuda_call, 256)
{
    if (a->vector) {
        backward_reduce(a, 4);
    } else {
        backward_reduce(a, 1);
    }
}

// The sums of all splits: BN_STATISTICS's partial is out[0], BN_BACKWARD_REDUCE's out[1].
DEVICE void add_splits(const struct cuda_call *a, double *partial)
{
    double sum = 0.0;
    const int i =
        column_add_splits((const double *)a->args.scratch, 2 * a->op.in_c, a->splits, &sum);
    if (i >= 0) {
        partial[i] = sum;
    }
}

BLOCK_KERNEL(bn_statistics_end, struct cuda_call, 256)
{
    add_splits(a, (double *)a->args.out[0]);
}

BLOCK_KERNEL(bn_backward_reduce_end, struct cuda_call, 256)
{
    add_splits(a, (double *)a->args.out[1]);
}

PLAIN_KERNEL(bn_sum, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0) {
        const double *b = (const double *)a->args.in[1];
        ((double *)a->args.out[0])[i] =
            ((const double *)a->args.in[0])[i] + (b != NULL ? b[i] : 0.0);
    }
}

DEVICE float blend(float old, double fresh, float momentum)
{
    return (float)((1.0 - (double)momentum) * (double)old + (double)momentum * fresh);
}

// Normalises with the biased variance; the running one is unbiased, as in PyTorch.
PLAIN_KERNEL(bn_finish, struct cuda_call, 256)
{
    const int c = element_of_thread(a);
    if (c < 0) {
        return;
    }
    const double *sums = (const double *)a->args.in[0];
    const double gamma = (double)in_f32(a, 1)[c], beta = (double)in_f32(a, 2)[c];
    const double count = a->args.dynamic.count, mean = sums[c] / count;
    double variance = sums[a->op.in_c + c] / count - mean * mean;
    variance = variance < 0.0 ? 0.0 : variance; // rounding; NaN stays NaN
    const double inverse = 1.0 / sqrt(variance + (double)a->op.epsilon);
    out_f32(a, 0)[c] = (float)(gamma * inverse);
    out_f32(a, 1)[c] = (float)(beta - mean * gamma * inverse);
    out_f32(a, 2)[c] = (float)mean;
    out_f32(a, 3)[c] = (float)inverse;
    float *running_mean = out_f32(a, 4), *running_variance = out_f32(a, 5);
    if (running_mean != NULL) {
        const double unbiased = variance * count / fmax(count - 1.0, 1.0);
        running_mean[c] = blend(running_mean[c], mean, a->op.momentum);
        running_variance[c] = blend(running_variance[c], unbiased, a->op.momentum);
    }
}

// dx = gamma * inv_std * (g - sum(g) / N - xhat * sum(g * xhat) / N) as k0 * g + k1 * x + k2.
PLAIN_KERNEL(bn_backward_finish, struct cuda_call, 256)
{
    const int c = element_of_thread(a), channels = a->op.in_c;
    if (c < 0) {
        return;
    }
    const double sum = ((const double *)a->args.in[0])[c];
    const double products = ((const double *)a->args.in[0])[channels + c];
    const double mean = (double)in_f32(a, 2)[c], inverse = (double)in_f32(a, 3)[c];
    const double count = a->args.dynamic.count, k0 = (double)in_f32(a, 1)[c] * inverse;
    const double k1 = -k0 * inverse * products / count;
    float *dgamma = out_f32(a, 0), *dbeta = out_f32(a, 1), *k = out_f32(a, 2);
    k[c] = (float)k0;
    k[channels + c] = (float)k1;
    k[2 * channels + c] = (float)(-k0 * sum / count - k1 * mean);
    if (dgamma != NULL) {
        dgamma[c] = (float)products;
    }
    if (dbeta != NULL) {
        dbeta[c] = (float)sum;
    }
}

// n channels from element i on.
DEVICE void backward_apply(const struct cuda_call *a, const int n, int i)
{
    const int channels = a->op.in_c;
    const float *k = in_f32(a, 2) + i % channels;
    float g[4], x[4], k0[4], k1[4], k2[4];
    load_floats(g, n, in_f32(a, 0) + i);
    load_floats(x, n, in_f32(a, 1) + i);
    load_floats(k0, n, k);
    load_floats(k1, n, k + channels);
    load_floats(k2, n, k + 2 * channels);
    UNROLL
    for (int j = 0; j < n; j++) {
        g[j] = k0[j] * g[j] + (k1[j] * x[j] + k2[j]);
    }
    store_floats(out_f32(a, 0) + i, n, g);
}

PLAIN_KERNEL(bn_backward_apply, struct cuda_call, 256)
{
    const int i = element_of_thread(a);
    if (i >= 0 && a->vector) {
        backward_apply(a, 4, 4 * i);
    } else if (i >= 0) {
        backward_apply(a, 1, i);
    }
}

// MULTIPLY_BACKWARD_VECTOR: one sum for each image and channel. Grid: x tiles of channels, z
// images.
BLOCK_KERNEL(multiply_backward_vector, struct cuda_call, 256)
{
    const int channels = a->op.in_c, rows = a->count;
    const struct column_share share = column_share_of(channels, a->width, a->splits);
    double sum = 0.0;
    for (int row = share.first; share.channel >= 0 && row < rows; row += share.step) {
        const int i = (block_z() * rows + row) * channels + share.channel;
        sum += (double)in_f32(a, 0)[i] * (double)in_f32(a, 1)[i];
    }
    if (column_reduce(a->width, 1, &sum) && share.channel >= 0) {
        out_f32(a, 0)[block_z() * channels + share.channel] = (float)sum;
    }
}
