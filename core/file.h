// Files: read whole, mapped, or written so that a full disk or a kill leaves the old file as it
// was.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>
#include <stdio.h>

enum status file_map(const char *path, void **out,
                     size_t *out_bytes); // read-only; an empty file is ERR_INPUT
void file_unmap(void *mapped, size_t bytes);
enum status file_read(const char *path, size_t most_bytes, struct arena *arena, char **out,
                      size_t *out_bytes); // NUL-ended
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
