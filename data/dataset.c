// Opens a part of a data set: finds it, reads its labels and chooses rows, and later loads the
// images, or sees to it that they can be streamed.
#include "data/dataset.h"

#include "core/machine.h"
#include "data/dataset_check.h"
#include "data/dataset_fetch.h"
#include "data/dataset_select.h"
#include "data/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

// Images lie in memory of their own, read-only once they are there: a stray write faults, processes
// forked later share the pages, and closing gives all of it back.
static enum status allocate_images(struct dataset *dataset)
{
    dataset->mapped_bytes = (size_t)dataset->n * dataset_stored_bytes(dataset);
    void *mapped = mmap(NULL, dataset->mapped_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        FAIL(ERR_MEMORY,
             "%s: no memory for %zu bytes of images: %s; set data.memory (MiB), and they are "
             "streamed from their files",
             dataset->name, dataset->mapped_bytes, strerror(errno));
    }
    dataset->mapped = mapped;
    return OK;
}

static void free_images(struct dataset *dataset)
{
    if (dataset->mapped != NULL) {
        munmap(dataset->mapped, dataset->mapped_bytes);
    }
    dataset->mapped = NULL;
    dataset->images = NULL;
}

static void close_reading(struct dataset *dataset)
{
    struct reading *reading = dataset->reading;
    if (reading == NULL) {
        return;
    }
    if (reading->reader->close != NULL) {
        reading->reader->close(reading);
    }
    arena_close(&reading->arena);
    dataset->reading = NULL;
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

static void take_limits(const struct dataset_options *options, struct dataset *dataset)
{
    dataset->threads = options->threads > 0 ? options->threads : machine_cores();
    dataset->most_bytes = reader_most_bytes(options);
}

// Fills `dataset` from what was read of a part.
static enum status take(const struct dataset_options *options, enum dataset_part part,
                        struct dataset *dataset)
{
    struct reading *reading = dataset->reading;
    struct selection selection;
    TRY(dataset_check_groups(dataset->name, options, reading));
    TRY(dataset_select(options, part, reading, &selection));
    if (selection.n == 0) {
        FAIL(ERR_INPUT, "%s: no image is left of the %s part's %d after choosing classes",
             dataset->name, part == DATASET_TRAIN ? "training" : "test", reading->n);
    }
    dataset->n = selection.n;
    dataset->h = reading->h;
    dataset->w = reading->w;
    dataset->c = reading->c;
    dataset->type = reading->type;
    dataset->classes = selection.classes;
    ARENA_NEW(&dataset->arena, dataset->labels, (size_t)selection.n);
    memcpy(dataset->labels, selection.labels, (size_t)selection.n * sizeof *dataset->labels);
    take_limits(options, dataset);
    TRY(take_rows(reading, &selection, dataset));
    return part == DATASET_TRAIN ? dataset_name_empty_classes(options, dataset) : OK;
}

static enum status describe(const struct dataset_options *options, enum dataset_part part,
                            struct dataset *dataset)
{
    struct dataset_source *source;
    struct reading *reading;
    ARENA_NEW(&dataset->arena, source, 1);
    ARENA_NEW(&dataset->arena, reading, 1);
    TRY(dataset_locate(options, source));
    snprintf(dataset->name, sizeof dataset->name, "%s", source->name);
    reading->reader = source->reader;
    dataset->reading = reading;
    TRY(source->reader->open(source, options, part, reading));
    return take(options, part, dataset);
}

enum status dataset_describe(const struct dataset_options *options, enum dataset_part part,
                             struct dataset *out)
{
    struct dataset dataset = {.n = 0};
    TRY(dataset_check_options(options));
    const enum status status = describe(options, part, &dataset);
    if (status != OK) {
        dataset_close(&dataset);
        return status;
    }
    *out = dataset;
    return OK;
}

static enum status load_images(struct dataset *dataset)
{
    TRY(allocate_images(dataset));
    TRY(dataset_fetch_stored(dataset, dataset->mapped));
    if (mprotect(dataset->mapped, dataset->mapped_bytes, PROT_READ) != 0) {
        FAIL(ERR_IO, "%s: images could not be made read-only: %s", dataset->name, strerror(errno));
    }
    dataset->images = dataset->mapped;
    return OK;
}

enum status dataset_load(struct dataset *dataset)
{
    if (dataset->images != NULL || dataset->streamed) {
        return dataset_measure(dataset);
    }
    if (dataset_stored_bytes(dataset) > dataset->most_bytes / (size_t)dataset->n) {
        dataset->streamed = true;
        return dataset_measure(dataset);
    }
    const enum status status = load_images(dataset);
    if (status != OK) {
        free_images(dataset);
        return status;
    }
    close_reading(dataset);
    return dataset_measure(dataset);
}

enum status dataset_open(const struct dataset_options *options, enum dataset_part part,
                         struct dataset *out)
{
    struct dataset dataset;
    TRY(dataset_describe(options, part, &dataset));
    const enum status status = dataset_load(&dataset);
    if (status != OK) {
        dataset_close(&dataset);
        return status;
    }
    *out = dataset;
    return OK;
}

void dataset_close(struct dataset *dataset)
{
    free_images(dataset);
    close_reading(dataset);
    arena_close(&dataset->arena);
    memset(dataset, 0, sizeof *dataset);
}
