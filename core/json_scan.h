// The grammar of JSON (RFC 8259), checked without building anything. Only json.c uses it.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    JSON_DEPTH_MAX = 64,
    JSON_VALUES_MAX = 1 << 20, // each takes some 200 bytes of memory while it is read, "1," two
};

// What is wrong with a text, and where (both from 1; a column counts bytes).
struct json_flaw {
    int line, column;
    char what[160];
};

// True when the text is one JSON value and nothing else: strict grammar, valid UTF-8, no NUL in
// any form, no number beyond a double's range, no nesting deeper than JSON_DEPTH_MAX, no more
// values than JSON_VALUES_MAX.
bool json_scan(const char *text, size_t length, struct json_flaw *flaw);

// Where the value with this number (from 0, in the order of the text) begins, with its key where it
// has one. The text must be valid.
void json_scan_locate(const char *text, size_t length, int value, int *line, int *column);

// Spaces in place of comments, from // to the end of the line and outside of strings, so that all
// else stays where it is.
void json_scan_blank_comments(char *text, size_t length);
