// Folders of JPEG and PNG files: PATH/train/CLASS/*.jpg and PATH/test/CLASS/*.jpg. The classes are
// the folders of the training part in byte order of their names.
#include "core/file.h"
#include "data/image_decode.h"
#include "data/image_resize.h"
#include "data/reader.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct state {
    char folder[READER_PATH_BYTES]; // PATH/train or PATH/test
    const char **class_names;       // [n_classes]; of the training part
    int n_classes;
    const char **files; // [n] relative to the folder, "CLASS/NAME"
    int capacity;       // of files and of reading.labels
    int size;           // of the images made
};

static bool claims(const char *path)
{
    char folder[READER_PATH_BYTES];
    return file_join(folder, sizeof folder, path, "train") == OK && file_is_folder(folder);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int is_image(const struct dirent *entry)
{
    const char *ending = strrchr(entry->d_name, '.');
    return is_visible(entry) && ending != NULL &&
           (strcasecmp(ending, ".jpg") == 0 || strcasecmp(ending, ".jpeg") == 0 ||
            strcasecmp(ending, ".png") == 0);
}

// The names in a folder that pass `filter`, in order, copied to the arena.
static enum status list_folder(const char *folder, int (*filter)(const struct dirent *),
                               struct arena *arena, const char ***names, int *n)
{
    struct dirent **entries = NULL;
    const int found = scandir(folder, &entries, filter, by_name);
    if (found < 0) {
        FAIL(errno == ENOMEM ? ERR_MEMORY : ERR_INPUT, "%s: cannot be listed: %s", folder,
             strerror(errno));
    }
    *names = arena_alloc(arena, (size_t)found, sizeof **names);
    bool failed = *names == NULL;
    for (int i = 0; i < found; i++) {
        if (!failed) {
            (*names)[i] = arena_copy_text(arena, entries[i]->d_name);
            failed = (*names)[i] == NULL;
        }
        free(entries[i]);
    }
    free(entries);
    *n = found;
    return failed ? ERR_MEMORY : OK;
}

// The folders inside `parent`.
static enum status list_classes(const char *parent, struct arena *arena, const char ***names,
                                int *n)
{
    int found = 0, kept = 0;
    TRY(list_folder(parent, is_visible, arena, names, &found));
    for (int i = 0; i < found; i++) {
        char path[READER_PATH_BYTES];
        TRY(file_join(path, sizeof path, parent, (*names)[i]));
        if (file_is_folder(path)) {
            (*names)[kept++] = (*names)[i];
        }
    }
    *n = kept;
    if (kept == 0 || kept > DATASET_MAX_CLASSES) {
        FAIL(ERR_INPUT, "%s: expected 1 to %d folders, one per class, found %d", parent,
             DATASET_MAX_CLASSES, kept);
    }
    return OK;
}

static enum status grow(struct reading *reading, int most)
{
    struct state *state = reading->state;
    if (most <= state->capacity) {
        return OK;
    }
    const int capacity = most > INT_MAX / 2 ? INT_MAX : 2 * most;
    const char **files;
    int32_t *labels;
    ARENA_NEW(&reading->arena, files, (size_t)capacity);
    ARENA_NEW(&reading->arena, labels, (size_t)capacity);
    if (reading->n > 0) {
        memcpy(files, state->files, (size_t)reading->n * sizeof *files);
        memcpy(labels, reading->labels, (size_t)reading->n * sizeof *labels);
    }
    state->files = files;
    reading->labels = labels;
    state->capacity = capacity;
    return OK;
}

static enum status add_class(struct reading *reading, const char *name, int label)
{
    struct state *state = reading->state;
    char folder[READER_PATH_BYTES];
    const char **names;
    int n;
    TRY(file_join(folder, sizeof folder, state->folder, name));
    TRY(list_folder(folder, is_image, &reading->arena, &names, &n));
    if (n == 0) {
        FAIL(ERR_INPUT, "%s: expected .jpg, .jpeg or .png files, found none", folder);
    }
    if (n > INT_MAX - reading->n) {
        FAIL(ERR_INPUT, "%s: more than %d images", state->folder, INT_MAX);
    }
    TRY(grow(reading, reading->n + n));
    for (int i = 0; i < n; i++) {
        char *file = arena_format(&reading->arena, "%s/%s", name, names[i]);
        if (file == NULL) {
            return ERR_MEMORY;
        }
        state->files[reading->n] = file;
        reading->labels[reading->n] = label;
        reading->n++;
    }
    return OK;
}

// The label of a class folder: its place among those of the training part.
static enum status find_class(const struct state *state, const char *name, int *label)
{
    for (int i = 0; i < state->n_classes; i++) {
        if (strcmp(state->class_names[i], name) == 0) {
            *label = i;
            return OK;
        }
    }
    FAIL(ERR_INPUT, "%s/%s: the training part has no class of this name", state->folder, name);
}

static enum status open_part(const struct dataset_source *source,
                             const struct dataset_options *options, enum dataset_part part,
                             struct reading *out)
{
    struct state *state;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    state->size = options->size;
    out->h = out->w = state->size;
    out->c = 3;
    char train[READER_PATH_BYTES];
    TRY(file_join(train, sizeof train, source->path, "train"));
    TRY(file_join(state->folder, sizeof state->folder, source->path,
                  part == DATASET_TRAIN ? "train" : "test"));
    TRY(list_classes(train, &out->arena, &state->class_names, &state->n_classes));
    out->classes = state->n_classes;
    const char **here;
    int n_here;
    TRY(list_classes(state->folder, &out->arena, &here, &n_here));
    for (int i = 0; i < n_here; i++) {
        int label = 0;
        TRY(find_class(state, here[i], &label));
        TRY(add_class(out, here[i], label));
    }
    TRY(reader_check_shape(state->folder, out->n, out->h, out->w, out->c));
    if (options->group_pattern == NULL || options->group_pattern[0] == '\0') {
        return OK;
    }
    return groups_of_names(options->group_pattern, state->folder, state->files, out->n, &out->arena,
                           &out->groups, &out->n_groups);
}

static enum status read_rows(const struct reading *reading, const int32_t *rows, int n_rows,
                             void *out)
{
    uint8_t *images = out;
    const struct state *state = reading->state;
    const size_t row_bytes = (size_t)reading->h * (size_t)reading->w * 3;
    const struct image_request request = {
        .h = reading->h, .w = reading->w, .ground = {255, 255, 255}};
    struct arena scratch = {.newest = NULL};
    enum status status = OK;
    for (int i = 0; i < n_rows && status == OK; i++) {
        char path[READER_PATH_BYTES];
        struct image image;
        arena_reset(&scratch);
        TRY_GOTO(status, file_join(path, sizeof path, state->folder, state->files[rows[i]]), done);
        TRY_GOTO(status, image_decode_file(path, &request, &scratch, &image), done);
        TRY_GOTO(
            status,
            image_fit(&image, reading->h, reading->w, &scratch, images + (size_t)i * row_bytes),
            done);
    }
done:
    arena_close(&scratch);
    return status;
}

const struct dataset_reader reader_folder = {
    .name = "folder",
    .files = "train/CLASS/*.jpg|png and test/CLASS/*.jpg|png",
    .claims = claims,
    .open = open_part,
    .read = read_rows,
};
