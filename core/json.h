// JSON, strictly: no trailing text, no duplicate keys, exact case, numbers kept exact up to 2^53.
// Wraps cJSON, the only place that sees it.
#pragma once
#include "core/arena.h"
#include "core/status.h"
#include "core/text.h"

#include <stdint.h>

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
struct json; // a value; all values of one document live and die with the document

// Parses text of `length` bytes (need not be NUL-ended). `source` names it in errors
// ("config.json"). ERR_CONFIG with line and column for bad syntax, duplicate keys, nesting deeper
// than 64, or more than a million values.
enum status json_parse(const char *text, size_t length, const char *source, struct json **out);
enum status json_read_file(const char *path, struct json **out); // ERR_INPUT if it cannot be read
// The same of a config, in which // begins a comment that ends with its line.
enum status json_read_config(const char *path, struct json **out);
void json_close(struct json *document); // NULL is fine
// The line that a value of a config begins on, with its key where it has one; 0 where that is not
// known: it was set, or its document is no config.
int json_line(const struct json *document, const struct json *value);

enum json_kind json_kind(const struct json *value);
const char *json_kind_name(enum json_kind kind);
bool json_bool(const struct json *value);
double json_number(const struct json *value);
const char *json_string(const struct json *value);
int json_count(const struct json *value);                        // of an array or object
const struct json *json_at(const struct json *value, int index); // child by position
const char *json_key(const struct json *value);                  // key of a child of an object
const struct json *json_get(const struct json *object, const char *key); // NULL if absent
// Whether two values say the same: members of objects in any order.
bool json_same(const struct json *a, const struct json *b);

// Changing a document: used for --set and for tables of defaults.
// Sets the value at a dotted path ("train.epochs"; "tasks.0.name" in a list's first element),
// making objects on the way, but no elements of lists. `text` is JSON; what is not JSON is a
// string.
enum status json_set_path(struct json *document, const char *path, const char *text);
// The same with the path as separate keys, which may hold dots themselves; n_keys >= 1.
enum status json_set_keys(struct json *document, const char *const *keys, int n_keys,
                          const char *text);

// Takes a member out of an object; none of this key is fine. What it was lives on as long as the
// document.
void json_remove(struct json *object, const char *key);

// Writing: a small builder that appends to a text, with commas and quoting done right. Non-finite
// numbers become null.
struct json_writer {
    struct text *out;
    int depth;
    bool comma[64];
    bool pretty;
};
void json_write_begin(struct json_writer *writer, char bracket,
                      const char *key); // bracket '{' or '['; key NULL in arrays and at the top
void json_write_end(struct json_writer *writer, char bracket); // '}' or ']'
void json_write_string(struct json_writer *writer, const char *key, const char *value);
void json_write_int(struct json_writer *writer, const char *key, int64_t value);
void json_write_double(struct json_writer *writer, const char *key,
                       double value); // shortest text that reads back the same
void json_write_bool(struct json_writer *writer, const char *key, bool value);
void json_write_raw(struct json_writer *writer, const char *key, const char *json);
void json_write_value(struct json_writer *writer, const char *key, const struct json *value);
