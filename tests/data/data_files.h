// Support of the data tests: small files in a folder of their own, options with defaults, and the
// question whether damaged files end well.
#pragma once
#include "data/dataset.h"
#include "test_unit.h"

enum { FILES_PATH = 512 };

// Sets up and removes a temporary folder: cmocka fixtures, *state is its path.
int files_setup(void **state);
int files_teardown(void **state);

// FOLDER/NAME in a buffer of FILES_PATH bytes; returns it.
char *files_path(char *out, const char *folder, const char *name);
// Writes a file, making its folders; name may contain '/'. files_write_gz compresses it.
void files_write(const char *folder, const char *name, const void *bytes, size_t n);
void files_write_gz(const char *folder, const char *name, const void *bytes, size_t n);
uint8_t *files_read(const char *path, size_t *n); // the caller frees

// Default options with a name and a path.
struct dataset_options files_options(const char *name, const char *path);

// Opens a part that must fail with `code` and a message that contains each of the words given
// (NULL-ended).
void files_expect_failure(const struct dataset_options *options, enum dataset_part part,
                          enum status code, ...);

// What is said on standard error while the training part is opened and closed, which must succeed.
void files_capture_open(const struct dataset_options *options, const char *folder, char *out,
                        size_t out_bytes);

// Writes n repeatable pseudo-random bytes.
void files_noise(uint8_t *bytes, size_t n, uint64_t seed);

// Damages FOLDER/NAME in `trials` ways (cut short, bytes changed) and opens both parts each time:
// either ERR_INPUT with a message that names the folder, or a valid data set. Restores the file.
// Returns how many opens failed.
int files_damage(const struct dataset_options *options, const char *folder, const char *name,
                 int trials);
