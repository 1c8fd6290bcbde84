// A temporary folder for the tests of network files, and whole files in one call.
#pragma once
#include "core/status.h"
#include "test_unit.h"

#include <stdio.h>

#define NN_PATH 512

// Group set-up and tear-down: *state is the folder's path.
int nn_files_setup(void **state);
int nn_files_teardown(void **state);

char *nn_files_path(char *out, void **state, const char *name); // out [NN_PATH]
void nn_files_write(const char *path, const void *bytes, size_t n);
unsigned char *nn_files_read(const char *path, size_t *n); // freed by the caller

// Lets `body` run in a child process that cannot make a file larger than `most_bytes`: what a full
// disk is to a writer. Returns what body returned.
enum status nn_files_with_full_disk(size_t most_bytes, enum status (*body)(void *context),
                                    void *context);
