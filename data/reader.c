// Checks that every reader makes on what a file claims.
#include "data/reader.h"

#include "core/file.h"
#include "core/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum status reader_check_shape(const char *file, int64_t n, int64_t h, int64_t w, int64_t c)
{
    if (n < 1 || n > INT32_MAX) {
        FAIL(ERR_INPUT, "%s: expected 1 to %d images, got %" PRId64, file, INT32_MAX, n);
    }
    if (h < 1 || h > READER_MOST_SIDE || w < 1 || w > READER_MOST_SIDE) {
        FAIL(ERR_INPUT, "%s: expected images of 1 to %d pixels a side, got %" PRId64 " x %" PRId64,
             file, READER_MOST_SIDE, h, w);
    }
    if (c < 1 || c > DATASET_MAX_CHANNELS) {
        FAIL(ERR_INPUT, "%s: expected 1 to %d channels, as the last dimension, got %" PRId64, file,
             DATASET_MAX_CHANNELS, c);
    }
    return OK;
}

enum status reader_check_memory(const char *file, int64_t n, int64_t row_bytes)
{
    const size_t most = machine_memory_bytes();
    if (n > 0 && (uint64_t)row_bytes > most / (uint64_t)n) {
        FAIL(ERR_INPUT,
             "%s: %" PRId64 " rows of %" PRId64
             " bytes are more than this machine's memory of %.1f GiB; check the file, or take "
             "fewer images (data.share, data.classes)",
             file, n, row_bytes, (double)most / 0x1p30);
    }
    return OK;
}

enum status reader_take_labels(const char *file, const int64_t *values, int n, int first_label,
                               struct arena *arena, int32_t **labels, int *classes)
{
    const int limit = *classes > 0 ? *classes : DATASET_MAX_CLASSES;
    int32_t greatest = 0;
    ARENA_NEW(arena, *labels, (size_t)n);
    for (int i = 0; i < n; i++) {
        // What does not fit an int32_t is wrong as a label too.
        if (values[i] < first_label || values[i] >= (int64_t)first_label + limit) {
            FAIL(ERR_INPUT, "%s: the label of row %d is %" PRId64 ", expected %d to %d%s", file, i,
                 values[i], first_label, first_label + limit - 1,
                 values[i] == limit && first_label == 0
                     ? "; if the labels begin with 1, set data.first_label to 1"
                     : "");
        }
        (*labels)[i] = (int32_t)(values[i] - first_label);
        greatest = (*labels)[i] > greatest ? (*labels)[i] : greatest;
    }
    if (*classes == 0) {
        *classes = greatest + 1;
    }
    return OK;
}

static atomic_int sharers = 1; // of the host's memory

void dataset_share_memory(int processes)
{
    atomic_store(&sharers, processes > 1 ? processes : 1);
}

size_t reader_most_bytes(const struct dataset_options *options)
{
    const size_t most =
        options->memory > 0 ? (size_t)options->memory << 20 : machine_memory_bytes() / 2;
    return most / (size_t)atomic_load(&sharers);
}

int reader_run(const int32_t *rows, int n)
{
    int run = 1;
    while (run < n && rows[run] == rows[0] + run) {
        run++;
    }
    return run;
}

static enum status open_temporary(const char *path, int *out)
{
    const char *folder = getenv("TMPDIR");
    char name[READER_PATH_BYTES];
    folder = folder != NULL && folder[0] != '\0' ? folder : "/var/tmp"; // where files may be large
    TRY(file_join(name, sizeof name, folder, "dikdik-unpacked-XXXXXX"));
    const int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        FAIL(ERR_IO,
             "%s: no temporary file in %s to unpack it to: %s; unpack it yourself, or set TMPDIR",
             path, folder, strerror(errno));
    }
    unlink(name);
    *out = fd;
    return OK;
}

enum status reader_open_scratch(const char *path, size_t bytes, size_t most_bytes, int *fd)
{
    const int made = bytes <= most_bytes ? memfd_create("dikdik-unpacked", MFD_CLOEXEC) : -1;
    if (made < 0) {
        return open_temporary(path, fd);
    }
    *fd = made;
    return OK;
}

enum status reader_read_at(const char *path, int fd, void *to, size_t n, int64_t offset)
{
    const struct file_reader reader = {.path = path, .descriptor = fd};
    return file_reader_take(&reader, (size_t)offset, to, n);
}
