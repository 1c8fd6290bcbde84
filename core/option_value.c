// From a JSON value to a member of a struct, as the option's row says.
#include "core/option_value.h"

#include "core/option_unknown.h"
#include "core/suggest.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// From here on a double no longer tells neighbouring integers apart (2^53).
static const double exact_below = 9007199254740992.0;

static void store(void *values, const struct option *row, const void *value, size_t bytes)
{
    if (values != NULL) {
        memcpy((char *)values + row->offset, value, bytes);
    }
}

// What was found, for messages: "the string 'abc'", "3.5", "a list".
static const char *describe(const struct json *value, char *out, size_t out_bytes)
{
    switch (json_kind(value)) {
    case JSON_STRING:
        snprintf(out, out_bytes, "the string '%.60s'", json_string(value));
        break;
    case JSON_NUMBER:
        snprintf(out, out_bytes, "%.15g", json_number(value));
        break;
    case JSON_BOOL:
        snprintf(out, out_bytes, "%s", json_bool(value) ? "true" : "false");
        break;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        snprintf(out, out_bytes, "%s", json_kind_name(json_kind(value)));
        break;
    }
    return out;
}

enum { PLACE_CHARS = 512 };

// "SOURCE", or "SOURCE: line N".
static const char *place_of(const struct option_reader *reader, const struct json *value, char *out)
{
    const int line = reader->document != NULL ? json_line(reader->document, value) : 0;
    if (line == 0) {
        return reader->source;
    }
    snprintf(out, PLACE_CHARS, "%.480s: line %d", reader->source, line);
    return out;
}

// Whether a fault was put to the others, so that reading goes on.
static bool collect(const struct option_reader *reader, enum status code)
{
    if (reader->faults == NULL || code != ERR_CONFIG) {
        return false;
    }
    text_add(&reader->faults->text, "%s\n", status_message());
    reader->faults->n++;
    return true;
}

static enum status fail_type(const struct option_reader *reader, const char *path,
                             const char *expected, const struct json *value)
{
    char got[128], place[PLACE_CHARS];
    FAIL(ERR_CONFIG, "%s: %s: expected %s, got %s", place_of(reader, value, place), path, expected,
         describe(value, got, sizeof got));
}

static enum status check_bounds(const struct option_reader *reader, const struct option *row,
                                const char *path, const struct json *at, double value)
{
    if (option_bounded(row) && !(value >= row->least && value <= row->most)) {
        char place[PLACE_CHARS];
        FAIL(ERR_CONFIG, "%s: %s: %.15g is out of range, expected %.15g to %.15g",
             place_of(reader, at, place), path, value, row->least, row->most);
    }
    return OK;
}

// A whole number within the row's bounds and [least, most].
static enum status read_whole(const struct option_reader *reader, const struct option *row,
                              const char *path, const struct json *value, double least, double most,
                              double *out)
{
    const bool is_number = json_kind(value) == JSON_NUMBER;
    const double number = is_number ? json_number(value) : 0.0;
    if (!is_number || number != trunc(number)) {
        return fail_type(reader, path, "an integer", value);
    }
    char place[PLACE_CHARS];
    if (fabs(number) >= exact_below) {
        FAIL(ERR_CONFIG, "%s: %s: an integer of this size (2^53 or more) is not exact in JSON%s",
             place_of(reader, value, place), path,
             row->kind == OPTION_SEED ? "; write the seed as a string of digits" : "");
    }
    TRY(check_bounds(reader, row, path, value, number));
    if (number < least || number > most) {
        FAIL(ERR_CONFIG, "%s: %s: %.15g is out of range, expected %.15g to %.15g",
             place_of(reader, value, place), path, number, least, most);
    }
    *out = number;
    return OK;
}

static enum status read_int(const struct option_reader *reader, const struct option *row,
                            const char *path, const struct json *value, int *out)
{
    double number;
    TRY(read_whole(reader, row, path, value, INT_MIN, INT_MAX, &number));
    *out = (int)number;
    return OK;
}

static enum status read_double(const struct option_reader *reader, const struct option *row,
                               const char *path, const struct json *value, double *out)
{
    if (json_kind(value) != JSON_NUMBER) {
        return fail_type(reader, path, "a number", value);
    }
    TRY(check_bounds(reader, row, path, value, json_number(value)));
    *out = json_number(value);
    return OK;
}

static enum status read_seed(const struct option_reader *reader, const struct option *row,
                             const char *path, const struct json *value, uint64_t *out)
{
    if (json_kind(value) != JSON_STRING) {
        double number;
        TRY(read_whole(reader, row, path, value, 0.0, exact_below, &number));
        *out = (uint64_t)number;
        return OK;
    }
    const char *digits = json_string(value);
    errno = 0;
    const unsigned long long seed = strtoull(digits, NULL, 10);
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0' || errno == ERANGE) {
        return fail_type(reader, path, "a seed from 0 to 18446744073709551615", value);
    }
    TRY(check_bounds(reader, row, path, value, (double)seed));
    *out = seed;
    return OK;
}

