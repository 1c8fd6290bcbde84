// A seeded sample of images, for what looks at some of the training data.
#include "core/rng.h"
#include "data/dataset.h"

#include <string.h>

enum status dataset_sample(const struct dataset *dataset, const int32_t *indices, int n, int images,
                           uint64_t seed, struct arena *arena, uint8_t **out)
{
    const size_t image_bytes = (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
    int32_t *order;
    CHECK(images <= n);
    ARENA_NEW(arena, order, (size_t)n);
    ARENA_NEW(arena, *out, (size_t)images * image_bytes);
    for (int i = 0; i < n; i++) {
        order[i] = indices != NULL ? indices[i] : i;
    }
    struct rng rng = rng_make(seed, RNG_SAMPLE, 0, 0);
    rng_shuffle(&rng, order, (size_t)n);
    for (int i = 0; i < images; i++) {
        memcpy(*out + (size_t)i * image_bytes, dataset->images + (size_t)order[i] * image_bytes,
               image_bytes);
    }
    return OK;
}
