// A file of tables that only grow, which others may read while it is written (HDF5's SWMR: h5py
// opens it with swmr=True). Tables are one-dimensional data sets of compound rows; the texts are
// attributes of the root group.
#pragma once
#include "core/hdf5_file.h"

enum { HDF5_TABLES_MAX = 16 }; // of one file

// One column: `count` elements of `type` at `offset` of a row (1 = a plain number). HDF5_U8 with
// `text` set is a string of at most `count` bytes, zero-padded.
struct hdf5_column {
    const char *name;
    enum hdf5_type type;
    int count;
    bool text;
    size_t offset;
};
struct hdf5_table {
    const char *name;
    const struct hdf5_column *columns;
    int n_columns;
    size_t row_bytes; // sizeof the row struct
};
struct hdf5_text {
    const char *name, *value;
};

struct hdf5_log;
// Makes `path` anew, atomically. keep NULL: empty tables. Otherwise the file is there already and
// its first keep[i] rows of table i are taken over, whatever state a killed writer left it in;
// ERR_INPUT when it has fewer, or is damaged (the old file then stays as it is). tables are
// borrowed until close.
enum status hdf5_log_open(const char *path, const struct hdf5_table *tables, int n_tables,
                          const struct hdf5_text *texts, int n_texts, const int64_t *keep,
                          struct hdf5_log **out);
// Appends n rows [n][row_bytes]. ERR_IO when the disk is full; the file then stays as of the last
// flush that worked, and every further call fails.
enum status hdf5_log_append(struct hdf5_log *log, int table, const void *rows, int n);
int64_t hdf5_log_rows(const struct hdf5_log *log, int table);
// Readers see what was appended so far. durable: also fsync, so that it survives a power cut.
enum status hdf5_log_flush(struct hdf5_log *log, bool durable);
enum status hdf5_log_close(struct hdf5_log *log); // NULL is fine

// Reads whole tables back: rows first .. first + n - 1 into rows [n][row_bytes]. Works on a file
// that is being written, by this process too, and on what a killed writer left. Only rows that were
// flushed are sure to be right. ERR_INPUT for a damaged file or other columns.
enum status hdf5_log_count(const char *path, const struct hdf5_table *table, int64_t *rows);
enum status hdf5_log_read(const char *path, const struct hdf5_table *table, int64_t first,
                          int64_t n, void *rows);
// The same of several tables in one go: a file that is not ours to write is read by a child process
// each time. rows: [n_tables], [parts[i].n][row_bytes] each; at most HDF5_TABLES_MAX.
struct hdf5_log_part {
    const struct hdf5_table *table;
    int64_t first, n;
    void *rows;
};
enum status hdf5_log_count_all(const char *path, const struct hdf5_table *tables, int n_tables,
                               int64_t *rows);
enum status hdf5_log_read_parts(const char *path, const struct hdf5_log_part *parts, int n_parts);
