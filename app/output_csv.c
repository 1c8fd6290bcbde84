// The rows of a result as comma-separated values (RFC 4180, lines end with \n).
#include "app/output.h"
#include "core/csv_write.h"

#include <stdio.h>
#include <string.h>

enum { MOST_COLUMNS = 64 };

struct columns {
    const char *keys[MOST_COLUMNS]; // borrowed from the document
    int n;
};

// What fits a cell; objects and lists do not.
static bool is_plain(const struct json *value)
{
    return json_kind(value) != JSON_ARRAY && json_kind(value) != JSON_OBJECT;
}

// In the order in which rows name them: not every row has all.
static void find_columns(const struct json *rows, struct columns *out)
{
    for (int i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        for (int k = 0; k < json_count(row); k++) {
            const struct json *value = json_at(row, k);
            int at = 0;
            while (at < out->n && strcmp(out->keys[at], json_key(value)) != 0) {
                at++;
            }
            if (at == out->n && is_plain(value)) {
                CHECK(out->n < MOST_COLUMNS);
                out->keys[out->n++] = json_key(value);
            }
        }
    }
}

static void add_value(struct text *out, const struct json *value)
{
    if (value == NULL) {
        return;
    }
    switch (json_kind(value)) {
    case JSON_STRING:
        csv_add_field(out, json_string(value));
        break;
    case JSON_NUMBER:
        csv_add_number(out, json_number(value));
        break;
    case JSON_BOOL:
        text_add(out, json_bool(value) ? "true" : "false");
        break;
    default:
        break; // null: nothing is known
    }
}

static void compose(const struct json *rows, struct text *out)
{
    struct columns columns = {.n = 0};
    find_columns(rows, &columns);
    for (int k = 0; k < columns.n; k++) {
        text_add(out, k > 0 ? "," : "");
        csv_add_field(out, columns.keys[k]);
    }
    text_add(out, "\n");
    for (int i = 0; i < json_count(rows); i++) {
        for (int k = 0; k < columns.n; k++) {
            text_add(out, k > 0 ? "," : "");
            const struct json *value = json_get(json_at(rows, i), columns.keys[k]);
            add_value(out, value != NULL && is_plain(value) ? value : NULL);
        }
        text_add(out, "\n");
    }
}

enum status output_csv(const char *json, const char *list)
{
    struct json *document;
    struct text text = {0};
    TRY(json_parse(json, strlen(json), "result", &document));
    const struct json *rows = json_get(document, list);
    CHECK(rows != NULL && json_kind(rows) == JSON_ARRAY);
    compose(rows, &text);
    const bool failed = text.failed;
    if (!failed) {
        fputs(text.bytes, stdout);
    }
    text_close(&text);
    json_close(document);
    if (failed) {
        FAIL(ERR_MEMORY, "no memory for the table of the result");
    }
    return OK;
}

enum status output_check(bool json, bool csv)
{
    if (json && csv) {
        FAIL(ERR_CONFIG, "--json and --csv: standard output has room for one of them");
    }
    return OK;
}
