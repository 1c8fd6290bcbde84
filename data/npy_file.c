// NumPy's .npy: "\x93NUMPY", two bytes of version, the header's length, a Python dictionary such as
// {'descr': '<i2', 'fortran_order': False, 'shape': (100, 9, 128), }, the values.
#include "data/npy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC_BYTES = 6, MOST_HEADER = 1 << 16 };

static enum status read_header(struct npy_file *file, int64_t file_bytes, char *header)
{
    static const char magic[] = "\x93NUMPY";
    uint8_t head[12];
    if (file_bytes < (int64_t)sizeof head) {
        FAIL(ERR_INPUT, "%s: %" PRId64 " bytes are too few for a .npy file", file->path,
             file_bytes);
    }
    TRY(reader_read_at(file->path, file->fd, head, sizeof head, 0));
    if (memcmp(head, magic, MAGIC_BYTES) != 0) {
        FAIL(ERR_INPUT, "%s: expected a .npy file, which begins with \\x93NUMPY", file->path);
    }
    if (head[6] < 1 || head[6] > 3) {
        FAIL(ERR_INPUT, "%s: is of version %d.%d, expected 1.0 to 3.0", file->path, head[6],
             head[7]);
    }
    const int64_t start = head[6] == 1 ? 10 : 12;
    const int64_t length = head[6] == 1 ? head[8] | head[9] << 8
                                        : (int64_t)head[8] | (int64_t)head[9] << 8 |
                                              (int64_t)head[10] << 16 | (int64_t)head[11] << 24;
    if (length >= MOST_HEADER || start + length > file_bytes) {
        FAIL(ERR_INPUT, "%s: its header claims %" PRId64 " bytes, the file has %" PRId64,
             file->path, length, file_bytes);
    }
    TRY(reader_read_at(file->path, file->fd, header, (size_t)length, start));
    header[length] = '\0';
    file->offset = start + length;
    return OK;
}

// What follows 'key': in the dictionary; NULL if it is not there.
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *at = strstr(header, quoted);
    if (at == NULL) {
        return NULL;
    }
    at += strlen(quoted);
    at += strspn(at, " ");
    if (*at != ':') {
        return NULL;
    }
    at++;
    return at + strspn(at, " ");
}

static enum status parse_type(struct npy_file *file, const char *descr)
{
    static const struct {
        const char *name;
        enum element element;
    } types[] = {{"u1", ELEMENT_U8},  {"b1", ELEMENT_U8},  {"i1", ELEMENT_I8},
                 {"u2", ELEMENT_U16}, {"i2", ELEMENT_I16}, {"u4", ELEMENT_U32},
                 {"i4", ELEMENT_I32}, {"u8", ELEMENT_U64}, {"i8", ELEMENT_I64},
                 {"f2", ELEMENT_F16}, {"f4", ELEMENT_F32}, {"f8", ELEMENT_F64}};
    const bool quoted = descr != NULL && descr[0] == '\'' && strlen(descr) >= 5;
    for (size_t i = 0; quoted && i < sizeof types / sizeof types[0]; i++) {
        if (strchr("<>|=", descr[1]) != NULL && strncmp(descr + 2, types[i].name, 2) == 0 &&
            descr[4] == '\'') {
            file->element = types[i].element;
            file->swap = descr[1] == '>';
            return OK;
        }
    }
    const int length = quoted ? (int)strcspn(descr + 1, "',") : 0;
    FAIL(ERR_INPUT,
         "%s: its elements are of the type '%.*s', expected integers or floating-point numbers (u1 "
         "to i8, f2 to f8)",
         file->path, length < 40 ? length : 40, quoted ? descr + 1 : "");
}

