#include "data/dataset_checksum.h"

#include "core/hash.h"
#include "data/dataset_fetch.h"

enum { DECODED_IMAGES = 1024, BUFFER_BYTES = 4 << 20, SAMPLE_SEED = 1 };

static enum status hash_images(const struct dataset *dataset, struct arena *arena, uint64_t *hash)
{
    const size_t bytes = dataset_image_bytes(dataset);
    const size_t fit = BUFFER_BYTES / bytes;
    int32_t *rows;
    int n;
    char *images;
    const int cap = dataset->decoded ? DECODED_IMAGES : dataset->n;
    TRY(dataset_some_rows(dataset, bytes, cap, SAMPLE_SEED, arena, &rows, &n));
    const int most = fit < 1 ? 1 : fit < (size_t)n ? (int)fit : n;
    ARENA_NEW(arena, images, (size_t)most * bytes);
    for (int first = 0; first < n; first += most) {
        const int some = n - first < most ? n - first : most;
        TRY(dataset_fetch_many(dataset, rows + first, some, images));
        for (int i = 0; i < some; i++) {
            *hash = hash_words(*hash, images + (size_t)i * bytes, bytes);
        }
    }
    return OK;
}

enum status dataset_checksum(const struct dataset *dataset, uint64_t *out)
{
    const int32_t shape[] = {dataset->n, dataset->h,       dataset->w,
                             dataset->c, dataset->classes, (int32_t)dataset->type};
    uint64_t hash = hash_words(HASH_BEGIN, shape, sizeof shape);
    struct arena arena = {0};
    const enum status status = hash_images(dataset, &arena, &hash);
    arena_close(&arena);
    TRY(status);
    hash = hash_words(hash, dataset->labels, (size_t)dataset->n * sizeof *dataset->labels);
    for (int i = 0; dataset->groups != NULL && i < dataset->n; i++) {
        const int32_t group = dataset->groups[dataset_row(dataset, i)];
        hash = hash_words(hash, &group, sizeof group);
    }
    *out = hash;
    return OK;
}