// Where "on" and "off" are choices, true and false say the same.
static const char *choice_word(const struct option *row, const char *word)
{
    const bool is_true = strcmp(word, "true") == 0;
    if (!is_true && strcmp(word, "false") != 0) {
        return word;
    }
    const char *plain = is_true ? "on" : "off";
    return option_choice_find(row->choices, plain) >= 0 ? plain : word;
}

static enum status read_choice(const struct option_reader *reader, const struct option *row,
                               const char *path, const struct json *value, int *out)
{
    const char *word = NULL;
    if (json_kind(value) == JSON_STRING) {
        word = choice_word(row, json_string(value));
    } else if (json_kind(value) == JSON_BOOL) {
        const char *plain = json_bool(value) ? "true" : "false";
        word = choice_word(row, plain) != plain ? choice_word(row, plain) : NULL;
    }
    if (word == NULL) {
        return fail_type(reader, path, "a string", value);
    }
    const int choice = option_choice_find(row->choices, word);
    if (choice >= 0) {
        *out = choice;
        return OK;
    }
    struct text names = {0};
    struct suggest suggest = suggest_begin(word);
    for (int i = 0; row->choices[i] != NULL; i++) {
        text_add(&names, "%s%s", i > 0 ? ", " : "", row->choices[i]);
        suggest_offer(&suggest, row->choices[i]);
    }
    const char *best = suggest.best;
    char place[PLACE_CHARS];
    const enum status status = status_fail(
        ERR_CONFIG, __FILE__, __LINE__, "%s: %s: expected one of %s, got '%.60s'%s%s%s",
        place_of(reader, value, place), path, names.failed ? "the choices" : names.bytes, word,
        best != NULL ? " (did you mean '" : "", best != NULL ? best : "",
        best != NULL ? "'?)" : "");
    text_close(&names);
    return status;
}

static enum status read_text(const struct option_reader *reader, const struct option *row,
                             const char *path, const struct json *value, const char **out)
{
    (void)row;
    if (json_kind(value) != JSON_STRING) {
        return fail_type(reader, path, "a string", value);
    }
    *out = arena_copy_text(reader->arena, json_string(value));
    return *out != NULL ? OK : ERR_MEMORY;
}

static enum status read_int_list(const struct option_reader *reader, const struct option *row,
                                 const char *path, const struct json *value,
                                 const struct int_list **out)
{
    if (json_kind(value) != JSON_ARRAY) {
        return fail_type(reader, path, "a list of integers", value);
    }
    struct int_list *list;
    int *items;
    ARENA_NEW(reader->arena, list, 1);
    ARENA_NEW(reader->arena, items, (size_t)json_count(value));
    for (int i = 0; i < json_count(value); i++) {
        char element[256];
        snprintf(element, sizeof element, "%.200s[%d]", path, i);
        TRY(read_int(reader, row, element, json_at(value, i), &items[i]));
    }
    *list = (struct int_list){.n = json_count(value), .values = items};
    *out = list;
    return OK;
}

static enum status read_double_list(const struct option_reader *reader, const struct option *row,
                                    const char *path, const struct json *value,
                                    const struct double_list **out)
{
    if (json_kind(value) != JSON_ARRAY) {
        return fail_type(reader, path, "a list of numbers", value);
    }
    struct double_list *list;
    double *items;
    ARENA_NEW(reader->arena, list, 1);
    ARENA_NEW(reader->arena, items, (size_t)json_count(value));
    for (int i = 0; i < json_count(value); i++) {
        char element[256];
        snprintf(element, sizeof element, "%.200s[%d]", path, i);
        TRY(read_double(reader, row, element, json_at(value, i), &items[i]));
    }
    *list = (struct double_list){.n = json_count(value), .values = items};
    *out = list;
    return OK;
}

static enum status read_map(const struct option_reader *reader, const struct option *row,
                            const char *path, const struct json *value, const struct int_map **out)
{
    if (json_kind(value) != JSON_OBJECT) {
        return fail_type(reader, path, "an object of integers", value);
    }
    struct int_map *map;
    const char **keys;
    int *items;
    const size_t n = (size_t)json_count(value);
    ARENA_NEW(reader->arena, map, 1);
    ARENA_NEW(reader->arena, keys, n);
    ARENA_NEW(reader->arena, items, n);
    for (int i = 0; i < json_count(value); i++) {
        const struct json *entry = json_at(value, i);
        char element[512];
        snprintf(element, sizeof element, "%.200s.%.200s", path, json_key(entry));
        TRY(read_int(reader, row, element, entry, &items[i]));
        keys[i] = arena_copy_text(reader->arena, json_key(entry));
        if (keys[i] == NULL) {
            return ERR_MEMORY;
        }
    }
    *map = (struct int_map){.n = json_count(value), .keys = keys, .values = items};
    *out = map;
    return OK;
}

