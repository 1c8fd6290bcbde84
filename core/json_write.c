// Writing JSON: commas, quoting and line breaks done right.
#include "core/json.h"
#include "core/json_scan.h"
#include "core/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_quoted(struct text *out, const char *value)
{
    text_add(out, "\"");
    size_t left = strlen(value);
    while (left > 0) {
        const unsigned char byte = (unsigned char)*value;
        size_t bytes = utf8_length(value, left);
        if (byte == '"' || byte == '\\') {
            text_add(out, "\\%c", byte);
        } else if (byte == '\n') {
            text_add(out, "\\n");
        } else if (byte == '\t') {
            text_add(out, "\\t");
        } else if (byte < 0x20 || byte == 0x7f) {
            text_add(out, "\\u%04x", byte);
        } else if (bytes == 0) { // not UTF-8, as file names may be: the replacement character
            text_add(out, "\\ufffd");
            bytes = 1;
        } else {
            text_add_bytes(out, value, bytes);
        }
        value += bytes;
        left -= bytes;
    }
    text_add(out, "\"");
}

static void break_line(const struct json_writer *writer)
{
    if (writer->pretty) {
        text_add(writer->out, "\n%*s", 2 * writer->depth, "");
    }
}

// What stands before a value: a comma if it is not the first, and its key.
static void before_value(struct json_writer *writer, const char *key)
{
    if (writer->depth > 0) {
        bool *comma = &writer->comma[writer->depth - 1];
        if (*comma) {
            text_add(writer->out, ",");
        }
        *comma = true;
        break_line(writer);
    }
    if (key != NULL) {
        add_quoted(writer->out, key);
        text_add(writer->out, writer->pretty ? ": " : ":");
    }
}

void json_write_begin(struct json_writer *writer, char bracket, const char *key)
{
    CHECK(bracket == '{' || bracket == '[');
    CHECK(writer->depth < JSON_DEPTH_MAX);
    before_value(writer, key);
    text_add(writer->out, "%c", bracket);
    writer->comma[writer->depth++] = false;
}

void json_write_end(struct json_writer *writer, char bracket)
{
    CHECK(bracket == '}' || bracket == ']');
    CHECK(writer->depth > 0);
    writer->depth--;
    if (writer->comma[writer->depth]) { // not empty
        break_line(writer);
    }
    text_add(writer->out, "%c", bracket);
    if (writer->depth == 0 && writer->pretty) {
        text_add(writer->out, "\n");
    }
}

void json_write_string(struct json_writer *writer, const char *key, const char *value)
{
    before_value(writer, key);
    add_quoted(writer->out, value);
}

void json_write_int(struct json_writer *writer, const char *key, int64_t value)
{
    before_value(writer, key);
    text_add(writer->out, "%" PRId64, value);
}

void json_write_double(struct json_writer *writer, const char *key, double value)
{
    before_value(writer, key);
    if (!isfinite(value)) {
        text_add(writer->out, "null");
        return;
    }
    if (fabs(value) < 1e15 && value == trunc(value)) {
        text_add(writer->out, "%.0f", value); // 100, where %g would give 1e+02
        return;
    }
    char shortest[40];
    for (int digits = 1; digits <= 17; digits++) { // 17 are always enough for a double
        snprintf(shortest, sizeof shortest, "%.*g", digits, value);
        if (strtod(shortest, NULL) == value) {
            break;
        }
    }
    text_add(writer->out, "%s", shortest);
}

void json_write_bool(struct json_writer *writer, const char *key, bool value)
{
    before_value(writer, key);
    text_add(writer->out, value ? "true" : "false");
}

void json_write_raw(struct json_writer *writer, const char *key, const char *json)
{
    before_value(writer, key);
    text_add(writer->out, "%s", json);
}

void json_write_value(struct json_writer *writer, const char *key, const struct json *value)
{
    const bool array = json_kind(value) == JSON_ARRAY;
    switch (json_kind(value)) {
    case JSON_NULL:
        json_write_raw(writer, key, "null");
        break;
    case JSON_BOOL:
        json_write_bool(writer, key, json_bool(value));
        break;
    case JSON_NUMBER:
        json_write_double(writer, key, json_number(value));
        break;
    case JSON_STRING:
        json_write_string(writer, key, json_string(value));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        json_write_begin(writer, array ? '[' : '{', key);
        for (int i = 0; i < json_count(value); i++) {
            const struct json *child = json_at(value, i);
            json_write_value(writer, array ? NULL : json_key(child), child);
        }
        json_write_end(writer, array ? ']' : '}');
        break;
    }
}
