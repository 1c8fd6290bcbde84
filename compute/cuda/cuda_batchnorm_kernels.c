// Batch normalisation (Ioffe & Szegedy 2015): sums in f64, then numbers per channel that make of
// normalising and its gradient one multiply-add per element.
#include "compute/cuda/cuda_columns.h"

// Leaves this block's two sums in scratch [splits][2][channels].
DEVICE void leave_sums(const struct cuda_call *a, int channel, double first, double second)
{
    const int channels = a->op.in_c;
    double *split = (double *)a->args.scratch + (int64_t)block_y() * 2 * channels;
    if (column_reduce(a->width, &first, &second) && channel >= 0) {
        split[channel] = first;
        split[channels + channel] = second;
    }
}

BLOCK_KERNEL(bn_statistics, struct cuda_call, 256)
{
    const int channels = a->op.in_c, rows = a->count;
    const struct column_share share = column_share_of(channels, a->width, a->splits);
    const float *x = in_f32(a, 0) + share.channel;
    double sum = 0.0, squares = 0.0;
    for (int row = share.first; share.channel >= 0 && row < rows; row += share.step) {
        const double value = (double)x[row * channels];
        sum += value;
        squares += value * value;
    }
    leave_sums(a, share.channel, sum, squares);
}

BLOCK_KERNEL(bn_backward_reduce, struct cuda_call, 256)
{
    const int channels = a->op.in_c, rows = a->count;
    const struct column_share share = column_share_of(channels, a->width, a->splits);
    const int c = share.channel;
    float *g = out_f32(a, 0);
    double sum = 0.0, products = 0.0;
    for (int row = share.first; c >= 0 && row < rows; row += share.step) {
        const int i = row * channels + c;
        const float gradient = act_gradient(a->op.act, in_f32(a, 0), in_f32(a, 1), in_f32(a, 2), i);
        const double centred = (double)in_f32(a, 3)[i] - (double)in_f32(a, 4)[c];
        sum += (double)gradient;
        products += (double)gradient * centred * (double)in_f32(a, 5)[c];
        if (g != NULL) {
            g[i] = gradient;
        }
    }
    leave_sums(a, c, sum, products);
}

// The sums of all splits: BN_STATISTICS's partial is out[0], BN_BACKWARD_REDUCE's out[1].
DEVICE void add_splits(const struct cuda_call *a, double *partial)
{
    const int i = element_of_thread(a), columns = 2 * a->op.in_c;
    if (i < 0) {
        return;
    }
    double sum = 0.0;
    for (int split = 0; split < a->splits; split++) {
        sum += ((const double *)a->args.scratch)[split * columns + i];
    }
    partial[i] = sum;
}

PLAIN_KERNEL(bn_statistics_end, struct cuda_call, 256)
{
    add_splits(a, (double *)a->args.out[0]);
}

PLAIN_KERNEL(bn_backward_reduce_end, struct cuda_call, 256)
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

PLAIN_KERNEL(bn_backward_apply, struct cuda_call, 256)
{
    const int i = element_of_thread(a), channels = a->op.in_c;
    if (i >= 0) {
        const float *k = in_f32(a, 2) + i % channels;
        out_f32(a, 0)[i] =
            k[0] * in_f32(a, 0)[i] + (k[channels] * in_f32(a, 1)[i] + k[2 * channels]);
    }
}

// MULTIPLY_BACKWARD_VECTOR: one sum for each image and channel. Grid: x tiles of channels, z
// images.
BLOCK_KERNEL(multiply_backward_vector, struct cuda_call, 256)
{
    const int channels = a->op.in_c, rows = a->count;
    const struct column_share share = column_share_of(channels, a->width, a->splits);
    double sum = 0.0, unused = 0.0;
    for (int row = share.first; share.channel >= 0 && row < rows; row += share.step) {
        const int i = (block_z() * rows + row) * channels + share.channel;
        sum += (double)in_f32(a, 0)[i] * (double)in_f32(a, 1)[i];
    }
    if (column_reduce(a->width, &sum, &unused) && share.channel >= 0) {
        out_f32(a, 0)[block_z() * channels + share.channel] = (float)sum;
    }
}
