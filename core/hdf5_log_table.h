// What writing and reading growing tables share; for these files alone. HDF5's handles are int64_t
// here.
#pragma once
#include "core/hdf5_library.h"
#include "core/hdf5_log.h"

#include <sys/types.h>

enum { HDF5_COLUMNS_MAX = 64 };

struct hdf5_log {
    const struct hdf5_table *tables; // borrowed
    int n_tables;
    int64_t file;
    int64_t sets[HDF5_TABLES_MAX]; // kept open: H5TB opens by name, which is cheap only then
    int64_t rows[HDF5_TABLES_MAX];
    bool failed;    // a write did: nothing more is written
    int descriptor; // of the file; HDF5's
    dev_t device;   // these two: which file it is
    ino_t inode;
    struct hdf5_log *next; // open in this process
    char path[4096];
};
// A log that this process is writing to that very file, or NULL. Under the library's lock.
const struct hdf5_log *hdf5_log_find(dev_t device, ino_t inode);

// A table as H5TB's functions want it.
struct hdf5_layout {
    size_t offsets[HDF5_COLUMNS_MAX], bytes[HDF5_COLUMNS_MAX];
};
void hdf5_table_lay_out(const struct hdf5_table *table, struct hdf5_layout *out);
// Bytes of a row in the file. Without the gaps that a struct may have: what stands in them must not
// get into the file.
size_t hdf5_table_packed(const struct hdf5_table *table);
int64_t hdf5_table_type(const struct hdf5_table *table); // of a row in the file; negative: failed
int64_t hdf5_text_type(size_t bytes);                    // likewise; UTF-8, zero-padded
// How the file is opened; negative: failed. Without the library's own locks, which would keep
// readers out, and which some cluster file systems do not have.
int64_t hdf5_log_access(void);
