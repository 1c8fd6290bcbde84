// An array of a file, some rows after the others, to another file: for what is too large for
// memory, and for what would be decompressed again for every row.
#include "core/file.h"
#include "core/hdf5_library.h"
#include "core/hdf5_set.h"

#include <errno.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

enum { DIMS_MAX = HDF5_DIMS_MAX };

struct unpacking {
    struct hdf5_request request;
    const struct hdf5_wanted *wanted;
    int fd;
};

static enum status write_all(const char *path, int fd, const char *bytes, size_t n)
{
    if (!file_write_all(fd, bytes, n)) {
        FAIL(ERR_IO,
             "%s: could not be unpacked to a temporary file: %s; set TMPDIR to a folder with room",
             path, strerror(errno));
    }
    return OK;
}

// Rows at once: about 4 MiB, and whole chunks, which are decompressed as a whole.
static hsize_t rows_at_once(hid_t set, int64_t rows, size_t row_bytes)
{
    enum { BLOCK_BYTES = 4 << 20 };
    hsize_t chunk[DIMS_MAX] = {1};
    const hid_t properties = H5Dget_create_plist(set);
    if (properties >= 0 && H5Pget_layout(properties) == H5D_CHUNKED) {
        H5Pget_chunk(properties, DIMS_MAX, chunk);
    }
    const hsize_t fit = BLOCK_BYTES / (row_bytes > 0 ? row_bytes : 1) / chunk[0] * chunk[0];
    const hsize_t wanted = fit > chunk[0] ? fit : chunk[0];
    return wanted < (hsize_t)rows ? wanted : (hsize_t)rows;
}

// rows: room for `most` of them.
static enum status copy_rows(const struct unpacking *u, hid_t set, size_t row_bytes, hsize_t most,
                             char *rows)
{
    const struct hdf5_array *array = &u->request.found.array;
    const char *path = u->request.file->path;
    hsize_t start[DIMS_MAX] = {0}, size[DIMS_MAX];
    for (int i = 0; i < array->n_dims; i++) {
        size[i] = (hsize_t)array->dims[i];
    }
    const hid_t space = H5Dget_space(set);
    for (; start[0] < (hsize_t)array->dims[0]; start[0] += size[0]) {
        const hsize_t left = (hsize_t)array->dims[0] - start[0];
        size[0] = left < most ? left : most;
        const hid_t block = H5Screate_simple(array->n_dims, size, NULL);
        if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 || block < 0 ||
            H5Dread(set, hdf5_library_type(u->wanted->type), block, space, H5P_DEFAULT, rows) < 0) {
            FAIL(ERR_INPUT, "%s: '%s' cannot be read: %s", path, u->wanted->name,
                 hdf5_library_reason());
        }
        hdf5_library_close(block);
        TRY(write_all(path, u->fd, rows, (size_t)size[0] * row_bytes));
    }
    return OK;
}

static enum status unpack_rows(const struct unpacking *u, hid_t set)
{
    const struct hdf5_array *array = &u->request.found.array;
    const size_t row_bytes =
        array->count / (size_t)array->dims[0] * hdf5_type_bytes(u->wanted->type);
    const hsize_t most = rows_at_once(set, array->dims[0], row_bytes);
    char *rows = malloc((size_t)most * row_bytes);
    if (rows == NULL) {
        FAIL(ERR_MEMORY, "%s: no memory for %zu bytes of '%s'", u->request.file->path,
             (size_t)most * row_bytes, u->wanted->name);
    }
    const enum status status = copy_rows(u, set, row_bytes, most, rows);
    free(rows);
    return status;
}

static enum status unpack_work(void *context)
{
    struct unpacking *u = context;
    int64_t set;
    TRY(hdf5_set_open_file(u->request.file, &u->request.opened));
    u->request.name = u->wanted->name;
    TRY(hdf5_set_describe(&u->request, &set));
    TRY(hdf5_set_check(&u->request, u->wanted));
    return u->request.found.array.count > 0 ? unpack_rows(u, set) : OK;
}

enum status hdf5_unpack(struct hdf5_file *file, const char *name, enum hdf5_type type, size_t count,
                        int fd)
{
    const struct hdf5_wanted wanted = {.name = name, .type = type, .count = count};
    struct unpacking unpacking = {.request = {.file = file}, .wanted = &wanted, .fd = fd};
    const struct isolate_limits limits = {.seconds = hdf5_small_limits.seconds +
                                                     (double)(count * hdf5_type_bytes(type)) / 1e6,
                                          .bytes = hdf5_small_limits.bytes + ((size_t)1 << 30)};
    hdf5_library_lock();
    const enum status status = isolate_run(file->path, &limits, unpack_work, &unpacking);
    hdf5_library_unlock();
    return status;
}
