// HDF5: samples `images` [n, h, w, c], [n, c, h, w] or [n, h, w] and integers `labels` [n], in
// train.h5 and test.h5 of a folder; or, in one file, the same with names that begin with train_ and
// test_. Integers `groups` [n] beside them are optional.
#include "core/file.h"
#include "core/hdf5_file.h"
#include "core/text.h"
#include "data/sample_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// The names of a part's arrays.
struct names {
    char images[16], labels[16], groups[16];
};
struct state {
    struct hdf5_file *file; // owned
    char path[READER_PATH_BYTES];
    struct names names;
    struct hdf5_found images;
    size_t most_bytes;    // of what is unpacked to memory
    pthread_mutex_t lock; // of what follows, which the first read makes
    bool open, ready;
    enum status failed; // of the first read: later ones fail alike
    struct status_note note;
    struct sample_layout layout;
    int fd; // of the samples; -1 none
    int64_t offset;
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

static void add_shape(const struct hdf5_array *array, struct text *out)
{
    for (int i = 0; i < array->n_dims; i++) {
        text_add(out, "%s%" PRId64, i > 0 ? ", " : "", array->dims[i]);
    }
}

// ERR_INPUT with the type and the shape that were found.
static enum status refuse(const char *path, const char *name, const struct hdf5_found *found,
                          const char *expected)
{
    struct text shape = {.bytes = NULL};
    add_shape(&found->array, &shape);
    (void)status_fail(ERR_INPUT, __FILE__, __LINE__, "%s: %s: expected %s, got %s [%s]", path, name,
                      expected, found->words, shape.bytes != NULL ? shape.bytes : "");
    text_close(&shape);
    return ERR_INPUT;
}

// One whole number per image, in `arena`. n < 0: as many as there are.
static enum status read_integers(struct hdf5_file *file, const char *path, const char *name,
                                 int64_t n, struct arena *arena, int64_t **out, int64_t *count)
{
    struct hdf5_found found;
    TRY(hdf5_look(file, name, &found));
    const struct hdf5_array *array = &found.array;
    const bool column = array->n_dims == 2 && array->dims[1] == 1;
    if (array->type == HDF5_OTHER || array->type == HDF5_F32 || array->type == HDF5_F64) {
        return refuse(path, name, &found, "integers [n]");
    }
    if (array->n_dims != 1 && !column) {
        return refuse(path, name, &found,
                      "one number per image, [n] or [n, 1] (of one-hot labels, "
                      "labels.argmax(axis=1))");
    }
    if (n >= 0 && array->dims[0] != n) {
        FAIL(ERR_INPUT, "%s: %s: expected %" PRId64 " numbers, one per image, got %" PRId64, path,
             name, n, array->dims[0]);
    }
    TRY(reader_check_shape(path, array->dims[0], 1, 1, 1));
    TRY(reader_check_memory(path, array->dims[0], sizeof(int64_t) + sizeof(int32_t)));
    ARENA_NEW(arena, *out, array->count);
    *count = array->dims[0];
    return hdf5_read(file, name, HDF5_I64, array->count, *out);
}

// labels [n] in `arena`; n < 0: as many as there are. *classes as in reader_take_labels.
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
    bool there;
    int64_t *values, count;
    TRY(hdf5_has(file, name, &there));
    if (!there) {
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
    bool there = false;
    enum status status = hdf5_has(file, names.labels, &there);
    if (status == OK && there) {
        int32_t *unused;
        status = read_labels(file, name, names.labels, -1, first_label, arena, &unused, classes);
    }
    hdf5_close(file);
    return status;
}

// What the samples are in the file, and what they are when they have been unpacked.
static enum element element_of(enum hdf5_type type)
{
    switch (type) {
    case HDF5_U8:
        return ELEMENT_U8;
    case HDF5_I8:
    case HDF5_I16:
        return ELEMENT_I16;
    default:
        return ELEMENT_F32;
    }
}

static enum status open_images(struct state *state, const struct dataset_options *options,
                               struct reading *out)
{
    const struct hdf5_array *array = &state->images.array;
    TRY(hdf5_look(state->file, state->names.images, &state->images));
    if (array->type == HDF5_OTHER) {
        return refuse(state->path, state->names.images, &state->images, "uint8 or other numbers");
    }
    if (array->n_dims != 3 && array->n_dims != 4) {
        return refuse(state->path, state->names.images, &state->images,
                      "[n, h, w], [n, channels, length], [n, h, w, channels] or [n, channels, h, "
                      "w]");
    }
    TRY(sample_layout_find(state->path, array->dims, array->n_dims, element_of(array->type),
                           options->channels, &state->layout));
    state->most_bytes = reader_most_bytes(options);
    out->n = (int)array->dims[0];
    out->h = state->layout.h;
    out->w = state->layout.w;
    out->c = state->layout.c;
    out->type = state->layout.type;
    return OK;
}

static enum status open_part(const struct dataset_source *source,
                             const struct dataset_options *options, enum dataset_part part,
                             struct reading *out)
{
    struct state *state;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    state->fd = -1;
    state->open = pthread_mutex_init(&state->lock, NULL) == 0;
    CHECK(state->open);
    out->classes = source->classes;
    if (part == DATASET_TEST) {
        TRY(training_classes(source->path, options->first_label, &out->arena, &out->classes));
    }
    TRY(name_part(source->path, part, state->path, &state->names));
    TRY(hdf5_open(state->path, &state->file));
    TRY(open_images(state, options, out));
    TRY(read_labels(state->file, state->path, state->names.labels, out->n, options->first_label,
                    &out->arena, &out->labels, &out->classes));
    return read_groups(state->file, state->path, state->names.groups, out);
}

// The samples as they lie in the file, where no library is needed to read them; else unpacked.
static enum status make_ready(struct state *state)
{
    static const enum hdf5_type made[] = {
        [ELEMENT_U8] = HDF5_U8, [ELEMENT_I16] = HDF5_I16, [ELEMENT_F32] = HDF5_F32};
    const enum hdf5_type type = made[state->layout.element];
    const struct hdf5_array *array = &state->images.array;
    if (state->images.offset >= 0 && array->type == type) {
        state->offset = state->images.offset;
        state->fd = open(state->path, O_RDONLY | O_CLOEXEC);
        if (state->fd < 0) {
            FAIL(ERR_INPUT, "%s: cannot be opened: %s", state->path, strerror(errno));
        }
    } else {
        const size_t bytes = array->count * hdf5_type_bytes(type);
        TRY(reader_open_scratch(state->path, bytes, state->most_bytes, &state->fd));
        TRY(hdf5_unpack(state->file, state->names.images, type, array->count, state->fd));
    }
    state->ready = true;
    return OK;
}

static enum status read_rows(const struct reading *reading, const int32_t *rows, int n_rows,
                             void *out)
{
    struct state *state = reading->state;
    pthread_mutex_lock(&state->lock);
    if (state->failed != OK) {
        status_restore(&state->note);
    } else if (!state->ready) {
        state->failed = make_ready(state);
        status_save(&state->note);
    }
    const enum status status = state->failed;
    pthread_mutex_unlock(&state->lock);
    TRY(status);
    return sample_layout_read(&state->layout, state->path, state->fd, state->offset, rows, n_rows,
                              out);
}

static void close_file(struct reading *reading)
{
    struct state *state = reading->state;
    if (state == NULL) {
        return;
    }
    hdf5_close(state->file);
    state->file = NULL;
    if (state->open) {
        pthread_mutex_destroy(&state->lock);
    }
    if (state->fd >= 0) {
        close(state->fd);
    }
    state->fd = -1;
    state->open = state->ready = false;
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
