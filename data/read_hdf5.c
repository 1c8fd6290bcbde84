// HDF5: bytes `images` [n, h, w, c] or [n, h, w] and integers `labels` [n], in train.h5 and test.h5
// of a folder; or, in one file, the same with names that begin with train_ and test_. Integers
// `groups` [n] beside them are optional.
#include "core/file.h"
#include "core/hdf5_file.h"
#include "data/reader.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The names of a part's arrays.
struct names {
    char images[16], labels[16], groups[16];
};
struct state {
    struct hdf5_file *file; // owned
    struct names names;
    pthread_mutex_t lock; // of what follows
    bool open;
    uint8_t *all; // owned
};

static bool claims(const char *path)
{
    char file[READER_PATH_BYTES];
    if (!file_is_folder(path)) {
        return file_exists(path);
    }
    return (file_join(file, sizeof file, path, "train.h5") == OK && file_exists(file)) ||
           (file_join(file, sizeof file, path, "test.h5") == OK && file_exists(file));
}

// The file that holds `part`, and the names of its arrays.
static enum status name_part(const char *path, enum dataset_part part, char file[READER_PATH_BYTES],
                             struct names *names)
{
    const bool folder = file_is_folder(path);
    const char *word = folder ? "" : part == DATASET_TRAIN ? "train_" : "test_";
    snprintf(names->images, sizeof names->images, "%simages", word);
    snprintf(names->labels, sizeof names->labels, "%slabels", word);
    snprintf(names->groups, sizeof names->groups, "%sgroups", word);
    if (folder) {
        return file_join(file, READER_PATH_BYTES, path,
                         part == DATASET_TRAIN ? "train.h5" : "test.h5");
    }
    if (strlen(path) >= READER_PATH_BYTES) {
        FAIL(ERR_INPUT, "the path %s is longer than %d bytes", path, READER_PATH_BYTES - 1);
    }
    memcpy(file, path, strlen(path) + 1);
    return OK;
}

// One whole number per image, in `arena`. n < 0: as many as there are.
static enum status read_integers(struct hdf5_file *file, const char *path, const char *name,
                                 int64_t n, struct arena *arena, int64_t **out, int64_t *count)
{
    struct hdf5_array array;
    TRY(hdf5_describe(file, name, &array));
    if (array.type != HDF5_U8 && array.type != HDF5_I32 && array.type != HDF5_I64) {
        FAIL(ERR_INPUT, "%s: %s: expected integers (uint8, int32 or int64), got another type", path,
             name);
    }
    if (array.n_dims != 1) {
        FAIL(ERR_INPUT, "%s: %s: expected 1 dimension, got %d", path, name, array.n_dims);
    }
    if (n >= 0 && array.dims[0] != n) {
        FAIL(ERR_INPUT, "%s: %s: expected %" PRId64 " numbers, one per image, got %" PRId64, path,
             name, n, array.dims[0]);
    }
    TRY(reader_check_shape(path, array.dims[0], 1, 1, 1));
    TRY(reader_check_memory(path, array.dims[0], sizeof(int64_t) + sizeof(int32_t)));
    ARENA_NEW(arena, *out, array.count);
    *count = array.dims[0];
    return hdf5_read(file, name, HDF5_I64, array.count, *out);
}

// labels [n] in `arena`; n < 0: as many as there are. *classes as in reader_check_labels.
static enum status read_labels(struct hdf5_file *file, const char *path, const char *name,
                               int64_t n, int first_label, struct arena *arena, int32_t **labels,
                               int *classes)
{
    int64_t *values, count;
    TRY(read_integers(file, path, name, n, arena, &values, &count));
    return reader_take_labels(path, values, (int)count, first_label, arena, labels, classes);
}

// `groups` is optional.
static enum status read_groups(struct hdf5_file *file, const char *path, const char *name,
                               struct reading *out)
{
    struct hdf5_array array;
    int64_t *values, count;
    if (hdf5_describe(file, name, &array) != OK) {
        return OK;
    }
    TRY(read_integers(file, path, name, out->n, &out->arena, &values, &count));
    return groups_of_numbers(values, out->n, &out->arena, &out->groups, &out->n_groups);
}

