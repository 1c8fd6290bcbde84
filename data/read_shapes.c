// The data set that dikdik draws itself: works without any file, and any size of it.
#include "data/draw_shape.h"
#include "data/reader.h"

#include <limits.h>

struct state {
    uint64_t seed;
    enum dataset_part part;
};

static enum status open_part(const struct dataset_source *source,
                             const struct dataset_options *options, enum dataset_part part,
                             struct reading *out)
{
    struct state *state;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    state->seed = options->seed;
    state->part = part;
    const int64_t n = part == DATASET_TRAIN ? options->count : options->count / 5;
    TRY(reader_check_shape(source->name, n, options->size, options->size, 3));
    out->n = (int)n;
    out->h = out->w = options->size;
    out->c = 3;
    out->classes = SHAPE_CLASSES;
    ARENA_NEW(&out->arena, out->labels, (size_t)n);
    for (int i = 0; i < out->n; i++) {
        out->labels[i] = i % SHAPE_CLASSES;
    }
    return OK;
}

static enum status read_rows(const struct reading *reading, const int32_t *rows, int n_rows,
                             void *out)
{
    uint8_t *images = out;
    const struct state *state = reading->state;
    const size_t row_bytes = (size_t)reading->h * (size_t)reading->w * 3;
    for (int i = 0; i < n_rows; i++) {
        shape_draw(rows[i] % SHAPE_CLASSES, state->seed, (int)state->part, rows[i], reading->w,
                   images + (size_t)i * row_bytes);
    }
    return OK;
}

const struct dataset_reader reader_shapes = {
    .name = "shapes",
    .files = "nothing",
    .open = open_part,
    .read = read_rows,
};
