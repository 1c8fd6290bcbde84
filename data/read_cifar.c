// CIFAR-10 and CIFAR-100 in their binary form: per row the label bytes, then 32 x 32 pixels as
// three planes, red, green, blue (Krizhevsky 2009).
#include "core/file.h"
#include "data/reader.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
    SIDE = 32,
    PLANE = SIDE * SIDE,
    PIXELS = 3 * PLANE,
    MOST_FILES = 5,
    FINE = 100,
    COARSE = 20,
};

struct layout {
    int label_bytes; // 1: the class; 2: coarse class, fine class
    int classes;
    const char *files[2][MOST_FILES + 1]; // by part, NULL-ended
};

static const struct layout layout_cifar10 = {
    .label_bytes = 1,
    .classes = 10,
    .files = {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
               "data_batch_5.bin", NULL},
              {"test_batch.bin", NULL}},
};
static const struct layout layout_cifar100 = {
    .label_bytes = 2,
    .classes = FINE,
    .files = {{"train.bin", NULL}, {"test.bin", NULL}},
};

struct part_file {
    char path[READER_PATH_BYTES];
    void *bytes; // mapped, owned
    size_t n_bytes;
    int n; // rows
};
struct state {
    const struct layout *layout;
    int n_files;
    struct part_file files[MOST_FILES];
};

static size_t row_bytes(const struct layout *layout)
{
    return (size_t)layout->label_bytes + PIXELS;
}

static const uint8_t *row_at(const struct layout *layout, const struct part_file *file, int row)
{
    return (const uint8_t *)file->bytes + (size_t)row * row_bytes(layout);
}

static bool has_any(const struct layout *layout, const char *path)
{
    char file[READER_PATH_BYTES];
    for (int part = 0; part < 2; part++) {
        for (int i = 0; layout->files[part][i] != NULL; i++) {
            if (file_join(file, sizeof file, path, layout->files[part][i]) == OK &&
                file_exists(file)) {
                return true;
            }
        }
    }
    return false;
}

static enum status map_file(const struct layout *layout, const char *folder, const char *name,
                            struct part_file *out)
{
    TRY(file_join(out->path, sizeof out->path, folder, name));
    TRY(file_map(out->path, &out->bytes, &out->n_bytes));
    const size_t row = row_bytes(layout);
    if (out->n_bytes % row != 0 || out->n_bytes / row > INT32_MAX) {
        FAIL(ERR_INPUT, "%s: expected a multiple of %zu bytes (one row), got %zu bytes", out->path,
             row, out->n_bytes);
    }
    out->n = (int)(out->n_bytes / row);
    return OK;
}

static void unmap_file(struct part_file *file)
{
    if (file->bytes != NULL) {
        file_unmap(file->bytes, file->n_bytes);
        file->bytes = NULL;
    }
}

static enum status check_byte(const char *path, int row, const char *what, int label, int classes)
{
    if (label >= classes) {
        FAIL(ERR_INPUT, "%s: the %s of row %d is %d, expected 0 to %d", path, what, row, label,
             classes - 1);
    }
    return OK;
}

// The fine classes of one coarse class, in ascending order, as place[fine] = 0, 1 ...; others -1.
// They are read off the rows of `file`.
static enum status find_superclass(const struct layout *layout, const struct part_file *file,
                                   int superclass, int32_t place[FINE], int *classes)
{
    bool member[FINE] = {false};
    for (int i = 0; i < file->n; i++) {
        const uint8_t *row = row_at(layout, file, i);
        TRY(check_byte(file->path, i, "fine label", row[1], FINE));
        if (row[0] == superclass) {
            member[row[1]] = true;
        }
    }
    *classes = 0;
    for (int fine = 0; fine < FINE; fine++) {
        place[fine] = member[fine] ? (*classes)++ : -1;
    }
    if (*classes == 0) {
        FAIL(ERR_INPUT, "%s: no row has the coarse class %d", file->path, superclass);
    }
    return OK;
}

// Keeps the rows of one coarse class, relabelled by fine class. The training file says which fine
// classes those are, so that both parts agree; without one the part's own file does.
static enum status superclass_labels(const char *folder, const struct state *state, int superclass,
                                     struct reading *reading)
{
    const struct layout *layout = state->layout;
    const struct part_file *file = &state->files[0];
    int32_t place[FINE];
    struct part_file train = {.bytes = NULL};
    TRY(file_join(train.path, sizeof train.path, folder, layout->files[DATASET_TRAIN][0]));
    if (strcmp(train.path, file->path) != 0 && file_exists(train.path)) {
        enum status status = map_file(layout, folder, layout->files[DATASET_TRAIN][0], &train);
        if (status == OK) {
            status = find_superclass(layout, &train, superclass, place, &reading->classes);
        }
        unmap_file(&train);
        TRY(status);
    } else {
        TRY(find_superclass(layout, file, superclass, place, &reading->classes));
    }
    for (int i = 0; i < reading->n; i++) {
        const uint8_t *row = row_at(layout, file, i);
        reading->labels[i] = row[0] == superclass ? place[row[1]] : -1;
        if (row[0] == superclass && place[row[1]] < 0) {
            FAIL(ERR_INPUT,
                 "%s: row %d has fine class %d in coarse class %d, which no row of %s has",
                 file->path, i, row[1], superclass, train.path);
        }
    }
    return OK;
}

