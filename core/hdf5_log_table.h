// What writing and reading growing tables share; for these files alone. HDF5's handles are int64_t
// here.
#pragma once
#include "core/hdf5_library.h"
#include "core/hdf5_log.h"

#include <sys/types.h>

struct hdf5_log {
    const struct hdf5_table *tables; // borrowed
    int n_tables;
    int64_t file;
    int64_t sets[HDF5_TABLES_MAX];
    int64_t row_types[HDF5_TABLES_MAX]; // in memory
    int64_t transfer;
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

// Bytes of a row in the file. Without the gaps that a struct may have: what stands in them must not
// get into the file.
size_t hdf5_table_packed(const struct hdf5_table *table);
// Types, negative: failed. Of a row in the file, of one in memory, of a text (UTF-8, zero-padded).
int64_t hdf5_table_type(const struct hdf5_table *table);
int64_t hdf5_row_type(const struct hdf5_table *table);
int64_t hdf5_text_type(size_t bytes);
// How rows of these tables move between memory and file; negative: failed. The library clears its
// buffers for each call: by itself 2 MiB for a row of some hundred bytes.
int64_t hdf5_rows_transfer(const struct hdf5_table *tables, int n_tables);
// Rows [first, first + n) of a data set that holds them, from and to memory. False: failed.
bool hdf5_rows_write(int64_t set, int64_t row_type, int64_t transfer, int64_t first, int64_t n,
                     const void *rows);
bool hdf5_rows_read(int64_t set, int64_t row_type, int64_t transfer, int64_t first, int64_t n,
                    void *rows);
// How the file is opened; negative: failed. Without the library's own locks, which would keep
// readers out, and which some cluster file systems do not have.
int64_t hdf5_log_access(void);
