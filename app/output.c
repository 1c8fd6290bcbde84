// Aligned tables and JSON objects on standard output.
#include "app/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN_GAP 2

void output_table_open(struct output_table *table, const char *const *headers)
{
    *table = (struct output_table){.headers = headers};
    while (headers[table->columns] != NULL) {
        table->columns++;
    }
}

static void add_cell(struct output_table *table, const char *text)
{
    if (table->n == table->capacity) {
        const int capacity = table->capacity > 0 ? 2 * table->capacity : 64;
        const char **cells = realloc(table->cells, (size_t)capacity * sizeof *cells);
        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    table->cells[table->n] = arena_copy_text(&table->arena, text);
    if (table->cells[table->n] == NULL) {
        table->failed = true;
        return;
    }
    table->n++;
}

void output_cell(struct output_table *table, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_cell(table, text);
}

const char *output_count(int64_t value, char *out)
{
    char digits[24];
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    const int sign = digits[0] == '-';
    int length = 0;
    for (int i = 0; i < n; i++) {
        if (i > sign && (n - i) % 3 == 0) {
            out[length++] = ',';
        }
        out[length++] = digits[i];
    }
    out[length] = '\0';
    return out;
}

void output_cell_count(struct output_table *table, int64_t value)
{
    char text[32];
    add_cell(table, output_count(value, text));
}

static int column_width(const struct output_table *table, int column)
{
    const char *header = table->headers[column];
    size_t width = strlen(header) - (header[0] == '>');
    for (int i = column; i < table->n; i += table->columns) {
        const size_t length = strlen(table->cells[i]);
        width = length > width ? length : width;
    }
    return (int)width;
}

static void print_cell(const struct output_table *table, int column, int width, const char *text)
{
    const bool last = column == table->columns - 1;
    if (table->headers[column][0] == '>') {
        printf("%*s", width, text);
    } else if (last) {
        printf("%s", text);
    } else {
        printf("%-*s", width, text);
    }
    printf("%*s", last ? 0 : COLUMN_GAP, "");
    if (last) {
        printf("\n");
    }
}

void output_table_print(const struct output_table *table)
{
    if (table->failed) {
        printf("(memory ran out while this table was made)\n");
        return;
    }
    CHECK(table->n % table->columns == 0);
    for (int column = 0; column < table->columns; column++) {
        const char *header = table->headers[column];
        print_cell(table, column, column_width(table, column), header + (header[0] == '>'));
    }
    for (int i = 0; i < table->n; i++) {
        const int column = i % table->columns;
        print_cell(table, column, column_width(table, column), table->cells[i]);
    }
}

void output_table_close(struct output_table *table)
{
    free(table->cells);
    arena_close(&table->arena);
    memset(table, 0, sizeof *table);
}

void output_json_begin(struct output_json *out)
{
    *out = (struct output_json){.writer = {.pretty = true}};
    out->writer.out = &out->text;
    json_write_begin(&out->writer, '{', NULL);
}

enum status output_json_end(struct output_json *out)
{
    json_write_end(&out->writer, '}');
    enum status status = OK;
    if (out->text.failed) {
        status = status_fail(ERR_MEMORY, __FILE__, __LINE__,
                             "no memory for the JSON text of the result");
    } else if (out->csv != NULL) {
        status = output_csv(out->text.bytes, out->csv);
    } else {
        printf("%s\n", out->text.bytes);
    }
    text_close(&out->text);
    return status;
}
