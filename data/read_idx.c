// IDX, the format of the MNIST family, with or without gzip: two zero bytes, a type code, the
// number of dimensions, the dimensions (big-endian, 4 bytes each), the values.
#include "core/file.h"
#include "data/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum {
    TYPE_U8 = 0x08,
    MOST_DIMS = 3,
    GZIP_BUFFER = 1 << 17,
    READ_BYTES = 1 << 30, // gzread counts in int
    DEFLATE_RATIO = 1032, // deflate never expands by more than this
};

struct idx_file {
    gzFile file; // owned; also reads what is not compressed
    char path[READER_PATH_BYTES];
    int64_t dims[MOST_DIMS];
};
struct state {
    struct idx_file images;
};

// The file of one part, such as "train" and "images-idx3": also with the prefix of log-mel sets,
// with a dot in place of the last dash but one, and with .gz. False if there is none.
static bool find_file(const char *folder, enum dataset_part part, const char *kind, int dims,
                      char *out, size_t out_bytes)
{
    static const char *const prefixes[] = {"", "logmel-"};
    static const char *const parts[] = {"train", "t10k"};
    static const char *const endings[] = {"", ".gz"};
    for (int i = 0; i < 8; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s-%s%cidx%d-ubyte%s", prefixes[i / 4], parts[part], kind,
                 i / 2 % 2 == 0 ? '-' : '.', dims, endings[i % 2]);
        if (file_join(out, out_bytes, folder, name) == OK && file_exists(out)) {
            return true;
        }
    }
    return false;
}

static bool claims(const char *path)
{
    char file[READER_PATH_BYTES];
    return find_file(path, DATASET_TRAIN, "images", 3, file, sizeof file) ||
           find_file(path, DATASET_TEST, "images", 3, file, sizeof file);
}

// Reads exactly n bytes.
static enum status read_bytes(struct idx_file *idx, void *to, int64_t n)
{
    uint8_t *at = to;
    for (int64_t done = 0; done < n;) {
        const int64_t left = n - done;
        const int got =
            gzread(idx->file, at + done, (unsigned)(left < READ_BYTES ? left : READ_BYTES));
        if (got <= 0) {
            int code = Z_OK;
            const char *reason = gzerror(idx->file, &code);
            FAIL(ERR_INPUT,
                 "%s: the file ends or is damaged: expected %" PRId64 " more bytes, got none (%s)",
                 idx->path, left, code == Z_OK ? "end of file" : reason);
        }
        done += got;
    }
    return OK;
}

// After the last value: nothing may follow, and the checksum of a compressed file must be right.
static enum status check_end(struct idx_file *idx)
{
    uint8_t extra;
    const int got = gzread(idx->file, &extra, 1);
    int code = Z_OK;
    const char *reason = gzerror(idx->file, &code);
    if (got < 0 || code != Z_OK) {
        FAIL(ERR_INPUT, "%s: the file is damaged at its end: %s", idx->path, reason);
    }
    if (got > 0) {
        FAIL(ERR_INPUT, "%s: expected the end of the file after the last value, got more bytes",
             idx->path);
    }
    return OK;
}

// Compares the size that the header implies with that of the file, before memory is asked for.
static enum status check_size(struct idx_file *idx, int64_t header_bytes, int64_t file_bytes,
                              int64_t values)
{
    if (gzdirect(idx->file) && values != file_bytes - header_bytes) {
        FAIL(ERR_INPUT, "%s: expected %" PRId64 " bytes, as its header says, the file has %" PRId64,
             idx->path, header_bytes + values, file_bytes);
    }
    if (!gzdirect(idx->file) && values / DEFLATE_RATIO > file_bytes) {
        FAIL(ERR_INPUT,
             "%s: its header promises %" PRId64 " bytes, more than %" PRId64
             " compressed bytes can hold",
             idx->path, values, file_bytes);
    }
    return OK;
}

