// Softmax over the channels of each pixel and softmax cross-entropy with distillation, one warp for
// each row; the formulas are those of ref_softmax.c. a->count: rows.
#include "compute/cuda/cuda_element.h"

DEVICE int row_of_warp(void)
{
    return block_x() * (thread_count() / WARP) + warp_id();
}

DEVICE float row_greatest(const float *values, int n)
{
    float greatest = values[0];
    for (int i = lane_id(); i < n; i += WARP) {
        greatest = fmaxf(greatest, values[i]);
    }
    for (int mask = WARP / 2; mask > 0; mask /= 2) {
        greatest = fmaxf(greatest, warp_xor_f32(greatest, mask));
    }
    return greatest;
}

// log of the sum of exp(value / temperature), safe for large values; in every lane.
DEVICE double row_log_sum_exp(const float *values, int n, double temperature)
{
    const double greatest = (double)row_greatest(values, n);
    double sum = 0.0;
    for (int i = lane_id(); i < n; i += WARP) {
        sum += exp(((double)values[i] - greatest) / temperature);
    }
    return greatest / temperature + log(warp_sum_f64(sum));
}

BLOCK_KERNEL(softmax, struct cuda_call, 128)
{
    const int row = row_of_warp(), channels = a->op.in_c;
    if (row >= a->count) {
        return;
    }
    const float *x = in_f32(a, 0) + (int64_t)row * channels;
    float *y = out_f32(a, 0) + (int64_t)row * channels;
    const float greatest = row_greatest(x, channels);
    float sum = 0.0F;
    for (int i = lane_id(); i < channels; i += WARP) {
        sum += expf(x[i] - greatest);
    }
    sum = warp_sum_f32(sum);
    for (int i = lane_id(); i < channels; i += WARP) {
        y[i] = expf(x[i] - greatest) / sum;
    }
}

// dx = y * (dy - sum of dy * y).
BLOCK_KERNEL(softmax_backward, struct cuda_call, 128)
{
    const int row = row_of_warp(), channels = a->op.in_c;
    if (row >= a->count) {
        return;
    }
    const int64_t first = (int64_t)row * channels;
    const float *dy = in_f32(a, 0) + first, *y = in_f32(a, 1) + first;
    float *dx = out_f32(a, 0) + first, sum = 0.0F;
    for (int i = lane_id(); i < channels; i += WARP) {
        sum += dy[i] * y[i];
    }
    sum = warp_sum_f32(sum);
    for (int i = lane_id(); i < channels; i += WARP) {
        dx[i] = y[i] * (dy[i] - sum);
    }
}

// Index of the greatest value, of equal ones the lowest; in every lane.
DEVICE int row_argmax(const float *values, int n)
{
    int best = lane_id() < n ? lane_id() : 0;
    for (int i = lane_id(); i < n; i += WARP) {
        best = values[i] > values[best] ? i : best;
    }
    for (int mask = WARP / 2; mask > 0; mask /= 2) {
        const int other = warp_xor_i32(best, mask);
        const int better =
            values[other] > values[best] || (values[other] == values[best] && other < best);
        best = better ? other : best;
    }
    return best;
}

struct row_loss {
    const float *logits, *targets; // targets: NULL without distillation
    int classes, label;
    double temperature, share;
    double log_sum, soft_log_sum, target_log_sum;
};

// Gradient of one logit; *loss: what it adds to the row's loss.
DEVICE double logit_gradient(const struct row_loss *row, int i, double *loss)
{
    const double logit = (double)row->logits[i], plain = 1.0 - row->share, t = row->temperature;
    double gradient = plain * (exp(logit - row->log_sum) - (i == row->label ? 1.0 : 0.0));
    if (i == row->label) {
        *loss += plain * (row->log_sum - logit);
    }
    if (row->targets != NULL) {
        const double log_p = logit / t - row->soft_log_sum;
        const double log_q = (double)row->targets[i] / t - row->target_log_sum, q = exp(log_q);
        *loss += row->share * t * t * q * (log_q - log_p);
        gradient += row->share * t * (exp(log_p) - q);
    }
    return gradient;
}

// Leaves each row's loss and whether it is right in scratch [rows][2].
BLOCK_KERNEL(softmax_xent, struct cuda_call, 128)
{
    const int number = row_of_warp(), classes = a->op.in_c;
    if (number >= a->count) {
        return;
    }
    const int64_t first = (int64_t)number * classes;
    struct row_loss row;
    row.logits = in_f32(a, 0) + first;
    row.targets = a->op.target_share > 0.0F ? in_f32(a, 2) + first : NULL;
    row.classes = classes;
    row.label = ((const int32_t *)a->args.in[1])[number];
    row.temperature = (double)a->op.temperature;
    row.share = (double)a->op.target_share;
    row.log_sum = row_log_sum_exp(row.logits, classes, 1.0);
    row.soft_log_sum = row.target_log_sum = 0.0;
    if (row.targets != NULL) {
        row.soft_log_sum = row_log_sum_exp(row.logits, classes, row.temperature);
        row.target_log_sum = row_log_sum_exp(row.targets, classes, row.temperature);
    }
    float *dlogits = out_f32(a, 1);
    double loss = 0.0;
    for (int i = lane_id(); i < classes; i += WARP) {
        const double gradient = logit_gradient(&row, i, &loss);
        if (dlogits != NULL) {
            dlogits[first + i] = (float)(gradient / a->args.dynamic.count);
        }
    }
    loss = warp_sum_f64(loss);
    const int best = row_argmax(row.logits, classes);
    if (lane_id() == 0) {
        double *result = (double *)a->args.scratch + 2 * (int64_t)number;
        result[0] = loss;
        result[1] = best == row.label ? 1.0 : 0.0;
    }
}

// One block adds up the rows.
BLOCK_KERNEL(softmax_xent_end, struct cuda_call, 256)
{
    double *sums = (double *)(void *)shared_memory();
    const double *rows = (const double *)a->args.scratch;
    double loss = 0.0, correct = 0.0;
    for (int i = thread_id(); i < a->count; i += thread_count()) {
        loss += rows[2 * i];
        correct += rows[2 * i + 1];
    }
    loss = warp_sum_f64(loss);
    correct = warp_sum_f64(correct);
    if (lane_id() == 0) {
        sums[2 * warp_id()] = loss;
        sums[2 * warp_id() + 1] = correct;
    }
    block_sync();
    if (thread_id() == 0) {
        for (int i = 1; i < thread_count() / WARP; i++) {
            loss += sums[2 * i];
            correct += sums[2 * i + 1];
        }
        ((double *)a->args.out[0])[0] = loss;
        ((double *)a->args.out[0])[1] = correct;
    }
}