// How many classes the training part has, for a test part that may lack some; *classes is left
// alone when there is no training part.
static enum status training_classes(const char *path, int first_label, struct arena *arena,
                                    int *classes)
{
    char name[READER_PATH_BYTES];
    struct names names;
    TRY(name_part(path, DATASET_TRAIN, name, &names));
    if (!file_exists(name)) {
        return OK;
    }
    struct hdf5_file *file = NULL;
    TRY(hdf5_open(name, &file));
    struct hdf5_array array;
    enum status status = OK;
    if (hdf5_describe(file, names.labels, &array) == OK) {
        int32_t *unused;
        status = read_labels(file, name, names.labels, -1, first_label, arena, &unused, classes);
    }
    hdf5_close(file);
    return status;
}

static enum status open_part(const struct dataset_source *source,
                             const struct dataset_options *options, enum dataset_part part,
                             struct reading *out)
{
    struct state *state;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    state->open = pthread_mutex_init(&state->lock, NULL) == 0;
    CHECK(state->open);
    out->classes = source->classes;
    if (part == DATASET_TEST) {
        TRY(training_classes(source->path, options->first_label, &out->arena, &out->classes));
    }
    char name[READER_PATH_BYTES];
    TRY(name_part(source->path, part, name, &state->names));
    TRY(hdf5_open(name, &state->file));
    struct hdf5_array array;
    TRY(hdf5_describe(state->file, state->names.images, &array));
    if (array.type != HDF5_U8) {
        FAIL(ERR_INPUT, "%s: %s: expected uint8, got another type", name, state->names.images);
    }
    if (array.n_dims != 3 && array.n_dims != 4) {
        FAIL(ERR_INPUT, "%s: %s: expected [n, h, w, c] or [n, h, w], got %d dimensions", name,
             state->names.images, array.n_dims);
    }
    const int64_t channels = array.n_dims == 4 ? array.dims[3] : 1;
    TRY(reader_check_shape(name, array.dims[0], array.dims[1], array.dims[2], channels));
    TRY(reader_check_memory(name, array.dims[0], array.dims[1] * array.dims[2] * channels));
    out->n = (int)array.dims[0];
    out->h = (int)array.dims[1];
    out->w = (int)array.dims[2];
    out->c = (int)channels;
    TRY(read_labels(state->file, name, state->names.labels, out->n, options->first_label,
                    &out->arena, &out->labels, &out->classes));
    return read_groups(state->file, name, state->names.groups, out);
}

static enum status read_all(const struct reading *reading, struct state *state)
{
    const size_t row_bytes = (size_t)reading->h * (size_t)reading->w * (size_t)reading->c;
    const size_t count = (size_t)reading->n * row_bytes;
    uint8_t *all = malloc(count);
    if (all == NULL) {
        FAIL(ERR_MEMORY, "no memory for %d images", reading->n);
    }
    const enum status status = hdf5_read(state->file, state->names.images, HDF5_U8, count, all);
    if (status != OK) {
        free(all);
        return status;
    }
    state->all = all;
    return OK;
}

static enum status read_rows(const struct reading *reading, const int32_t *rows, int n_rows,
                             void *out)
{
    struct state *state = reading->state;
    const size_t row_bytes = (size_t)reading->h * (size_t)reading->w * (size_t)reading->c;
    uint8_t *images = out;
    pthread_mutex_lock(&state->lock);
    const enum status status = state->all != NULL ? OK : read_all(reading, state);
    pthread_mutex_unlock(&state->lock);
    TRY(status);
    for (int i = 0; i < n_rows; i++) {
        memcpy(images + (size_t)i * row_bytes, state->all + (size_t)rows[i] * row_bytes, row_bytes);
    }
    return OK;
}

static void close_file(struct reading *reading)
{
    struct state *state = reading->state;
    if (state != NULL) {
        hdf5_close(state->file);
        free(state->all);
        state->file = NULL;
        state->all = NULL;
        if (state->open) {
            pthread_mutex_destroy(&state->lock);
            state->open = false;
        }
    }
}

const struct dataset_reader reader_hdf5 = {
    .name = "hdf5",
    .files = "train.h5 and test.h5, or one file with train_images, train_labels, test_images and "
             "test_labels",
    .claims = claims,
    .open = open_part,
    .read = read_rows,
    .close = close_file,
};