static enum status read_labels(const struct state *state, bool coarse, struct reading *reading)
{
    const struct layout *layout = state->layout;
    int32_t *label = reading->labels;
    for (int f = 0; f < state->n_files; f++) {
        const struct part_file *file = &state->files[f];
        for (int i = 0; i < file->n; i++) {
            const uint8_t *row = row_at(layout, file, i);
            if (layout->label_bytes == 1) {
                TRY(check_byte(file->path, i, "label", row[0], layout->classes));
                *label++ = row[0];
            } else {
                TRY(check_byte(file->path, i, "coarse label", row[0], COARSE));
                TRY(check_byte(file->path, i, "fine label", row[1], FINE));
                *label++ = coarse ? row[0] : row[1];
            }
        }
    }
    reading->classes = coarse ? COARSE : layout->classes;
    return OK;
}

static enum status open_layout(const struct layout *layout, const struct dataset_source *source,
                               const struct dataset_options *options, enum dataset_part part,
                               struct reading *out)
{
    struct state *state;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    state->layout = layout;
    int64_t n = 0;
    for (; layout->files[part][state->n_files] != NULL; state->n_files++) {
        struct part_file *file = &state->files[state->n_files];
        TRY(map_file(layout, source->path, layout->files[part][state->n_files], file));
        n += file->n;
    }
    TRY(reader_check_shape(source->path, n, SIDE, SIDE, 3));
    out->n = (int)n;
    out->h = out->w = SIDE;
    out->c = 3;
    ARENA_NEW(&out->arena, out->labels, out->n);
    const bool fine_and_coarse = layout->label_bytes == 2;
    const bool coarse = fine_and_coarse && options->labels == LABELS_COARSE;
    TRY(read_labels(state, coarse, out));
    if (fine_and_coarse && options->superclass >= 0) {
        TRY(superclass_labels(source->path, state, options->superclass, out));
    }
    return OK;
}

static void planar_to_nhwc(const uint8_t *planes, uint8_t *pixels)
{
    const uint8_t *red = planes, *green = red + PLANE, *blue = green + PLANE;
    for (size_t i = 0; i < PLANE; i++) {
        pixels[3 * i] = red[i];
        pixels[3 * i + 1] = green[i];
        pixels[3 * i + 2] = blue[i];
    }
}

static enum status read_rows(const struct reading *reading, const int32_t *rows, int n_rows,
                             void *out)
{
    uint8_t *images = out;
    const struct state *state = reading->state;
    for (int i = 0; i < n_rows; i++) {
        const struct part_file *file = state->files;
        int place = rows[i]; // in the file
        for (; place >= file->n; file++) {
            place -= file->n;
        }
        const uint8_t *row = row_at(state->layout, file, place);
        planar_to_nhwc(row + state->layout->label_bytes, images + (size_t)i * PIXELS);
    }
    return OK;
}

static void close_files(struct reading *reading)
{
    struct state *state = reading->state;
    for (int i = 0; state != NULL && i < MOST_FILES; i++) {
        unmap_file(&state->files[i]);
    }
}

static bool claims_cifar10(const char *path)
{
    return has_any(&layout_cifar10, path);
}

static bool claims_cifar100(const char *path)
{
    return has_any(&layout_cifar100, path);
}

static enum status open_cifar10(const struct dataset_source *source,
                                const struct dataset_options *options, enum dataset_part part,
                                struct reading *out)
{
    return open_layout(&layout_cifar10, source, options, part, out);
}

static enum status open_cifar100(const struct dataset_source *source,
                                 const struct dataset_options *options, enum dataset_part part,
                                 struct reading *out)
{
    return open_layout(&layout_cifar100, source, options, part, out);
}

const struct dataset_reader reader_cifar10 = {
    .name = "cifar10",
    .files = "data_batch_1.bin to data_batch_5.bin and test_batch.bin",
    .claims = claims_cifar10,
    .open = open_cifar10,
    .read = read_rows,
    .close = close_files,
};

const struct dataset_reader reader_cifar100 = {
    .name = "cifar100",
    .files = "train.bin and test.bin",
    .claims = claims_cifar100,
    .open = open_cifar100,
    .read = read_rows,
    .close = close_files,
};
