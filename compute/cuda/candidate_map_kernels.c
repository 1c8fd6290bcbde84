// Kernels of the steps that make every place of their output by itself, and of the image.
#include "compute/cuda/candidate_element.h"

PLAIN_KERNEL(candidate_input, struct candidate_input_args, CANDIDATE_THREADS)
{
    struct candidate_view out;
    out.data = a->out;
    out.width = a->c;
    out.bf16 = a->bf16;
    out.chunks = candidate_padded(a->c) * (a->bf16 ? 2 : 4) / CANDIDATE_CHUNK;
    out.shift = out.mask = 0;
    out.h = out.w = 1;
    const uint32_t groups = (uint32_t)(candidate_padded(a->c) / CANDIDATE_PAD);
    const uint32_t pixel = (uint32_t)global_id() / groups;
    const int first = (int)((uint32_t)global_id() % groups) * CANDIDATE_PAD;
    for (int k = 0; k < CANDIDATE_PAD && pixel < a->count; k += 2) {
        candidate_store(&out, pixel, first + k, candidate_raw_pair(a, pixel, first + k));
    }
}

// The place that this thread makes.
DEVICE void map_element(const struct candidate_map_args *a, const enum candidate_element_kind kind)
{
    struct candidate_where where;
    where.lists = &a->lists;
    where.candidate = block_z();
    where.bf16 = a->bf16;
    where.shared = NULL;
    const struct candidate_view out = candidate_view_of(&where, &a->out);
    struct candidate_place place;
    if (candidate_find_place(&out, a->segments.images, candidate_place_channels(kind), global_id(),
                             &place)) {
        const float *weights =
            (const float *)(a->element.filter.weights +
                            (size_t)block_z() * a->element.filter.weights_stride);
        place.segment = place.image / a->segments.each;
        candidate_element(&where, &a->element, a->in, &a->sum, weights, &out, &place, kind);
    }
}

PLAIN_KERNEL(candidate_combine, struct candidate_map_args, CANDIDATE_THREADS)
{
    map_element(a, ELEMENT_ONE); // or what element.kind says of it
}

PLAIN_KERNEL(candidate_depthwise, struct candidate_map_args, CANDIDATE_THREADS)
{
    map_element(a, ELEMENT_DEPTHWISE);
}

PLAIN_KERNEL(candidate_pool, struct candidate_map_args, CANDIDATE_THREADS)
{
    map_element(a, ELEMENT_POOL_MAX);
}

PLAIN_KERNEL(candidate_gather, struct candidate_map_args, CANDIDATE_THREADS)
{
    map_element(a, ELEMENT_GATHER);
}
