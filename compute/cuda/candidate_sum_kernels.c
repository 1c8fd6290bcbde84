// What adds up over images: BatchNorm's statistics and the score. Always in the same order, in
// float64.
#include "compute/cuda/candidate_value.h"

enum { SUM_COLUMNS = 32 }; // pairs of channels of a block

struct pair_sums {
    double sum[2], squares[2];
};

// Sums over one part of a segment's pixels, for SUM_COLUMNS pairs of channels: each thread over
// every so-manyth pixel, then over the threads.
BLOCK_KERNEL(candidate_sums, struct candidate_sums_args, CANDIDATE_THREADS)
{
    struct pair_sums *all = (struct pair_sums *)(void *)shared_memory();
    const int candidate = block_z(), segment = block_x() / a->parts, part = block_x() % a->parts;
    struct candidate_where where;
    where.lists = &a->lists;
    where.candidate = candidate;
    where.bf16 = a->bf16;
    where.shared = NULL;
    const struct candidate_view in = candidate_view_of(&where, &a->in);
    const int width = in.width, pairs = candidate_padded(width) / 2,
              first_pair = block_y() * SUM_COLUMNS;
    if (first_pair >= pairs) {
        return;
    }
    const int columns = pairs - first_pair < SUM_COLUMNS ? pairs - first_pair : SUM_COLUMNS;
    const int rows = thread_count() / columns;
    const int row = thread_id() / columns, column = thread_id() % columns;
    const int first_image = segment * a->segments.each, left = a->segments.images - first_image;
    const int64_t each = (int64_t)a->in.h * a->in.w;
    const int64_t pixels = (left < a->segments.each ? left : a->segments.each) * each;
    const int64_t share = (pixels + a->parts - 1) / a->parts, end = share * (part + 1);
    struct pair_sums sums;
    sums.sum[0] = sums.sum[1] = sums.squares[0] = sums.squares[1] = 0.0;
    for (int64_t p = share * part + row; row < rows && p < pixels && p < end; p += rows) {
        const struct candidate_pair value =
            candidate_load(&in, first_image * each + p, (first_pair + column) * 2);
        sums.sum[0] += (double)value.low;
        sums.sum[1] += (double)value.high;
        sums.squares[0] += (double)value.low * (double)value.low;
        sums.squares[1] += (double)value.high * (double)value.high;
    }
    all[thread_id()] = sums;
    block_sync();
    if (row != 0) {
        return;
    }
    for (int r = 1; r < rows; r++) {
        const struct pair_sums *other = &all[r * columns + column];
        for (int k = 0; k < 2; k++) {
            sums.sum[k] += other->sum[k];
            sums.squares[k] += other->squares[k];
        }
    }
    const int segments = grid_x() / a->parts;
    double *to =
        a->sums + (((size_t)candidate * (size_t)segments + (size_t)segment) * (size_t)a->parts +
                   (size_t)part) *
                      2 * (size_t)a->channels;
    for (int k = 0; k < 2; k++) {
        const int channel = (first_pair + column) * 2 + k;
        if (channel < width) {
            to[channel] = sums.sum[k];
            to[a->channels + channel] = sums.squares[k];
        }
    }
}

DEVICE bool is_finite(double value)
{
    return value - value == 0.0;
}

enum { FINISH_CHANNELS = 32 };

struct channel_sums {
    double sum, squares;
};

// A channel's scale and shift in a segment by that segment's own statistics: the parts are added up
// by as many threads as a block has for each of its channels.
BLOCK_KERNEL(candidate_finish, struct candidate_finish_args, CANDIDATE_THREADS)
{
    struct channel_sums *all = (struct channel_sums *)(void *)shared_memory();
    const int candidate = block_z(), segment = block_y(), channels = a->list.channels;
    const int c = block_x() * FINISH_CHANNELS + thread_id() % FINISH_CHANNELS;
    const int row = thread_id() / FINISH_CHANNELS, rows = thread_count() / FINISH_CHANNELS;
    const bool there = c < candidate_width(&a->lists, candidate, a->list.axis);
    const size_t number = (size_t)candidate * (size_t)grid_y() + (size_t)segment;
    const double *parts = a->sums + number * (size_t)a->parts * 2 * (size_t)channels;
    struct channel_sums sums;
    sums.sum = sums.squares = 0.0;
    for (int p = row; there && p < a->parts; p += rows) {
        sums.sum += parts[(size_t)p * 2 * (size_t)channels + (size_t)c];
        sums.squares += parts[((size_t)p * 2 + 1) * (size_t)channels + (size_t)c];
    }
    all[thread_id()] = sums;
    block_sync();
    if (row != 0 || !there) {
        return;
    }
    for (int r = 1; r < rows; r++) {
        sums.sum += all[r * FINISH_CHANNELS + thread_id()].sum;
        sums.squares += all[r * FINISH_CHANNELS + thread_id()].squares;
    }
    const int left = a->segments.images - segment * a->segments.each;
    const int images = left < a->segments.each ? left : a->segments.each;
    const double count = (double)images * (double)a->pixels, mean = sums.sum / count;
    double variance = sums.squares / count - mean * mean;
    variance = variance < 0.0 ? 0.0 : variance; // rounding; NaN stays NaN
    const int channel = candidate_channels(&a->lists, candidate, &a->list)[c];
    const double scale = (double)a->gamma[channel] / sqrt(variance + (double)a->epsilon);
    a->scale[number * (size_t)channels + (size_t)c] = (float)scale;
    a->shift[number * (size_t)channels + (size_t)c] =
        (float)((double)a->beta[channel] - mean * scale);
    double *totals =
        a->totals + (size_t)candidate * a->totals_stride + (size_t)segment * a->totals_segment;
    totals[c] = sums.sum;
    totals[channels + c] = sums.squares;
}

