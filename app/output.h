// What commands print on standard output: aligned tables for people, or one JSON object.
#pragma once
#include "core/arena.h"
#include "core/json.h"
#include "core/text.h"

// A table of text cells, filled row by row. A header that begins with '>' marks a column of
// numbers, set flush right. A zeroed table cannot be used; close with output_table_close.
struct output_table {
    struct arena arena;
    const char *const *headers; // NULL-ended, borrowed
    int columns;
    const char **cells; // owned, row-major
    int n, capacity;
    bool failed; // memory ran out
};
void output_table_open(struct output_table *table, const char *const *headers);
void output_cell(struct output_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void output_cell_count(struct output_table *table, int64_t value); // 40,551,040
void output_table_print(const struct output_table *table);         // ERR_MEMORY shows as a message
void output_table_close(struct output_table *table);

// 40,551,040; `out` of at least 32 bytes. Returns out.
const char *output_count(int64_t value, char *out);

// One JSON object: begin, json_write_* with &out->writer, end.
struct output_json {
    struct text text;
    struct json_writer writer;
    const char *csv; // set after begin: only this list of it is printed, as output_csv does
};
void output_json_begin(struct output_json *out);
enum status output_json_end(struct output_json *out); // prints; ERR_MEMORY when it was too long

// Prints the member `list` of a JSON object, rows that are objects themselves, as comma-separated
// values: a line of their keys, then one per row; what is not a plain value is left out.
enum status output_csv(const char *json, const char *list);
// ERR_CONFIG when both were asked for.
enum status output_check(bool json, bool csv);
