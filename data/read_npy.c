// Reader of arrays that NumPy saved: train_x*.npy, train_y*.npy, test_x*.npy, test_y*.npy in a
// folder, and train_subject*.npy or train_group*.npy with the group of each sample.
#include "core/file.h"
#include "core/text.h"
#include "data/npy_file.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum what { SAMPLES, LABELS, GROUPS, WHAT_COUNT };

struct state {
    struct npy_file samples;
    struct sample_layout layout;
};

// What the names of a part's files begin with, in two orders of the words.
static bool fits(const char *name, enum dataset_part part, enum what what)
{
    static const char *const parts[] = {"train", "test"};
    static const char *const words[WHAT_COUNT][2] = {
        {"x", NULL}, {"y", NULL}, {"subject", "group"}};
    const size_t length = strlen(name);
    if (length < 4 || strcasecmp(name + length - 4, ".npy") != 0) {
        return false;
    }
    for (int i = 0; i < 2 && words[what][i] != NULL; i++) {
        char start[32];
        snprintf(start, sizeof start, "%s_%s", parts[part], words[what][i]);
        if (strncasecmp(name, start, strlen(start)) == 0) {
            return true;
        }
        snprintf(start, sizeof start, "%s_%s", words[what][i], parts[part]);
        if (strncasecmp(name, start, strlen(start)) == 0) {
            return true;
        }
    }
    return false;
}

// The file of a part; "" if there is none. ERR_INPUT when there are several.
static enum status find_file(const char *folder, enum dataset_part part, enum what what,
                             char out[READER_PATH_BYTES])
{
    char first[256] = "", second[256] = "";
    DIR *stream = opendir(folder);
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        if (fits(entry->d_name, part, what)) {
            snprintf(first[0] == '\0' ? first : second, sizeof first, "%s", entry->d_name);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
    if (second[0] != '\0') {
        FAIL(ERR_INPUT, "%s: has %s and %s, expected one such file", folder, first, second);
    }
    out[0] = '\0';
    return first[0] == '\0' ? OK : file_join(out, READER_PATH_BYTES, folder, first);
}

static bool ends_in_npy(const char *path)
{
    const size_t length = strlen(path);
    return length > 4 && strcasecmp(path + length - 4, ".npy") == 0;
}

static bool claims(const char *path)
{
    char file[READER_PATH_BYTES];
    if (!file_is_folder(path)) {
        return ends_in_npy(path) && file_exists(path); // to say what is expected
    }
    for (int part = DATASET_TRAIN; part <= DATASET_TEST; part++) {
        if (find_file(path, (enum dataset_part)part, SAMPLES, file) != OK || file[0] != '\0') {
            return true;
        }
    }
    return false;
}

static const char *word_of(enum dataset_part part)
{
    return part == DATASET_TRAIN ? "train" : "test";
}

// The whole numbers of a file of the folder; *out NULL if it is not there. n as npy_integers.
static enum status read_integers(const char *folder, enum dataset_part part, enum what what,
                                 int64_t n, struct arena *arena, char path[READER_PATH_BYTES],
                                 int64_t **out, int64_t *count)
{
    struct npy_file file = {.open = false};
    *out = NULL;
    TRY(find_file(folder, part, what, file.path));
    if (file.path[0] == '\0') {
        return OK;
    }
    memcpy(path, file.path, sizeof file.path);
    enum status status = npy_open(&file);
    if (status == OK) {
        status = npy_integers(&file, n, arena, out, count);
    }
    npy_close(&file);
    return status;
}

// labels [n]; n < 0: as many as there are. *classes as in reader_take_labels.
static enum status read_labels(const struct dataset_source *source, enum dataset_part part,
                               int64_t n, int first_label, struct arena *arena, int32_t **labels,
                               int *classes)
{
    char path[READER_PATH_BYTES];
    int64_t *values, count = 0;
    TRY(read_integers(source->path, part, LABELS, n, arena, path, &values, &count));
    if (values == NULL) {
        FAIL(ERR_INPUT, "%s: expected a file %s_y*.npy with the labels, found none", source->path,
             word_of(part));
    }
    return reader_take_labels(path, values, (int)count, first_label, arena, labels, classes);
}

// How many classes the training part has, for a test part that may lack some.
static enum status training_classes(const struct dataset_source *source,
                                    const struct dataset_options *options, struct arena *arena,
                                    int *classes)
{
    char file[READER_PATH_BYTES];
    int32_t *unused;
    TRY(find_file(source->path, DATASET_TRAIN, LABELS, file));
    if (file[0] == '\0') {
        return OK;
    }
    return read_labels(source, DATASET_TRAIN, -1, options->first_label, arena, &unused, classes);
}

static enum status open_samples(const struct dataset_source *source,
                                const struct dataset_options *options, enum dataset_part part,
                                struct state *state)
{
    struct npy_file *file = &state->samples;
    if (!file_is_folder(source->path)) {
        FAIL(ERR_INPUT,
             "%s: expected a folder with train_x*.npy, train_y*.npy, test_x*.npy and test_y*.npy, "
             "got one file",
             source->path);
    }
    TRY(find_file(source->path, part, SAMPLES, file->path));
    if (file->path[0] == '\0') {
        FAIL(ERR_INPUT, "%s: expected a file %s_x*.npy with the samples, found none", source->path,
             word_of(part));
    }
    TRY(npy_open(file));
    TRY(sample_layout_find(file->path, file->dims, file->n_dims, file->element, options->channels,
                           &state->layout));
    state->layout.swap = file->swap;
    return OK;
}

static enum status open_part(const struct dataset_source *source,
                             const struct dataset_options *options, enum dataset_part part,
                             struct reading *out)
{
    struct state *state;
    char path[READER_PATH_BYTES];
    int64_t *groups, count;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    TRY(open_samples(source, options, part, state));
    out->n = (int)state->samples.dims[0];
    out->h = state->layout.h;
    out->w = state->layout.w;
    out->c = state->layout.c;
    out->type = state->layout.type;
    out->classes = source->classes;
    if (part == DATASET_TEST && out->classes == 0) {
        TRY(training_classes(source, options, &out->arena, &out->classes));
    }
    TRY(read_labels(source, part, out->n, options->first_label, &out->arena, &out->labels,
                    &out->classes));
    TRY(read_integers(source->path, part, GROUPS, out->n, &out->arena, path, &groups, &count));
    return groups == NULL
               ? OK
               : groups_of_numbers(groups, out->n, &out->arena, &out->groups, &out->n_groups);
}

static enum status read_rows(const struct reading *reading, const int32_t *rows, int n_rows,
                             void *out)
{
    const struct state *state = reading->state;
    return sample_layout_read(&state->layout, state->samples.path, state->samples.fd,
                              state->samples.offset, rows, n_rows, out);
}

static void close_samples(struct reading *reading)
{
    struct state *state = reading->state;
    if (state != NULL) {
        npy_close(&state->samples);
    }
}

const struct dataset_reader reader_npy = {
    .name = "npy",
    .files = "train_x*.npy, train_y*.npy, test_x*.npy and test_y*.npy",
    .claims = claims,
    .open = open_part,
    .read = read_rows,
    .close = close_samples,
};
