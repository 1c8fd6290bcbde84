#include "data/dataset_checksum.h"

#include "core/hash.h"
#include "core/rng.h"

enum { IMAGES_AT_ONCE = 512, BUFFER_BYTES = 16 << 20 };

static enum status hash_images(const struct dataset *dataset, const int32_t *rows, int n,
                               struct arena *arena, uint64_t *hash)
{
    const size_t image_bytes = dataset_image_bytes(dataset), fit = BUFFER_BYTES / image_bytes;
    const int most = fit < 1 ? 1 : fit > IMAGES_AT_ONCE ? IMAGES_AT_ONCE : (int)fit;
    char *images;
    ARENA_NEW(arena, images, (size_t)most * image_bytes);
    for (int first = 0; first < n; first += most) {
        const int some = n - first < most ? n - first : most;
        TRY(dataset_fetch_many(dataset, rows + first, some, images));
        for (int i = 0; i < some; i++) { // one by one: however many fit, the result is the same
            *hash = hash_words(*hash, images + (size_t)i * image_bytes, image_bytes);
        }
    }
    return OK;
}

// All rows of a small data set, else those that a fixed seed chooses, with repeats.
static enum status choose_rows(const struct dataset *dataset, struct arena *arena, int32_t **out,
                               int *n)
{
    const size_t bytes = (size_t)dataset->n * dataset_image_bytes(dataset);
    const bool all = bytes <= DATASET_MEASURED_BYTES || dataset->n <= DATASET_MEASURED_IMAGES;
    struct rng rng = rng_make(0, RNG_SAMPLE, 0, 0);
    *n = all ? dataset->n : DATASET_MEASURED_IMAGES;
    ARENA_NEW(arena, *out, (size_t)*n);
    for (int i = 0; i < *n; i++) {
        (*out)[i] = all ? i : (int32_t)rng_below(&rng, (uint32_t)dataset->n);
    }
    return OK;
}

static enum status hash_all(const struct dataset *dataset, struct arena *arena, uint64_t *hash)
{
    int32_t *rows;
    int n;
    TRY(choose_rows(dataset, arena, &rows, &n));
    TRY(hash_images(dataset, rows, n, arena, hash));
    *hash = hash_words(*hash, dataset->labels, (size_t)dataset->n * sizeof *dataset->labels);
    for (int i = 0; dataset->groups != NULL && i < dataset->n; i++) {
        const int64_t group = dataset->groups[dataset_row(dataset, i)];
        *hash = hash_words(*hash, &group, sizeof group);
    }
    return OK;
}

enum status dataset_checksum(const struct dataset *dataset, uint64_t *out)
{
    const int64_t shape[] = {dataset->n, dataset->h,       dataset->w,
                             dataset->c, dataset->classes, (int64_t)dataset->type};
    struct arena arena = {0};
    uint64_t hash = hash_words(HASH_BEGIN, shape, sizeof shape);
    const enum status code = hash_all(dataset, &arena, &hash);
    arena_close(&arena);
    TRY(code);
    *out = hash;
    return OK;
}
