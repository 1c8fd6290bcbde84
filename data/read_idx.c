// Reader of IDX, the format of the MNIST family: bytes [n][h][w] and labels [n].
#include "data/idx_file.h"

struct state {
    struct idx_file images;
    size_t most_bytes; // of a compressed file that is unpacked to memory
};

static bool claims(const char *path)
{
    return idx_is_there(path);
}

// labels [n] in `arena`; n < 0: as many as there are. *classes as in reader_take_labels.
static enum status read_labels(struct idx_file *idx, int64_t n, int first_label,
                               struct arena *arena, int32_t **labels, int *classes)
{
    TRY(idx_open(idx, 1));
    const int64_t count = idx->dims[0];
    if (n >= 0 && count != n) {
        FAIL(ERR_INPUT, "%s: expected %lld labels, one per image, got %lld", idx->path,
             (long long)n, (long long)count);
    }
    TRY(reader_check_shape(idx->path, count, 1, 1, 1));
    uint8_t *bytes;
    int64_t *values;
    ARENA_NEW(arena, bytes, (size_t)count);
    ARENA_NEW(arena, values, (size_t)count);
    TRY(idx_read(idx, bytes, count));
    TRY(idx_check_end(idx));
    for (int64_t i = 0; i < count; i++) {
        values[i] = bytes[i];
    }
    return reader_take_labels(idx->path, values, (int)count, first_label, arena, labels, classes);
}

static enum status labels_of_part(const struct dataset_source *source, enum dataset_part part,
                                  int64_t n, int first_label, struct arena *arena, int32_t **labels,
                                  int *classes)
{
    struct idx_file idx = {.file = NULL};
    TRY(idx_find(source->path, source->name, part, "labels", idx.path));
    const enum status status = read_labels(&idx, n, first_label, arena, labels, classes);
    idx_close(&idx);
    return status;
}

static enum status open_part(const struct dataset_source *source,
                             const struct dataset_options *options, enum dataset_part part,
                             struct reading *out)
{
    struct state *state;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    state->most_bytes = reader_most_bytes(options);
    struct idx_file *images = &state->images;
    TRY(idx_find(source->path, source->name, part, "images", images->path));
    TRY(idx_open(images, 3));
    TRY(reader_check_shape(images->path, images->dims[0], images->dims[1], images->dims[2], 1));
    out->n = (int)images->dims[0];
    out->h = (int)images->dims[1];
    out->w = (int)images->dims[2];
    out->c = 1;
    out->classes = source->classes;
    char train[READER_PATH_BYTES];
    int32_t *unused;
    if (part == DATASET_TEST && out->classes == 0 &&
        idx_find(source->path, source->name, DATASET_TRAIN, "labels", train) == OK) {
        TRY(labels_of_part(source, DATASET_TRAIN, -1, options->first_label, &out->arena, &unused,
                           &out->classes));
    }
    return labels_of_part(source, part, out->n, options->first_label, &out->arena, &out->labels,
                          &out->classes);
}

static enum status read_rows(const struct reading *reading, const int32_t *rows, int n_rows,
                             void *images)
{
    struct state *state = reading->state;
    const int64_t row_bytes = (int64_t)reading->h * reading->w;
    uint8_t *to = images;
    for (int i = 0; i < n_rows;) {
        const int run = reader_run(rows + i, n_rows - i);
        TRY(idx_read_at(&state->images, to + i * row_bytes, run * row_bytes, rows[i] * row_bytes,
                        state->most_bytes));
        i += run;
    }
    return OK;
}

static void close_images(struct reading *reading)
{
    struct state *state = reading->state;
    if (state != NULL) {
        idx_close(&state->images);
    }
}

const struct dataset_reader reader_idx = {
    .name = "idx",
    .files = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
             "t10k-labels-idx1-ubyte, each plain or .gz",
    .claims = claims,
    .open = open_part,
    .read = read_rows,
    .close = close_images,
};