static enum status parse_shape(struct npy_file *file, const char *shape)
{
    const char *at = shape != NULL && *shape == '(' ? shape + 1 : NULL;
    while (at != NULL && *at != ')') {
        char *end;
        errno = 0;
        const long long size = strtoll(at, &end, 10);
        if (end == at || errno != 0 || size < 0 || file->n_dims == NPY_MOST_DIMS) {
            at = NULL;
            break;
        }
        file->dims[file->n_dims++] = size;
        at = end + strspn(end, " ");
        if (*at != ')') {
            at = *at == ',' ? at + 1 + strspn(at + 1, " ") : NULL;
        }
    }
    if (at == NULL || file->n_dims == 0) {
        FAIL(ERR_INPUT, "%s: its header has no shape of 1 to %d dimensions", file->path,
             NPY_MOST_DIMS);
    }
    return OK;
}

static enum status check_size(const struct npy_file *file, int64_t file_bytes)
{
    int64_t bytes = (int64_t)element_bytes(file->element);
    for (int i = 0; i < file->n_dims; i++) {
        if (__builtin_mul_overflow(bytes, file->dims[i], &bytes)) {
            FAIL(ERR_INPUT, "%s: its dimensions multiply to more than 2^63 bytes", file->path);
        }
    }
    if (bytes != file_bytes - file->offset) {
        FAIL(ERR_INPUT,
             "%s: expected %" PRId64 " bytes of values, as its header says, the file has %" PRId64,
             file->path, bytes, file_bytes - file->offset);
    }
    return OK;
}

static enum status parse_header(struct npy_file *file, const char *header, int64_t file_bytes)
{
    const char *order = value_of(header, "fortran_order");
    TRY(parse_type(file, value_of(header, "descr")));
    TRY(parse_shape(file, value_of(header, "shape")));
    if (order == NULL || (strncmp(order, "False", 5) != 0 && strncmp(order, "True", 4) != 0)) {
        FAIL(ERR_INPUT, "%s: its header does not say fortran_order", file->path);
    }
    if (order[0] == 'T' && file->n_dims > 1) {
        FAIL(ERR_INPUT,
             "%s: its array is in Fortran's order; write it in C order, "
             "np.save(path, np.ascontiguousarray(array))",
             file->path);
    }
    return check_size(file, file_bytes);
}

enum status npy_open(struct npy_file *file)
{
    struct stat info;
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0) {
        FAIL(ERR_INPUT, "%s: cannot be opened: %s", file->path, strerror(errno));
    }
    file->open = true;
    if (fstat(file->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        FAIL(ERR_INPUT, "%s: expected a file that can be read", file->path);
    }
    char *header = malloc(MOST_HEADER);
    if (header == NULL) {
        FAIL(ERR_MEMORY, "%s: no memory for its header", file->path);
    }
    enum status status = read_header(file, info.st_size, header);
    if (status == OK) {
        status = parse_header(file, header, info.st_size);
    }
    free(header);
    return status;
}

enum status npy_integers(const struct npy_file *file, int64_t n, struct arena *arena, int64_t **out,
                         int64_t *count)
{
    const bool column = file->n_dims == 2 && file->dims[1] == 1;
    if (file->n_dims != 1 && !column) {
        FAIL(ERR_INPUT,
             "%s: expected one number per sample, [n] or [n, 1], got %d dimensions (of one-hot "
             "labels, save labels.argmax(axis=1))",
             file->path, file->n_dims);
    }
    if (!element_is_integer(file->element)) {
        FAIL(ERR_INPUT, "%s: expected integers, got floating-point numbers", file->path);
    }
    if (n >= 0 && file->dims[0] != n) {
        FAIL(ERR_INPUT, "%s: expected %" PRId64 " numbers, one per sample, got %" PRId64,
             file->path, n, file->dims[0]);
    }
    TRY(reader_check_shape(file->path, file->dims[0], 1, 1, 1));
    *count = file->dims[0];
    const size_t bytes = (size_t)*count * element_bytes(file->element);
    uint8_t *values;
    ARENA_NEW(arena, values, bytes);
    ARENA_NEW(arena, *out, (size_t)*count);
    TRY(reader_read_at(file->path, file->fd, values, bytes, file->offset));
    element_integers(values, file->element, file->swap, (size_t)*count, *out);
    return OK;
}

void npy_close(struct npy_file *file)
{
    if (file->open) {
        close(file->fd);
        file->open = false;
    }
}
