// Folders of picture files: PATH/train/CLASS/*.jpg and PATH/test/CLASS/*.jpg, at any depth below
// CLASS. The classes are the folders of the training part in byte order of their names. Opening
// lists the files and looks at each one's header and end, so that all that are damaged are told
// together; the pictures are decoded when they are asked for.
#include "core/file.h"
#include "core/machine.h"
#include "core/text.h"
#include "data/folder_check.h"
#include "data/folder_part.h"
#include "data/image_decode.h"
#include "data/image_resize.h"
#include "data/reader.h"

#include <stdatomic.h>
#include <string.h>

struct state {
    struct folder_part part;
    struct image_request request;
    // [n] of FILE_UNTIDY where that was seen; atomic for the threads that decode. arena
    _Atomic uint8_t *untidy;
};

static bool claims(const char *path)
{
    char folder[READER_PATH_BYTES];
    return file_join(folder, sizeof folder, path, "train") == OK && file_is_folder(folder);
}

static enum status tell_bad(const struct state *state, bool skip, int bad, const uint8_t *verdicts)
{
    const struct folder_part *part = &state->part;
    struct text reasons = {.bytes = NULL};
    folder_add_reasons(&part->list, part->folder, skip, verdicts, &reasons);
    enum status status = OK;
    if (skip) {
        folder_say_once(true, "%s: left out %d of %d files: %s", part->folder, bad, part->list.n,
                        reasons.bytes);
    } else {
        status = status_fail(ERR_INPUT, __FILE__, __LINE__,
                             "%s: %d of %d files are no images that can be read (data.skip_bad "
                             "leaves them out): %s",
                             part->folder, bad, part->list.n, reasons.bytes);
    }
    text_close(&reasons);
    return status;
}

// A class must not lose all its images.
static enum status check_classes(const struct state *state, enum dataset_part part,
                                 const int32_t *labels, struct arena *arena)
{
    int *left;
    ARENA_NEW(arena, left, (size_t)state->part.classes.n);
    for (int i = 0; i < state->part.list.n; i++) {
        if (labels[i] >= 0) {
            left[labels[i]]++;
        }
    }
    for (int k = 0; k < state->part.classes.n && part == DATASET_TRAIN; k++) {
        if (left[k] == 0) {
            FAIL(ERR_INPUT, "%s/%s: none of its files is an image that can be read",
                 state->part.folder, state->part.classes.names[k]);
        }
    }
    return OK;
}

// Looks at the files; bad ones are an error, or rows of no class.
static enum status check_files(const struct dataset_options *options, enum dataset_part part,
                               struct reading *reading)
{
    struct state *state = reading->state;
    const struct folder_list *list = &state->part.list;
    uint8_t *verdicts;
    int bad = 0;
    ARENA_NEW(&reading->arena, verdicts, (size_t)list->n);
    ARENA_NEW(&reading->arena, state->untidy, (size_t)list->n);
    TRY(folder_check(list, state->part.folder, options->skip_bad,
                     options->threads > 0 ? options->threads : machine_cores(), verdicts));
    for (int i = 0; i < list->n; i++) {
        if (verdicts[i] == FILE_BAD) {
            reading->labels[i] = -1;
            bad++;
        }
        atomic_init(&state->untidy[i], verdicts[i] == FILE_UNTIDY);
    }
    if (bad == 0) {
        return OK;
    }
    TRY(tell_bad(state, options->skip_bad, bad, verdicts));
    return check_classes(state, part, reading->labels, &reading->arena);
}

static void tell_others(const struct folder_part *part)
{
    char sample[256];
    if (part->list.others.n > 0) {
        folder_say_once(false, "%s: passed over what is no image: %s", part->folder,
                        folder_sample(&part->list.others, sample, sizeof sample));
    }
}

static enum status open_part(const struct dataset_source *source,
                             const struct dataset_options *options, enum dataset_part part,
                             struct reading *out)
{
    struct state *state;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    out->h = options->height > 0 ? options->height : options->size;
    out->w = options->width > 0 ? options->width : options->size;
    out->c = 3;
    state->request = (struct image_request){.h = out->h, .w = out->w};
    TRY(image_parse_ground(options->background, state->request.ground));
    TRY(folder_find_part(source->path, part, &out->arena, &state->part));
    out->n = state->part.list.n;
    out->labels = state->part.list.labels;
    out->classes = state->part.classes.n;
    TRY(reader_check_shape(state->part.folder, out->n, out->h, out->w, out->c));
    tell_others(&state->part);
    TRY(check_files(options, part, out));
    if (options->group_pattern == NULL || options->group_pattern[0] == '\0') {
        return OK;
    }
    return groups_of_names(options->group_pattern, state->part.folder, state->part.list.names,
                           out->n, &out->arena, &out->groups, &out->n_groups);
}

static enum status read_row(const struct reading *reading, int32_t row, struct arena *scratch,
                            uint8_t *out)
{
    const struct state *state = reading->state;
    char path[READER_PATH_BYTES];
    struct image image;
    TRY(file_join(path, sizeof path, state->part.folder, state->part.list.names[row]));
    TRY(image_decode_file(path, &state->request, scratch, &image));
    if (image.untidy) {
        atomic_store_explicit(&state->untidy[row], true, memory_order_relaxed);
    }
    return image_fit(&image, reading->h, reading->w, scratch, out);
}

static enum status read_rows(const struct reading *reading, const int32_t *rows, int n_rows,
                             void *out)
{
    const size_t row_bytes = (size_t)reading->h * (size_t)reading->w * 3;
    struct arena scratch = {.newest = NULL};
    enum status status = OK;
    for (int i = 0; i < n_rows && status == OK; i++) {
        arena_reset(&scratch);
        status = read_row(reading, rows[i], &scratch, (uint8_t *)out + (size_t)i * row_bytes);
    }
    arena_close(&scratch);
    return status;
}

static void close_part(struct reading *reading)
{
    const struct state *state = reading->state;
    int n = 0;
    for (int i = 0; state != NULL && state->untidy != NULL && i < reading->n; i++) {
        n += atomic_load(&state->untidy[i]);
    }
    if (n > 0) {
        folder_say_once(
            true,
            "%s: junk before the end mark, or no end mark, in %d of %d files; their pixels "
            "are all there and were taken",
            state->part.folder, n, reading->n);
    }
}

const struct dataset_reader reader_folder = {
    .name = "folder",
    .files = "train/CLASS/*.jpg and test/CLASS/*.jpg (or val, valid; .png, .ppm, .pgm, .bmp)",
    .claims = claims,
    .open = open_part,
    .read = read_rows,
    .close = close_part,
};
