// Atomic writing: the bytes go to ".NAME.tmp.PID" beside the target, which is renamed only when
// all of them are on the disk. A lock on the temporary file tells a living writer from a leftover.
#include "core/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// Where the name begins in `path`; the folder is what stands before it.
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

// Writes the folder of `path` without its last '/', "." if there is none and "/" for the root.
static void folder_of(const char *path, char *out, size_t out_bytes)
{
    const size_t length = (size_t)(name_of(path) - path);
    if (length == 0) {
        snprintf(out, out_bytes, ".");
    } else {
        snprintf(out, out_bytes, "%.*s", (int)(length > 1 ? length - 1 : 1), path);
    }
}

// A link is followed, so that the file it points to is replaced, not the link. Anything but a
// regular file (a device, a folder) is refused: it must not be renamed over.
static enum status resolve_target(const char *path, char *out, size_t out_bytes, mode_t *mode)
{
    struct stat info;
    char *resolved = NULL;
    *mode = 0;
    if (stat(path, &info) == 0) {
        if (!S_ISREG(info.st_mode)) {
            FAIL(ERR_INPUT, "%s: expected the name of a file to write, got a %s", path,
                 S_ISDIR(info.st_mode) ? "folder" : "pipe or device");
        }
        *mode = info.st_mode & 0777;
        if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) {
            resolved = realpath(path, NULL);
        }
    }
    const int length = snprintf(out, out_bytes, "%s", resolved != NULL ? resolved : path);
    free(resolved);
    if (length <= 0 || (size_t)length >= out_bytes || *name_of(out) == '\0') {
        FAIL(ERR_INPUT, "'%.200s' is not the name of a file to write", path);
    }
    return OK;
}

static enum status name_temporary(struct file_writer *writer)
{
    const int folder_length = (int)(name_of(writer->path) - writer->path);
    const int length = snprintf(writer->temporary, sizeof writer->temporary, "%.*s.%s.tmp.%ld",
                                folder_length, writer->path, name_of(writer->path), (long)getpid());
    if (length < 0 || (size_t)length >= sizeof writer->temporary) {
        FAIL(ERR_INPUT, "'%.200s...' is too long for the name of a file", writer->path);
    }
    return OK;
}

// Takes the lock and makes sure that the name still belongs to the locked file: another writer may
// have renamed it in between.
static bool lock_temporary(int descriptor, const char *temporary)
{
    struct stat mine, named;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return false;
    }
    return fstat(descriptor, &mine) == 0 && stat(temporary, &named) == 0 &&
           mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

enum status file_writer_open(const char *path, struct file_writer *out)
{
    struct file_writer writer = {0};
    mode_t mode;
    TRY(resolve_target(path, writer.path, sizeof writer.path, &mode));
    TRY(name_temporary(&writer));
    const int descriptor = open(writer.temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        FAIL(ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    if (!lock_temporary(descriptor, writer.temporary)) {
        close(descriptor);
        FAIL(ERR_IO, "%s: is being written by another process or thread at this moment", path);
    }
    // Permissions of the file that is replaced carry over where the system allows it.
    const bool ready = ftruncate(descriptor, 0) == 0 &&
                       (mode == 0 || fchmod(descriptor, mode) == 0 || errno == EPERM);
    writer.file = ready ? fdopen(descriptor, "wb") : NULL;
    if (writer.file == NULL) {
        const int error = errno;
        unlink(writer.temporary);
        close(descriptor);
        FAIL(ERR_IO, "%s: cannot be written: %s", path, strerror(error));
    }
    *out = writer;
    return OK;
}

static void note_failure(struct file_writer *writer, int error)
{
    if (!writer->failed) {
        writer->failed = true;
        writer->error = error;
    }
}

void file_writer_bytes(struct file_writer *writer, const void *bytes, size_t n)
{
    if (!writer->failed && n > 0 && fwrite(bytes, 1, n, writer->file) != n) {
        note_failure(writer, errno);
    }
}

// The folder's entry must be on the disk too, or the rename may be lost with the power.
static enum status sync_folder(const char *path)
{
    char folder[4096];
    folder_of(path, folder, sizeof folder);
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return OK; // a folder that may be written but not read: nothing more can be done
    }
    const int error = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    if (error != 0 && error != EINVAL && error != ENOTSUP) {
        FAIL(ERR_IO, "%s: written, but its folder cannot be synced: %s", path, strerror(error));
    }
    return OK;
}

enum status file_writer_commit(struct file_writer *writer)
{
    FILE *file = writer->file;
    CHECK(file != NULL);
    if (ferror(file)) {
        note_failure(writer, EIO); // written through stdio by the caller: the reason is lost
    }
    if (fflush(file) != 0) {
        note_failure(writer, errno);
    }
    if (!writer->failed && fsync(fileno(file)) != 0) {
        note_failure(writer, errno);
    }
    // Renamed while still locked, so no one takes the temporary file for a leftover.
    if (!writer->failed && rename(writer->temporary, writer->path) != 0) {
        note_failure(writer, errno);
    }
    if (writer->failed) {
        const int error = writer->error;
        file_writer_cancel(writer);
        FAIL(ERR_IO, "%s: writing failed: %s; what was there before is unchanged", writer->path,
             strerror(error));
    }
    writer->file = NULL;
    fclose(file); // nothing is buffered any more: all bytes are on the disk already
    return sync_folder(writer->path);
}

void file_writer_cancel(struct file_writer *writer)
{
    if (writer->file != NULL) {
        unlink(writer->temporary);
        fclose(writer->file);
        writer->file = NULL;
    }
}

// ".NAME.tmp.DIGITS"
static bool is_temporary_of(const char *entry, const char *name)
{
    const size_t length = strlen(name);
    if (entry[0] != '.' || strncmp(entry + 1, name, length) != 0 ||
        strncmp(entry + 1 + length, ".tmp.", 5) != 0) {
        return false;
    }
    const char *digits = entry + 1 + length + 5;
    return isdigit((unsigned char)*digits) && digits[strspn(digits, "0123456789")] == '\0';
}

void file_remove_leftovers(const char *path)
{
    char folder[4096], victim[4096];
    folder_of(path, folder, sizeof folder);
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (!is_temporary_of(entry->d_name, name_of(path)) ||
            file_join(victim, sizeof victim, folder, entry->d_name) != OK) {
            continue;
        }
        const int descriptor = open(victim, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (descriptor >= 0) {
            if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
                unlink(victim);
            }
            close(descriptor);
        }
    }
    closedir(entries);
}

enum status file_write(const char *path, const void *bytes, size_t n)
{
    struct file_writer writer = {0};
    TRY(file_writer_open(path, &writer));
    file_writer_bytes(&writer, bytes, n);
    return file_writer_commit(&writer);
}
