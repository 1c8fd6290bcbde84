// Opens a part of a data set: finds it, reads its labels, chooses rows, reads those images.
#include "data/dataset.h"

#include "data/dataset_select.h"
#include "data/reader.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

// Sums of [row_bytes] columns of one image row stay below 2^32 for this many rows: 2^16 * 255^2.
enum { ROWS_PER_SUM = 1 << 16, LARGEST = 255 };

static enum status check_options(const struct dataset_options *options)
{
    const bool coarse = options->labels == LABELS_COARSE;
    const bool cifar100 = options->name != NULL && strcmp(options->name, "cifar100") == 0;
    if (!(options->share > 0 && options->share <= 1)) {
        FAIL(ERR_CONFIG, "data.share is %g, expected more than 0 and at most 1", options->share);
    }
    if (options->superclass < -1 || options->superclass > 19) {
        FAIL(ERR_CONFIG, "data.superclass is %d, expected -1 to 19", options->superclass);
    }
    if ((coarse || options->superclass >= 0) && !cifar100) {
        FAIL(ERR_CONFIG, "data.labels coarse and data.superclass are for cifar100, not for '%s'",
             options->name != NULL ? options->name : "");
    }
    if (coarse && options->superclass >= 0) {
        FAIL(ERR_CONFIG, "data.superclass takes fine labels; data.labels is coarse");
    }
    return OK;
}

// Images lie in memory of their own, read-only once they are there: a stray write faults, processes
// forked later share the pages, and closing gives all of it back.
static enum status allocate_images(struct dataset *dataset)
{
    const size_t image_bytes = (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
    TRY(reader_check_memory(dataset->name, dataset->n, (int64_t)image_bytes));
    dataset->mapped_bytes = (size_t)dataset->n * image_bytes;
    void *mapped = mmap(NULL, dataset->mapped_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        FAIL(ERR_MEMORY, "%s: no memory for %zu bytes of images: %s", dataset->name,
             dataset->mapped_bytes, strerror(errno));
    }
    dataset->mapped = mapped;
    dataset->images = mapped;
    return OK;
}

// mean and std per channel, of pixels / 255. The sums are exact.
static enum status measure(struct dataset *dataset, struct arena *scratch)
{
    const size_t row_bytes = (size_t)dataset->w * (size_t)dataset->c;
    const size_t n_rows = (size_t)dataset->n * (size_t)dataset->h;
    uint32_t *sum, *squares; // [row_bytes] of up to ROWS_PER_SUM rows
    ARENA_NEW(scratch, sum, row_bytes);
    ARENA_NEW(scratch, squares, row_bytes);
    uint64_t total[DATASET_MAX_CHANNELS] = {0}, total_squares[DATASET_MAX_CHANNELS] = {0};
    for (size_t row = 0; row < n_rows; row++) {
        const uint8_t *pixels = dataset->images + row * row_bytes;
        for (size_t i = 0; i < row_bytes; i++) {
            const uint32_t value = pixels[i];
            sum[i] += value;
            squares[i] += value * value;
        }
        if ((row + 1) % ROWS_PER_SUM == 0 || row + 1 == n_rows) {
            for (size_t i = 0; i < row_bytes; i++) {
                total[i % (size_t)dataset->c] += sum[i];
                total_squares[i % (size_t)dataset->c] += squares[i];
            }
            memset(sum, 0, row_bytes * sizeof *sum);
            memset(squares, 0, row_bytes * sizeof *squares);
        }
    }
    const double count = (double)n_rows * dataset->w;
    for (int c = 0; c < dataset->c; c++) {
        const double mean = (double)total[c] / count;
        const double variance = (double)total_squares[c] / count - mean * mean;
        dataset->mean[c] = (float)(mean / LARGEST);
        // A constant channel: dividing by 1 leaves it at zero.
        dataset->std[c] = variance > 1e-9 ? (float)(sqrt(variance) / LARGEST) : 1.0f;
    }
    return OK;
}

// Rows and groups are kept for the splits to come.
static enum status take_rows(const struct reading *reading, const struct selection *selection,
                             struct dataset *dataset)
{
    dataset->part_rows = reading->n;
    if (selection->n < reading->n) {
        ARENA_NEW(&dataset->arena, dataset->rows, (size_t)selection->n);
        memcpy(dataset->rows, selection->rows, (size_t)selection->n * sizeof *dataset->rows);
    }
    if (reading->groups != NULL) {
        dataset->n_groups = reading->n_groups;
        ARENA_NEW(&dataset->arena, dataset->groups, (size_t)reading->n);
        memcpy(dataset->groups, reading->groups, (size_t)reading->n * sizeof *dataset->groups);
    }
    return OK;
}

static enum status check_groups(const struct dataset_source *source,
                                const struct dataset_options *options,
                                const struct reading *reading)
{
    const bool asked = options->group_pattern != NULL && options->group_pattern[0] != '\0';
    if (asked && source->reader != &reader_folder) {
        FAIL(ERR_CONFIG,
             "data.group_pattern is for data sets of the kind folder; %s is read as %s, which %s",
             source->name, source->reader->name,
             reading->groups != NULL ? "says itself which images belong together"
                                     : "has no names of files to look at");
    }
    return OK;
}

// Fills `dataset` from an opened part; on failure the caller closes it.
static enum status take(const struct dataset_source *source, const struct dataset_options *options,
                        enum dataset_part part, struct reading *reading, struct dataset *dataset)
{
    struct selection selection;
    TRY(check_groups(source, options, reading));
    TRY(dataset_select(options, part, reading, &selection));
    if (selection.n == 0) {
        FAIL(ERR_INPUT, "%s: no image is left of the %s part's %d after choosing classes",
             source->name, part == DATASET_TRAIN ? "training" : "test", reading->n);
    }
    snprintf(dataset->name, sizeof dataset->name, "%s", source->name);
    dataset->n = selection.n;
    dataset->h = reading->h;
    dataset->w = reading->w;
    dataset->c = reading->c;
    dataset->classes = selection.classes;
    ARENA_NEW(&dataset->arena, dataset->labels, (size_t)selection.n);
    memcpy(dataset->labels, selection.labels, (size_t)selection.n * sizeof *dataset->labels);
    TRY(take_rows(reading, &selection, dataset));
    TRY(allocate_images(dataset));
    TRY(source->reader->read(reading, selection.rows, selection.n, dataset->mapped));
    TRY(measure(dataset, &reading->arena));
    if (mprotect(dataset->mapped, dataset->mapped_bytes, PROT_READ) != 0) {
        FAIL(ERR_IO, "%s: images could not be made read-only: %s", dataset->name, strerror(errno));
    }
    return OK;
}

enum status dataset_open(const struct dataset_options *options, enum dataset_part part,
                         struct dataset *out)
{
    struct dataset_source source;
    struct reading reading = {.n = 0};
    struct dataset dataset = {.n = 0};
    TRY(check_options(options));
    TRY(dataset_locate(options, &source));
    enum status status = source.reader->open(&source, options, part, &reading);
    if (status == OK) {
        status = take(&source, options, part, &reading, &dataset);
    }
    if (source.reader->close != NULL) {
        source.reader->close(&reading);
    }
    arena_close(&reading.arena);
    if (status != OK) {
        dataset_close(&dataset);
        return status;
    }
    *out = dataset;
    return OK;
}

void dataset_close(struct dataset *dataset)
{
    if (dataset->mapped != NULL) {
        munmap(dataset->mapped, dataset->mapped_bytes);
    }
    arena_close(&dataset->arena);
    memset(dataset, 0, sizeof *dataset);
}
