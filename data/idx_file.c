// IDX: two zero bytes, a type code, the number of dimensions, the dimensions (big-endian, 4 bytes
// each), the values.
#include "data/idx_file.h"

#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TYPE_U8 = 0x08,
    GZIP_BUFFER = 1 << 17,
    READ_BYTES = 1 << 30, // gzread counts in int
    DEFLATE_RATIO = 1032, // deflate never expands by more than this
};

enum status idx_read(struct idx_file *idx, void *to, int64_t n)
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

enum status idx_check_end(struct idx_file *idx)
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
static enum status check_size(struct idx_file *idx, int64_t file_bytes)
{
    if (gzdirect(idx->file) && idx->values != file_bytes - idx->header_bytes) {
        FAIL(ERR_INPUT, "%s: expected %" PRId64 " bytes, as its header says, the file has %" PRId64,
             idx->path, idx->header_bytes + idx->values, file_bytes);
    }
    if (!gzdirect(idx->file) && idx->values / DEFLATE_RATIO > file_bytes) {
        FAIL(ERR_INPUT,
             "%s: its header promises %" PRId64 " bytes, more than %" PRId64
             " compressed bytes can hold",
             idx->path, idx->values, file_bytes);
    }
    return OK;
}

static enum status read_header(struct idx_file *idx, int n_dims)
{
    uint8_t header[4 + 4 * IDX_MOST_DIMS];
    TRY(idx_read(idx, header, 4));
    if (header[0] != 0 || header[1] != 0 || header[2] != TYPE_U8 || header[3] != n_dims) {
        FAIL(ERR_INPUT,
             "%s: expected an IDX file of bytes with %d dimensions (0000080%d), got "
             "%02x%02x%02x%02x",
             idx->path, n_dims, n_dims, header[0], header[1], header[2], header[3]);
    }
    TRY(idx_read(idx, header + 4, 4 * (int64_t)n_dims));
    const uint8_t *at = header + 4;
    idx->values = 1;
    idx->header_bytes = 4 + 4 * n_dims;
    for (int i = 0; i < n_dims; i++, at += 4) {
        const uint32_t dim =
            (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
        idx->dims[i] = dim;
        if (__builtin_mul_overflow(idx->values, (int64_t)dim, &idx->values)) {
            FAIL(ERR_INPUT, "%s: its dimensions multiply to more than 2^63", idx->path);
        }
    }
    return OK;
}

enum status idx_open(struct idx_file *idx, int n_dims)
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
    idx->fd = -1;
    idx->open = pthread_mutex_init(&idx->lock, NULL) == 0;
    CHECK(idx->open);
    TRY(read_header(idx, n_dims));
    return check_size(idx, info.st_size);
}

// ---- values at any place
static enum status write_bytes(const struct idx_file *idx, int fd, const uint8_t *from, size_t n)
{
    if (!file_write_all(fd, from, n)) {
        FAIL(ERR_IO,
             "%s: could not be unpacked to a temporary file of %" PRId64
             " bytes: %s; unpack it yourself, or set TMPDIR to a folder with room",
             idx->path, idx->values, strerror(errno));
    }
    return OK;
}

static enum status unpack(struct idx_file *idx, size_t most_bytes)
{
    uint8_t *buffer = malloc(GZIP_BUFFER);
    if (buffer == NULL) {
        FAIL(ERR_MEMORY, "no memory to unpack %s", idx->path);
    }
    int fd = -1;
    enum status status = reader_open_scratch(idx->path, (size_t)idx->values, most_bytes, &fd);
    for (int64_t left = idx->values; status == OK && left > 0;) {
        const int64_t some = left < GZIP_BUFFER ? left : GZIP_BUFFER;
        status = idx_read(idx, buffer, some);
        if (status == OK) {
            status = write_bytes(idx, fd, buffer, (size_t)some);
        }
        left -= some;
    }
    free(buffer);
    if (status == OK) {
        idx->fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    return status;
}

static enum status make_ready(struct idx_file *idx, size_t most_bytes)
{
    if (gzdirect(idx->file)) {
        idx->fd = open(idx->path, O_RDONLY | O_CLOEXEC);
        if (idx->fd < 0) {
            FAIL(ERR_INPUT, "%s: cannot be opened: %s", idx->path, strerror(errno));
        }
        idx->offset = idx->header_bytes;
    } else {
        TRY(unpack(idx, most_bytes));
        TRY(idx_check_end(idx));
    }
    idx->ready = true;
    return OK;
}

enum status idx_read_at(struct idx_file *idx, void *to, int64_t n, int64_t place, size_t most_bytes)
{
    pthread_mutex_lock(&idx->lock);
    if (idx->failed != OK) {
        status_restore(&idx->note);
    } else if (!idx->ready) {
        idx->failed = make_ready(idx, most_bytes);
        status_save(&idx->note);
    }
    const enum status status = idx->failed;
    pthread_mutex_unlock(&idx->lock);
    TRY(status);
    return reader_read_at(idx->path, idx->fd, to, (size_t)n, idx->offset + place);
}

void idx_close(struct idx_file *idx)
{
    if (idx->open) {
        pthread_mutex_destroy(&idx->lock);
        if (idx->fd >= 0) {
            close(idx->fd);
        }
    }
    if (idx->file != NULL) {
        gzclose_r(idx->file);
    }
    idx->file = NULL;
    idx->open = idx->ready = false;
}
