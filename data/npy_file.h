// One array of NumPy's format: its header, and where its values are. Internal to data/.
#pragma once
#include "data/sample_layout.h"

enum { NPY_MOST_DIMS = 8 };

struct npy_file {
    int fd; // owned, while open
    bool open;
    char path[READER_PATH_BYTES];
    enum element element;
    bool swap; // the other byte order
    int n_dims;
    int64_t dims[NPY_MOST_DIMS];
    int64_t offset; // of the values
};

// Opens file->path and reads its header, of version 1, 2 or 3. ERR_INPUT says what is wrong, also
// for an array in Fortran's order, with what to do.
enum status npy_open(struct npy_file *file);
// An array [n] or [n, 1] of integers (or bool) as numbers, from the arena; n < 0: as many as there
// are, else exactly n.
enum status npy_integers(const struct npy_file *file, int64_t n, struct arena *arena, int64_t **out,
                         int64_t *count);
void npy_close(struct npy_file *file); // a zeroed one is fine
