// HDF5, as far as dikdik needs it. Only core/hdf5_*.c see hdf5.h. Errors of the library become
// one status message.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>

enum hdf5_type {
    HDF5_U8,
    HDF5_I32,
    HDF5_I64,
    HDF5_F32, // on the disk also of 2 bytes
    HDF5_F64,
    HDF5_I8,
    HDF5_U16,
    HDF5_I16,
    HDF5_U32,
    HDF5_U64,
    HDF5_OTHER
};
size_t hdf5_type_bytes(enum hdf5_type type); // of one element; 0 for HDF5_OTHER
const char *hdf5_type_name(enum hdf5_type type);
enum { HDF5_DIMS_MAX = 8 };
struct hdf5_array {
    enum hdf5_type type;
    int n_dims;
    int64_t dims[HDF5_DIMS_MAX];
    size_t count; // product of dims
};
struct hdf5_file; // opened for reading
enum status hdf5_open(const char *path, struct hdf5_file **out);
void hdf5_close(struct hdf5_file *file); // NULL is fine
// Type and shape of a data set. ERR_INPUT when it is absent (the message lists what is there).
enum status hdf5_describe(struct hdf5_file *file, const char *name, struct hdf5_array *out);
// The same with how it is kept.
struct hdf5_found {
    struct hdf5_array array;
    char words[48]; // the type as those who write such files say it, "uint16"
    int64_t offset; // of the elements, when they lie in the file as `type` is in memory; else -1
};
enum status hdf5_look(struct hdf5_file *file, const char *name, struct hdf5_found *out);
// Whether there is something of that name.
enum status hdf5_has(struct hdf5_file *file, const char *name, bool *out);
// Reads all of it, converted to `type`, into to [count]; ERR_INPUT when it has not `count`
// elements.
enum status hdf5_read(struct hdf5_file *file, const char *name, enum hdf5_type type, size_t count,
                      void *to);
// Several at once, in one child process: what reads a file of many arrays. On failure all of `to`
// is as it was.
struct hdf5_wanted {
    const char *name;
    enum hdf5_type type;
    bool exact;   // the file must hold this very type: nothing is converted
    size_t count; // elements that it must have
    void *to;
};
enum status hdf5_read_all(struct hdf5_file *file, const struct hdf5_wanted *wanted, int n);
// Writes all elements, converted to `type`, one after the other to an open file, some rows at a
// time.
enum status hdf5_unpack(struct hdf5_file *file, const char *name, enum hdf5_type type, size_t count,
                        int fd);

// Writes one file with the arrays given, atomically.
struct hdf5_item {
    const char *name;
    struct hdf5_array array;
    const void *data;
};
enum status hdf5_write(const char *path, const struct hdf5_item *items, int n_items);
