// Tables in files of comma-separated values: one line of column names, then one line per row.
// Fields are what lies between commas: no quotes, no empty lines but at the end.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>

enum { CSV_MOST_COLUMNS = 64 };
struct csv {
    const char *path; // borrowed
    char *at;         // what is left of the text; arena
    int line;         // number of the newest line, from 1
    int n_columns;
    const char *names[CSV_MOST_COLUMNS];  // arena, as is the next
    const char *fields[CSV_MOST_COLUMNS]; // of the newest row
};
// Reads the file and its line of names; ERR_INPUT when it is missing, larger than most_bytes or has
// none.
enum status csv_open(const char *path, size_t most_bytes, struct arena *arena, struct csv *out);
// The number of a column; ERR_INPUT names those there are.
enum status csv_find(const struct csv *csv, const char *name, int *out);
// The next row's fields; *more: there is one. ERR_INPUT when it has more or fewer than there are
// names.
enum status csv_next(struct csv *csv, bool *more);
// A field of the newest row as a finite number from least to most; ERR_INPUT says where it is not.
enum status csv_number(const struct csv *csv, int column, double least, double most, double *out);
enum status csv_integer(const struct csv *csv, int column, int64_t least, int64_t most,
                        int64_t *out);
