#include "nn/network_input.h"

#include "core/rng.h"

#include <string.h>

struct plan_input network_plan_input(const struct network_info *info)
{
    return (struct plan_input){.f32 = info->floats, .mean = info->mean, .std = info->std};
}

size_t network_image_bytes(const struct network_info *info)
{
    const size_t values = (size_t)info->h * (size_t)info->w * (size_t)info->c;
    return values * (info->floats ? sizeof(float) : 1);
}

enum status network_random_images(const struct network_info *info, int n, uint64_t seed,
                                  struct arena *arena, uint8_t **out)
{
    const size_t values = (size_t)n * (size_t)info->h * (size_t)info->w * (size_t)info->c;
    struct rng rng = rng_make(seed, RNG_SAMPLE, 0, 0);
    ARENA_NEW(arena, *out, (size_t)n * network_image_bytes(info));
    for (size_t i = 0; i < values; i++) {
        if (!info->floats) {
            (*out)[i] = (uint8_t)rng_below(&rng, 256);
            continue;
        }
        const size_t c = i % (size_t)info->c;
        const float value = info->mean[c] + info->std[c] * (float)rng_normal(&rng);
        memcpy(*out + i * sizeof value, &value, sizeof value);
    }
    return OK;
}
