// mean and std per channel. The sums over bytes are exact; those over other samples are added in
// the order of rows, whatever the number of threads that read.
#include "data/dataset_fetch.h"
#include "data/reader.h"

#include <math.h>
#include <string.h>

enum { IMAGES_AT_ONCE = 512, BUFFER_BYTES = 16 << 20, LARGEST = 255, SAMPLE_SEED = 0 };

struct sums {
    double sum[DATASET_MAX_CHANNELS], squares[DATASET_MAX_CHANNELS];
};

// One image of bytes: its sums are whole numbers, exact also as doubles.
static void add_bytes(const uint8_t *pixels, size_t values, int channels, struct sums *sums)
{
    uint64_t sum[DATASET_MAX_CHANNELS] = {0}, squares[DATASET_MAX_CHANNELS] = {0};
    for (size_t i = 0; i < values; i += (size_t)channels) {
        for (int c = 0; c < channels; c++) {
            const uint32_t value = pixels[i + (size_t)c];
            sum[c] += value;
            squares[c] += (uint64_t)value * value;
        }
    }
    for (int c = 0; c < channels; c++) {
        sums->sum[c] += (double)sum[c];
        sums->squares[c] += (double)squares[c];
    }
}

static void add_floats(const char *image, size_t values, int channels, struct sums *sums)
{
    for (size_t i = 0; i < values; i += (size_t)channels) {
        for (int c = 0; c < channels; c++) {
            float value;
            memcpy(&value, image + (i + (size_t)c) * sizeof value, sizeof value);
            sums->sum[c] += (double)value;
            sums->squares[c] += (double)value * (double)value;
        }
    }
}

static enum status add_rows(const struct dataset *dataset, const int32_t *rows, int n,
                            struct arena *scratch, struct sums *sums)
{
    const size_t image_bytes = dataset_image_bytes(dataset);
    const size_t values = (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
    const size_t fit = BUFFER_BYTES / image_bytes;
    const int most = fit < 1 ? 1 : fit > IMAGES_AT_ONCE ? IMAGES_AT_ONCE : (int)fit;
    char *images;
    ARENA_NEW(scratch, images, (size_t)most * image_bytes);
    for (int first = 0; first < n; first += most) {
        const int some = n - first < most ? n - first : most;
        TRY(dataset_fetch_many(dataset, rows + first, some, images));
        for (int i = 0; i < some; i++) {
            const char *image = images + (size_t)i * image_bytes;
            if (dataset->type == SAMPLE_U8) {
                add_bytes((const uint8_t *)image, values, dataset->c, sums);
            } else {
                add_floats(image, values, dataset->c, sums);
            }
        }
    }
    return OK;
}

static enum status find_moments(struct dataset *dataset, const struct sums *sums, int n)
{
    const double count = (double)n * dataset->h * dataset->w;
    const double scale = dataset->type == SAMPLE_U8 ? LARGEST : 1;
    for (int c = 0; c < dataset->c; c++) {
        const double mean = sums->sum[c] / count;
        const double variance = sums->squares[c] / count - mean * mean;
        // What rounding leaves of a constant channel is none.
        const double least = dataset->type == SAMPLE_U8 ? 1e-9 : 1e-12 * mean * mean;
        if (!isfinite(mean) || !isfinite(variance)) {
            FAIL(ERR_INPUT,
                 "%s: channel %d has samples that are no finite numbers; replace them, or leave "
                 "their rows out",
                 dataset->name, c);
        }
        dataset->mean[c] = (float)(mean / scale);
        // A constant channel: dividing by 1 leaves it at zero.
        dataset->std[c] = variance > least ? (float)(sqrt(variance) / scale) : 1.0F;
    }
    dataset->measured = true;
    return OK;
}

static enum status measure(struct dataset *dataset, struct arena *arena)
{
    struct sums sums = {{0}, {0}};
    int32_t *rows;
    int n;
    TRY(dataset_some_rows(dataset, dataset_stored_bytes(dataset), dataset->n, SAMPLE_SEED, arena,
                          &rows, &n));
    TRY(add_rows(dataset, rows, n, arena, &sums));
    return find_moments(dataset, &sums, n);
}

enum status dataset_measure(struct dataset *dataset)
{
    struct arena arena = {0};
    if (dataset->measured) {
        return OK;
    }
    const enum status status = measure(dataset, &arena);
    arena_close(&arena);
    return status;
}
