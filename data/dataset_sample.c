// A seeded sample of images, for what looks at some of the training data.
#include "core/rng.h"
#include "data/dataset.h"

enum status dataset_sample_rows(const int32_t *indices, int n, int images, uint64_t seed,
                                struct arena *arena, int32_t **out)
{
    CHECK(images <= n);
    ARENA_NEW(arena, *out, (size_t)n);
    for (int i = 0; i < n; i++) {
        (*out)[i] = indices != NULL ? indices[i] : i;
    }
    struct rng rng = rng_make(seed, RNG_SAMPLE, 0, 0);
    rng_shuffle(&rng, *out, (size_t)n);
    return OK;
}

enum status dataset_sample(const struct dataset *dataset, const int32_t *indices, int n, int images,
                           uint64_t seed, struct arena *arena, uint8_t **out)
{
    int32_t *rows;
    TRY(dataset_sample_rows(indices, n, images, seed, arena, &rows));
    ARENA_NEW(arena, *out, (size_t)images * dataset_image_bytes(dataset));
    return dataset_fetch_many(dataset, rows, images, *out);
}
