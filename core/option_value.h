// Reading and storing one option's value; shared by the config reader and the command line.
#pragma once
#include "core/json.h"
#include "core/option.h"

// Checks `value` against its row and stores it in the struct `values` that owns the row; NULL
// checks only. Errors begin "SOURCE: PATH: ", or "SOURCE: line N: PATH: " where the line is known.
struct option_reader {
    const char *source;
    struct arena *arena;         // for strings and lists
    const struct option *table;  // of the whole config, to tell where a key belongs; NULL = unknown
    const struct json *document; // that the values are of, for their lines; NULL = none
    // Where all faults go, a line each, and are counted; NULL: the first one ends the reading.
    struct option_faults *faults;
};
enum status option_read_value(const struct option_reader *reader, const struct option *row,
                              const char *path, const struct json *value, void *values);

// All members of an object that a table describes.
enum status option_read_object(const struct option_reader *reader, const struct option *table,
                               const char *path, const struct json *object, void *values);
