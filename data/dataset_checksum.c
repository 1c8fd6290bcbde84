#include "data/dataset_checksum.h"

#include "core/hash.h"

enum { DECODED_IMAGES = 1024, BUFFER_BYTES = 4 << 20, SAMPLE_SEED = 1 };

// The rows that are looked at, ascending only where that is all of them.
static enum status choose_rows(const struct dataset *dataset, struct arena *arena, int32_t **rows,
                               int *n)
{
    const size_t bytes = dataset_image_bytes(dataset);
    int most =
        bytes <= DATASET_MEASURED_BYTES / (size_t)dataset->n ? dataset->n : DATASET_MEASURED_IMAGES;
    most = dataset->decoded && most > DECODED_IMAGES ? DECODED_IMAGES : most;
    if (most < dataset->n) {
        *n = most;
        return dataset_sample_rows(NULL, dataset->n, most, SAMPLE_SEED, arena, rows);
    }
    *n = dataset->n;
    ARENA_NEW(arena, *rows, (size_t)*n);
    for (int i = 0; i < *n; i++) {
        (*rows)[i] = i;
    }
    return OK;
}

static enum status hash_images(const struct dataset *dataset, struct arena *arena, uint64_t *hash)
{
    const size_t bytes = dataset_image_bytes(dataset);
    const size_t fit = BUFFER_BYTES / bytes;
    int32_t *rows;
    int n;
    char *images;
    TRY(choose_rows(dataset, arena, &rows, &n));
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
