// Files: whole, in pieces, and the small questions about paths. Writing is in file_writer.c.
#include "core/file.h"

#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// A missing file is bad input; a file that exists but is refused is the system's doing.
static enum status fail_to_open(const char *path, int error)
{
    const bool absent =
        error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG || error == ELOOP;
    FAIL(absent ? ERR_INPUT : ERR_IO, "%s: cannot be opened: %s", path, strerror(error));
}

static enum status open_for_reading(const char *path, int *out, struct stat *info)
{
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fail_to_open(path, errno);
    }
    if (fstat(descriptor, info) != 0) {
        const int error = errno;
        close(descriptor);
        return fail_to_open(path, error);
    }
    if (S_ISDIR(info->st_mode)) {
        close(descriptor);
        FAIL(ERR_INPUT, "%s: expected a file, got a folder", path);
    }
    *out = descriptor;
    return OK;
}

enum status file_reader_open(const char *path, struct file_reader *out)
{
    int descriptor;
    struct stat info;
    TRY(open_for_reading(path, &descriptor, &info));
    if (!S_ISREG(info.st_mode)) {
        close(descriptor);
        FAIL(ERR_INPUT, "%s: expected a regular file, got a pipe or a device", path);
    }
    *out =
        (struct file_reader){.path = path, .descriptor = descriptor, .bytes = (size_t)info.st_size};
    return OK;
}

enum status file_reader_take(const struct file_reader *reader, size_t at, void *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        const ssize_t got =
            pread(reader->descriptor, (char *)to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            FAIL(ERR_IO, "%s: reading failed: %s", reader->path, strerror(errno));
        }
        if (got == 0) {
            FAIL(ERR_INPUT, "%s: the file ends at byte %zu, expected %zu bytes: it was cut short",
                 reader->path, at + done, at + n);
        }
        done += (size_t)got;
    }
    return OK;
}

void file_reader_close(struct file_reader *reader)
{
    if (reader->path != NULL) {
        close(reader->descriptor);
    }
    *reader = (struct file_reader){0};
}

enum status file_map(const char *path, void **out, size_t *out_bytes)
{
    struct file_reader reader;
    TRY(file_reader_open(path, &reader));
    const size_t bytes = reader.bytes;
    if (bytes == 0) {
        file_reader_close(&reader);
        FAIL(ERR_INPUT, "%s: the file is empty", path);
    }
    void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        file_reader_close(&reader);
        FAIL(ERR_MEMORY, "%s: out of memory for its %zu bytes", path, bytes);
    }
    const enum status status = file_reader_take(&reader, 0, mapped, bytes);
    file_reader_close(&reader);
    if (status != OK) {
        file_unmap(mapped, bytes);
        return status;
    }
    *out = mapped;
    *out_bytes = bytes;
    return OK;
}

void file_unmap(void *mapped, size_t bytes)
{
    if (mapped != NULL) {
        CHECK(munmap(mapped, bytes) == 0);
    }
}

// Appends what is left of the file, at most `most_bytes`.
static enum status read_rest(int descriptor, const char *path, size_t most_bytes, struct text *text)
{
    char chunk[16384];
    for (;;) {
        const ssize_t got = read(descriptor, chunk, sizeof chunk);
        if (got == 0) {
            return OK;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            FAIL(ERR_IO, "%s: reading failed: %s", path, strerror(errno));
        }
        if ((size_t)got > most_bytes - text->length) {
            FAIL(ERR_INPUT, "%s: the file is larger than the %zu bytes allowed here", path,
                 most_bytes);
        }
        text_add_bytes(text, chunk, (size_t)got);
        if (text->failed) {
            FAIL(ERR_MEMORY, "%s: out of memory after reading %zu bytes", path, text->length);
        }
    }
}

enum status file_read(const char *path, size_t most_bytes, struct arena *arena, char **out,
                      size_t *out_bytes)
{
    int descriptor;
    struct stat info;
    TRY(open_for_reading(path, &descriptor, &info));
    struct text text = {0};
    enum status status = read_rest(descriptor, path, most_bytes, &text);
    close(descriptor);
    if (status == OK) {
        char *bytes = arena_alloc(arena, text.length + 1, 1);
        if (bytes == NULL) {
            status = status_context(ERR_MEMORY, "reading %s", path);
        } else {
            if (text.length > 0) {
                memcpy(bytes, text.bytes, text.length);
            }
            *out = bytes;
            *out_bytes = text.length;
        }
    }
    text_close(&text);
    return status;
}

bool file_write_all(int file, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        const ssize_t put = write(file, (const char *)bytes + done, n - done);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

enum status file_make_folders(const char *path)
{
    char partial[4096];
    const size_t length = strlen(path);
    if (length == 0 || length >= sizeof partial) {
        FAIL(ERR_INPUT, "a folder's name has %zu bytes, expected 1 to %zu", length,
             sizeof partial - 1);
    }
    memcpy(partial, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (partial[i] != '/' && partial[i] != '\0') {
            continue;
        }
        const char kept = partial[i];
        partial[i] = '\0';
        if (mkdir(partial, 0777) != 0) {
            const int error = errno;
            if (!file_is_folder(partial)) {
                const bool in_the_way = error == EEXIST || error == ENOTDIR;
                FAIL(in_the_way ? ERR_INPUT : ERR_IO, "%s: the folder cannot be made: %s", partial,
                     in_the_way ? "a file is in the way" : strerror(error));
            }
        }
        partial[i] = kept;
    }
    return OK;
}

enum status file_join(char *out, size_t out_bytes, const char *folder, const char *name)
{
    const size_t n = strlen(folder);
    const char *slash = n > 0 && folder[n - 1] != '/' ? "/" : "";
    const size_t need = n + strlen(slash) + strlen(name) + 1;
    if (need > out_bytes) {
        FAIL(ERR_INPUT, "the path '%.200s' in '%.200s' has %zu bytes, at most %zu are possible",
             name, folder, need - 1, out_bytes - 1);
    }
    snprintf(out, out_bytes, "%s%s%s", folder, slash, name);
    return OK;
}
