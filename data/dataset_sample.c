// A seeded sample of images, for what looks at some of the training data.
#include "core/rng.h"
#include "data/dataset_fetch.h"

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

enum status dataset_some_rows(const struct dataset *dataset, size_t row_bytes, int cap,
                              uint64_t seed, struct arena *arena, int32_t **rows, int *n)
{
    const bool all = row_bytes <= DATASET_MEASURED_BYTES / (size_t)dataset->n;
    int most = all ? dataset->n : DATASET_MEASURED_IMAGES;
    most = most < cap ? most : cap;
    *n = most < dataset->n ? most : dataset->n;
    if (*n < dataset->n) {
        return dataset_sample_rows(NULL, dataset->n, *n, seed, arena, rows);
    }
    ARENA_NEW(arena, *rows, (size_t)*n);
    for (int i = 0; i < *n; i++) {
        (*rows)[i] = i;
    }
    return OK;
}
