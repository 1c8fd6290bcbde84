// Looking at one array of a file: what the children do that read files in hdf5_file.c and
// hdf5_unpack.c. For these alone; only in a child, whose end closes everything. Handles (hid_t) are
// int64_t, as in hdf5_library.h.
#pragma once
#include "core/hdf5_file.h"

struct hdf5_file {
    size_t bytes; // of the file on the disk
    char path[4096];
};

// One question to a file and its answer, in memory shared with the child that finds it out.
struct hdf5_request {
    const struct hdf5_file *file;
    const char *name;                 // of the array to describe, or of the one that is being read
    struct hdf5_found found;          // what is there
    bool there;                       // whether anything is, for hdf5_has
    int64_t opened;                   // the file, in the child
    const struct hdf5_wanted *wanted; // [n] arrays to read
    int n;
    char *to; // shared memory for their elements, one array after the other, aligned
};

enum status hdf5_set_open_file(const struct hdf5_file *file, int64_t *out);
// Opens the array `name` of the open file and fills `found`.
enum status hdf5_set_describe(struct hdf5_request *request, int64_t *set);
// The array that is there must be the one that was asked for, before anything is read.
enum status hdf5_set_check(const struct hdf5_request *request, const struct hdf5_wanted *wanted);