// Mean and unbiased variance over all images, rounded as a network keeps them, as scale and shift.
PLAIN_KERNEL(candidate_fold, struct candidate_fold_args, CANDIDATE_THREADS)
{
    const int candidate = block_z(), c = (int)global_id();
    if (c >= candidate_width(&a->lists, candidate, a->list.axis)) {
        return;
    }
    const int channel = candidate_channels(&a->lists, candidate, &a->list)[c];
    const double *totals = a->totals + (size_t)candidate * a->totals_stride;
    double sum = 0.0, squares = 0.0;
    for (int s = 0; s < a->segments; s++) {
        sum += totals[(size_t)s * a->totals_segment + (size_t)c];
        squares += totals[(size_t)s * a->totals_segment + (size_t)(a->list.channels + c)];
    }
    const double mean = sum / a->count;
    double variance = squares / a->count - mean * mean;
    variance = variance < 0.0 ? 0.0 : variance;
    if (a->count > 1.0) {
        variance = variance * a->count / (a->count - 1.0);
    }
    const double kept_mean = (double)(float)mean, kept_variance = (double)(float)variance;
    const double scale = (double)a->gamma[channel] / sqrt(kept_variance + (double)a->epsilon);
    const size_t at = (size_t)candidate * a->stride + (size_t)c;
    a->scale[at] = (float)scale;
    a->shift[at] = (float)((double)a->beta[channel] - kept_mean * scale);
    if (!is_finite(kept_mean) || !is_finite(kept_variance)) {
        a->diverged[candidate] = 1;
    }
}

DEVICE double logit(const struct candidate_view *logits, int image, int k)
{
    const struct candidate_pair pair = candidate_load(logits, image, k / 2 * 2);
    return (double)(k % 2 == 0 ? pair.low : pair.high);
}

// The variance of what the logits of an image differ by from the reference's: adding one number to
// all of them counts as no distance.
DEVICE double logit_distance(const struct candidate_view *logits, int image, const float *reference)
{
    double sum = 0.0, squares = 0.0;
    for (int k = 0; k < logits->width; k++) {
        const double difference = logit(logits, image, k) - (double)reference[k];
        sum += difference;
        squares += difference * difference;
    }
    const double mean = sum / logits->width, variance = squares / logits->width - mean * mean;
    return variance < 0.0 ? 0.0 : variance;
}

// An image's cross-entropy, and whether its label has the greatest logit, the first of equal ones.
PLAIN_KERNEL(candidate_rank, struct candidate_rank_args, CANDIDATE_THREADS)
{
    const int image = (int)global_id();
    struct candidate_where where;
    where.lists = &a->lists;
    where.candidate = block_z();
    where.bf16 = a->bf16;
    where.shared = NULL;
    if (image >= a->images) {
        return;
    }
    const struct candidate_view logits = candidate_view_of(&where, &a->logits);
    int best = 0;
    for (int k = 1; k < logits.width; k++) {
        best = logit(&logits, image, k) > logit(&logits, image, best) ? k : best;
    }
    const double most = logit(&logits, image, best);
    double sum = 0.0;
    for (int k = 0; k < logits.width; k++) {
        sum += exp(logit(&logits, image, k) - most);
    }
    const int label = a->labels[a->first + image];
    const size_t at = (size_t)block_z() * (size_t)a->all + (size_t)(a->first + image);
    a->loss[at] = log(sum) + most - logit(&logits, image, label);
    a->right[at] = best == label;
    a->distance[at] = 0.0;
    if (a->first + image < a->n_reference) {
        const size_t row = (size_t)(a->first + image) * (size_t)logits.width;
        a->distance[at] = logit_distance(&logits, image, a->reference + row);
    }
}

struct score_sums {
    double loss, distance;
    int right;
};

// One block for a candidate.
BLOCK_KERNEL(candidate_total, struct candidate_total_args, CANDIDATE_THREADS)
{
    struct score_sums *all = (struct score_sums *)(void *)shared_memory();
    const size_t first = (size_t)block_z() * (size_t)a->all;
    struct score_sums sums;
    sums.loss = sums.distance = 0.0;
    sums.right = 0;
    for (int i = thread_id(); i < a->all; i += thread_count()) {
        sums.loss += a->loss[first + (size_t)i];
        sums.distance += a->distance[first + (size_t)i];
        sums.right += a->right[first + (size_t)i];
    }
    all[thread_id()] = sums;
    block_sync();
    if (thread_id() == 0) {
        for (int t = 1; t < thread_count(); t++) {
            sums.loss += all[t].loss;
            sums.distance += all[t].distance;
            sums.right += all[t].right;
        }
        a->loss_sum[block_z()] = sums.loss;
        a->distance_sum[block_z()] = sums.distance;
        a->right_sum[block_z()] = sums.right;
    }
}
