// What targets share: bytes as files, which readers take by their path. Nothing goes to a disk.
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);

// A file in memory with these bytes, at a path that is valid until the next call.
const char *fuzz_file(const uint8_t *bytes, size_t n);
// A folder of this process in memory (/dev/shm), removed when it ends.
const char *fuzz_folder(void);
// A file in it.
void fuzz_write(const char *name, const uint8_t *bytes, size_t n);

// The first of several files that one input holds: four bytes of its length, then itself. What is
// too long takes all. *bytes and *n go on behind it.
struct fuzz_part {
    const uint8_t *bytes;
    size_t n;
};
struct fuzz_part fuzz_take(const uint8_t **bytes, size_t *n);

// Opens both parts of the data set of this name in fuzz_folder() and fetches images of it.
void fuzz_data_set(const char *name);
