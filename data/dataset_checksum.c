#include "data/dataset_checksum.h"

#include "core/hash.h"

enum status dataset_checksum(const struct dataset *dataset, uint64_t *out)
{
    const size_t n = (size_t)dataset->n;
    const int64_t shape[] = {dataset->n, dataset->h, dataset->w, dataset->c, dataset->classes};
    const size_t bytes = n * (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
    uint64_t hash = hash_words(HASH_BEGIN, shape, sizeof shape);
    hash = hash_words(hash, dataset->images, bytes);
    hash = hash_words(hash, dataset->labels, n * sizeof *dataset->labels);
    for (int i = 0; dataset->groups != NULL && i < dataset->n; i++) {
        const int64_t group = dataset->groups[dataset_row(dataset, i)];
        hash = hash_words(hash, &group, sizeof group);
    }
    *out = hash;
    return OK;
}