static enum status read_objects(const struct option_reader *reader, const struct option *row,
                                const char *path, const struct json *value,
                                const struct object_list **out)
{
    if (json_kind(value) != JSON_ARRAY) {
        return fail_type(reader, path, "a list of objects", value);
    }
    struct object_list *list;
    const int n = json_count(value);
    ARENA_NEW(reader->arena, list, 1);
    char *items = arena_alloc(reader->arena, (size_t)n, row->element_bytes);
    if (items == NULL) {
        return ERR_MEMORY;
    }
    for (int i = 0; i < n; i++) {
        char element[256];
        snprintf(element, sizeof element, "%.200s[%d]", path, i);
        void *item = items + (size_t)i * row->element_bytes;
        option_defaults(row->table, item);
        const enum status code =
            option_read_object(reader, row->table, element, json_at(value, i), item);
        if (code != OK && !collect(reader, code)) {
            return code;
        }
    }
    *list = (struct object_list){.n = n, .stride = row->element_bytes, .values = items};
    *out = list;
    return OK;
}

// Reads a value with `read` into a local of its type and stores that.
#define READ_AND_STORE(type, read)                                                                 \
    do {                                                                                           \
        type result_ = {0};                                                                        \
        TRY(read(reader, row, path, value, &result_));                                             \
        store(values, row, &result_, sizeof result_);                                              \
    } while (0)

enum status option_read_value(const struct option_reader *reader, const struct option *row,
                              const char *path, const struct json *value, void *values)
{
    switch (row->kind) {
    case OPTION_BOOL:
        if (json_kind(value) != JSON_BOOL) {
            return fail_type(reader, path, "true or false", value);
        }
        store(values, row, &(bool){json_bool(value)}, sizeof(bool));
        break;
    case OPTION_INT64: {
        double whole;
        TRY(read_whole(reader, row, path, value, -exact_below, exact_below, &whole));
        store(values, row, &(int64_t){(int64_t)whole}, sizeof(int64_t));
        break;
    }
    case OPTION_INT:
        READ_AND_STORE(int, read_int);
        break;
    case OPTION_SEED:
        READ_AND_STORE(uint64_t, read_seed);
        break;
    case OPTION_DOUBLE:
        READ_AND_STORE(double, read_double);
        break;
    case OPTION_STRING:
        READ_AND_STORE(const char *, read_text);
        break;
    case OPTION_CHOICE:
        READ_AND_STORE(int, read_choice);
        break;
    case OPTION_INT_LIST:
        READ_AND_STORE(const struct int_list *, read_int_list);
        break;
    case OPTION_DOUBLE_LIST:
        READ_AND_STORE(const struct double_list *, read_double_list);
        break;
    case OPTION_MAP_INT:
        READ_AND_STORE(const struct int_map *, read_map);
        break;
    case OPTION_LIST:
        READ_AND_STORE(const struct object_list *, read_objects);
        break;
    case OPTION_OBJECT:
        return option_read_object(reader, row->table, path, value,
                                  values != NULL ? (char *)values + row->offset : NULL);
    }
    return OK;
}

static enum status fail_unknown(const struct option_reader *reader, const struct option *table,
                                const char *path, const struct json *member)
{
    const char *key = json_key(member);
    char place[PLACE_CHARS];
    struct text hint = {0};
    option_hint_unknown(reader->table, table, key, &hint);
    const enum status status =
        status_fail(ERR_CONFIG, __FILE__, __LINE__, "%s: %s%s%.100s: unknown option (%s)",
                    place_of(reader, member, place), path, *path != '\0' ? "." : "", key,
                    hint.failed ? "" : hint.bytes);
    text_close(&hint);
    return status;
}

static enum status read_member(const struct option_reader *reader, const struct option *table,
                               const char *path, const struct json *value, void *values)
{
    const struct option *row = table;
    if (*path == '\0' && strcmp(json_key(value), "$schema") == 0) {
        return OK; // for editors
    }
    while (row->key != NULL && strcmp(row->key, json_key(value)) != 0) {
        row++;
    }
    if (row->key == NULL) {
        return fail_unknown(reader, table, path, value);
    }
    char member[512];
    snprintf(member, sizeof member, "%.400s%s%s", path, *path != '\0' ? "." : "", row->key);
    return option_read_value(reader, row, member, value, values);
}

enum status option_read_object(const struct option_reader *reader, const struct option *table,
                               const char *path, const struct json *object, void *values)
{
    if (json_kind(object) != JSON_OBJECT) {
        return fail_type(reader, *path != '\0' ? path : "the whole text", "an object", object);
    }
    for (int i = 0; i < json_count(object); i++) {
        const enum status code = read_member(reader, table, path, json_at(object, i), values);
        if (code != OK && !collect(reader, code)) {
            return code;
        }
    }
    return OK;
}
