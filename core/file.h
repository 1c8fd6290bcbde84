// Files: read whole, in pieces, or written so that a full disk or a kill leaves the old file as it
// was.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>
#include <stdio.h>

// A regular file that is read piece by piece. One that becomes shorter meanwhile is an error, never
// the signal that reading a mapped file gives.
struct file_reader {
    const char *path; // borrowed
    int descriptor;
    size_t bytes; // of the file, when it was opened
};
enum status file_reader_open(const char *path, struct file_reader *out); // ERR_INPUT, ERR_IO
// Bytes at .. at + n - 1 into `to`; ERR_INPUT when the file ends before.
enum status file_reader_take(const struct file_reader *reader, size_t at, void *to, size_t n);
void file_reader_close(struct file_reader *reader); // a zeroed one is fine

// The whole file in memory of its own, which goes back to the system at once when unmapped; an
// empty file is ERR_INPUT.
enum status file_map(const char *path, void **out, size_t *out_bytes);
void file_unmap(void *mapped, size_t bytes); // NULL is fine
enum status file_read(const char *path, size_t most_bytes, struct arena *arena, char **out,
                      size_t *out_bytes); // NUL-ended
// Writes all n bytes to a descriptor; false with errno.
bool file_write_all(int file, const void *bytes, size_t n);
bool file_exists(const char *path);
bool file_is_folder(const char *path);
enum status file_make_folders(const char *path); // like mkdir -p
// dir + "/" + name into a buffer; ERR_INPUT if it does not fit.
enum status file_join(char *out, size_t out_bytes, const char *folder, const char *name);

// Atomic writing: bytes go to a temporary file beside `path`; commit fsyncs, renames and fsyncs the
// folder. Without commit, cancel (or process death) leaves `path` untouched.
struct file_writer {
    FILE *file; // owned; may be written to with stdio as well
    char path[4096], temporary[4096];
    bool failed; // a write failed: commit will say so
    int error;   // errno of that write
};
enum status file_writer_open(const char *path, struct file_writer *out);
void file_writer_bytes(struct file_writer *writer, const void *bytes, size_t n);
enum status file_writer_commit(
    struct file_writer *writer); // ERR_IO (no space ...): the temporary file is removed
void file_writer_cancel(struct file_writer *writer); // a zeroed or committed writer is fine
// The whole file in one go, atomically.
enum status file_write(const char *path, const void *bytes, size_t n);
// Removes temporary files that a killed writer of `path` left behind.
void file_remove_leftovers(const char *path);