// Opens `idx->path` and reads its header; n_dims: how many dimensions it must have.
static enum status open_file(struct idx_file *idx, int n_dims)
{
    struct stat info;
    if (stat(idx->path, &info) != 0 || !S_ISREG(info.st_mode)) {
        FAIL(ERR_INPUT, "%s: expected a file that can be read", idx->path);
    }
    idx->file = gzopen(idx->path, "rbe");
    if (idx->file == NULL) {
        FAIL(errno == ENOMEM ? ERR_MEMORY : ERR_INPUT, "%s: cannot be opened: %s", idx->path,
             strerror(errno));
    }
    gzbuffer(idx->file, GZIP_BUFFER);
    uint8_t header[4 + 4 * MOST_DIMS];
    TRY(read_bytes(idx, header, 4));
    if (header[0] != 0 || header[1] != 0 || header[2] != TYPE_U8 || header[3] != n_dims) {
        FAIL(ERR_INPUT,
             "%s: expected an IDX file of bytes with %d dimensions (0000080%d), got "
             "%02x%02x%02x%02x",
             idx->path, n_dims, n_dims, header[0], header[1], header[2], header[3]);
    }
    TRY(read_bytes(idx, header + 4, 4 * (int64_t)n_dims));
    int64_t values = 1;
    const uint8_t *at = header + 4;
    for (int i = 0; i < n_dims; i++, at += 4) {
        const uint32_t dim =
            (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
        idx->dims[i] = dim;
        if (__builtin_mul_overflow(values, (int64_t)dim, &values)) {
            FAIL(ERR_INPUT, "%s: its dimensions multiply to more than 2^63", idx->path);
        }
    }
    return check_size(idx, 4 + 4 * n_dims, info.st_size, values);
}

static void close_file(struct idx_file *idx)
{
    if (idx->file != NULL) {
        gzclose_r(idx->file);
        idx->file = NULL;
    }
}

// labels [n] in `arena`; n < 0: as many as there are. *classes as in reader_check_labels.
static enum status read_labels(struct idx_file *idx, int64_t n, struct arena *arena,
                               int32_t **labels, int *classes)
{
    TRY(open_file(idx, 1));
    const int64_t count = idx->dims[0];
    if (n >= 0 && count != n) {
        FAIL(ERR_INPUT, "%s: expected %" PRId64 " labels, one per image, got %" PRId64, idx->path,
             n, count);
    }
    TRY(reader_check_shape(idx->path, count, 1, 1, 1));
    uint8_t *bytes;
    ARENA_NEW(arena, bytes, (size_t)count);
    ARENA_NEW(arena, *labels, (size_t)count);
    TRY(read_bytes(idx, bytes, count));
    TRY(check_end(idx));
    for (int64_t i = 0; i < count; i++) {
        (*labels)[i] = bytes[i];
    }
    return reader_check_labels(idx->path, *labels, (int)count, classes);
}

static enum status labels_of_part(const char *folder, enum dataset_part part, int64_t n,
                                  struct arena *arena, int32_t **labels, int *classes)
{
    struct idx_file idx = {.file = NULL};
    if (!find_file(folder, part, "labels", 1, idx.path, sizeof idx.path)) {
        FAIL(ERR_INPUT, "%s: expected a file %s-labels-idx1-ubyte[.gz], found none", folder,
             part == DATASET_TRAIN ? "train" : "t10k");
    }
    const enum status status = read_labels(&idx, n, arena, labels, classes);
    close_file(&idx);
    return status;
}

static enum status open_part(const struct dataset_source *source,
                             const struct dataset_options *options, enum dataset_part part,
                             struct reading *out)
{
    (void)options;
    struct state *state;
    ARENA_NEW(&out->arena, state, 1);
    out->state = state;
    struct idx_file *images = &state->images;
    if (!find_file(source->path, part, "images", 3, images->path, sizeof images->path)) {
        FAIL(ERR_INPUT, "%s: expected a file %s-images-idx3-ubyte[.gz], found none", source->path,
             part == DATASET_TRAIN ? "train" : "t10k");
    }
    TRY(open_file(images, 3));
    TRY(reader_check_shape(images->path, images->dims[0], images->dims[1], images->dims[2], 1));
    out->n = (int)images->dims[0];
    out->h = (int)images->dims[1];
    out->w = (int)images->dims[2];
    out->c = 1;
    out->classes = source->classes;
    char train[READER_PATH_BYTES];
    if (part == DATASET_TEST && out->classes == 0 &&
        find_file(source->path, DATASET_TRAIN, "labels", 1, train, sizeof train)) {
        int32_t *unused;
        TRY(labels_of_part(source->path, DATASET_TRAIN, -1, &out->arena, &unused, &out->classes));
    }
    return labels_of_part(source->path, part, out->n, &out->arena, &out->labels, &out->classes);
}

static enum status read_rows(struct reading *reading, const int32_t *rows, int n_rows,
                             uint8_t *images)
{
    struct state *state = reading->state;
    const int64_t row_bytes = (int64_t)reading->h * reading->w;
    uint8_t *skipped;
    ARENA_NEW(&reading->arena, skipped, (size_t)row_bytes);
    int next = 0;
    for (int row = 0; row < reading->n; row++) {
        const bool wanted = next < n_rows && rows[next] == row;
        uint8_t *to = wanted ? images + next * row_bytes : skipped;
        TRY(read_bytes(&state->images, to, row_bytes));
        next += wanted;
    }
    return check_end(&state->images);
}

static void close_images(struct reading *reading)
{
    struct state *state = reading->state;
    if (state != NULL) {
        close_file(&state->images);
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
