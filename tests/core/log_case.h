// Two growing tables whose rows follow from their numbers, for the tests of hdf5_log.
#pragma once
#include "core/hdf5_log.h"

// With gaps: after `flag`, and after `name`.
struct big_row {
    int64_t number;
    uint8_t flag;
    double value;
    uint8_t name[13];
    int32_t widths[40];
    float ratio;
};
struct small_row {
    int32_t number;
    float value;
};

extern const struct hdf5_table log_tables[2]; // "big" and "small"
extern const struct hdf5_column log_big_columns[6];

// Row i; what stands in the gaps of the struct is `gap`.
struct big_row log_big_row(int64_t i, int gap);
struct small_row log_small_row(int64_t i);
bool log_same_row(const struct big_row *a, const struct big_row *b);

enum status log_open(const char *path, const int64_t *keep, struct hdf5_log **out);
enum status log_append(struct hdf5_log *log, int n); // n more rows of "big", 2 n of "small"
// Reads the first rows and asserts that they are those of log_big_row and log_small_row.
void log_check_first(const char *path, int64_t n_big, int64_t n_small);
void log_check(const char *path, int64_t least_big, int64_t least_small); // all that are there
