// What is made of a candidate's weights before it runs: kept rows and columns gathered and packed,
// biases, and where the channels of concatenations and the like come from.
#include "compute/cuda/candidate_value.h"

// The weight of kept output channel number `out` for kept input channel number `in`.
DEVICE float kept_weight(const struct candidate_pack_args *a, int out, int in, int tap)
{
    const int candidate = block_z();
    const int *outs = candidate_channels(&a->lists, candidate, &a->out);
    const int *ins = candidate_channels(&a->lists, candidate, &a->in);
    const int part_out = a->out.channels / a->groups, part_in = a->in.channels / a->groups;
    const int row = outs[out], column = ins[in], part = row / part_out;
    if (column / part_in != part) {
        return 0.0F; // a grouped convolution is a dense one with zeros
    }
    const int width = candidate_width(&a->lists, candidate, a->in.axis);
    if (a->refitted != NULL && width < a->in.channels) {
        const size_t each = (size_t)(width / a->groups);
        const size_t at = (size_t)out * each + (size_t)(in - part * (width / a->groups));
        return a
            ->refitted[(size_t)candidate * a->refitted_stride + at * (size_t)a->taps + (size_t)tap];
    }
    const size_t at = (size_t)row * (size_t)part_in + (size_t)(column % part_in);
    return a->params[at * (size_t)a->taps + (size_t)tap];
}

// The weight at place `inner` of the inner dimension, word `word` of the chunk there.
DEVICE void pack_chunk(const struct candidate_pack_args *a, int inner, int column,
                       unsigned char *to)
{
    const int in_width = candidate_width(&a->lists, block_z(), a->in.axis);
    const int out_width = candidate_width(&a->lists, block_z(), a->out.axis);
    const bool bf16 = a->precision == PRECISION_BF16;
    const int each = bf16 ? 8 : 4; // channels of a chunk
    const int all = candidate_padded(in_width) / each,
              slab_inner = candidate_inner(a->taps, a->slab);
    const int slab = inner / slab_inner, within = inner % slab_inner;
    const int left = all - slab * a->slab, chunks = left < a->slab ? left : a->slab;
    const int tap = within / chunks;
    const int first = (slab * a->slab + within % chunks) * each;
    float values[8];
    for (int i = 0; i < each; i++) {
        const bool there = tap < a->taps && first + i < in_width && column < out_width;
        values[i] = there ? kept_weight(a, column, first + i, tap) : 0.0F;
    }
    for (size_t word = 0; word < 4; word++) {
        const float *pair = values + (bf16 ? 2 * word : 0);
        ((uint32_t *)to)[word] = bf16                             ? bf16_pack(pair[0], pair[1])
                                 : a->precision == PRECISION_TF32 ? tf32_round(values[word])
                                                                  : f32_bits(values[word]);
    }
}

// [inner dimension][output channel padded] chunks, slab after slab.
PLAIN_KERNEL(candidate_pack, struct candidate_pack_args, CANDIDATE_THREADS)
{
    const int each = a->precision == PRECISION_BF16 ? 8 : 4;
    const int in_chunks =
        candidate_padded(candidate_width(&a->lists, block_z(), a->in.axis)) / each;
    const int columns = candidate_padded(candidate_width(&a->lists, block_z(), a->out.axis));
    const int whole = in_chunks / a->slab, rest = in_chunks % a->slab;
    const int inner = whole * candidate_inner(a->taps, a->slab) + candidate_inner(a->taps, rest);
    const int64_t i = global_id();
    if (i < (int64_t)inner * columns) {
        pack_chunk(a, (int)(i / columns), (int)(i % columns),
                   a->weights + (size_t)block_z() * a->weights_stride +
                       (size_t)i * CANDIDATE_CHUNK);
    }
}

// [tap][channel padded]
PLAIN_KERNEL(candidate_pack_depthwise, struct candidate_pack_args, CANDIDATE_THREADS)
{
    const int width = candidate_width(&a->lists, block_z(), a->out.axis);
    const int columns = candidate_padded(width);
    const int64_t i = global_id();
    if (i < (int64_t)a->taps * columns) {
        const int tap = (int)(i / columns), column = (int)(i % columns);
        const int *outs = candidate_channels(&a->lists, block_z(), &a->out);
        float *to = (float *)(a->weights + (size_t)block_z() * a->weights_stride);
        to[i] =
            column < width ? a->params[(size_t)outs[column] * (size_t)a->taps + (size_t)tap] : 0.0F;
    }
}

PLAIN_KERNEL(candidate_bias, struct candidate_bias_args, CANDIDATE_THREADS)
{
    const int64_t i = global_id();
    if (i < candidate_width(&a->lists, block_z(), a->out.axis)) {
        const int channel = candidate_channels(&a->lists, block_z(), &a->out)[i];
        const size_t at = (size_t)block_z() * a->stride + (size_t)i;
        a->scale[at] = 1.0F;
        a->shift[at] = a->bias != NULL ? a->bias[channel] : 0.0F;
    }
}

// The place of a channel in an ascending list that has it.
DEVICE int place_of(const int *channels, int n, int channel)
{
    int low = 0, high = n - 1;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (channels[middle] < channel) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

PLAIN_KERNEL(candidate_route, struct candidate_route_args, CANDIDATE_THREADS)
{
    const int64_t i = global_id();
    if (i < candidate_width(&a->lists, block_z(), a->out.axis)) {
        const int channel = candidate_channels(&a->lists, block_z(), &a->out)[i];
        const int input = a->source_input[channel];
        int *routes = a->routes + (size_t)block_z() * a->stride;
        int place = 0;
        if (input >= 0) {
            const struct candidate_list *list = &a->inputs[input];
            place = place_of(candidate_channels(&a->lists, block_z(), list),
                             candidate_width(&a->lists, block_z(), list->axis),
                             a->source_channel[channel]);
        }
        routes[i] = input;
        routes[a->out.channels + i] = place;
    }
}
