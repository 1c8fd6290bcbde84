#include "experiments/report/report_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Room for one more in an array of `size`-byte elements.
static bool grow(struct report_tables *tables, void **array, int n, int *most, size_t size)
{
    if (n < *most) {
        return true;
    }
    const int larger = *most > 0 ? 2 * *most : 16;
    void *bytes = arena_alloc(tables->arena, (size_t)larger, size);
    if (bytes == NULL) {
        tables->failed = true;
        return false;
    }
    if (n > 0) {
        memcpy(bytes, *array, (size_t)n * size);
    }
    *array = bytes;
    *most = larger;
    return true;
}

static const char *keep(struct report_tables *tables, const char *text)
{
    const char *copy = arena_copy_text(tables->arena, text);
    tables->failed = tables->failed || copy == NULL;
    return copy != NULL ? copy : "";
}

struct report_table *report_table_begin(struct report_tables *tables, enum report_section section,
                                        const char *title, const char *note, bool folded)
{
    void *array = tables->tables;
    static struct report_table nowhere; // written to once memory has run out, read by nobody
    if (!grow(tables, &array, tables->n, &tables->most, sizeof *tables->tables)) {
        nowhere = (struct report_table){0};
        return &nowhere;
    }
    tables->tables = array;
    struct report_table *table = &tables->tables[tables->n++];
    *table = (struct report_table){.section = section,
                                   .title = keep(tables, title),
                                   .note = keep(tables, note),
                                   .folded = folded};
    table->headers = arena_alloc(tables->arena, 64, sizeof *table->headers);
    tables->failed = tables->failed || table->headers == NULL;
    return table;
}

void report_table_header(struct report_tables *tables, const char *header)
{
    struct report_table *table = &tables->tables[tables->n - 1];
    if (!tables->failed) {
        CHECK(table->columns < 64);
        table->headers[table->columns++] = keep(tables, header);
    }
}

void report_table_cell(struct report_tables *tables, const char *format, ...)
{
    char text[4096];
    if (tables->failed) {
        return;
    }
    struct report_table *table = &tables->tables[tables->n - 1];
    void *array = table->cells;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (grow(tables, &array, table->n, &table->most, sizeof *table->cells)) {
        table->cells = array;
        table->cells[table->n++] = keep(tables, text);
    }
}

const char *report_header(const struct report_column *column, const char *whole,
                          struct arena *arena)
{
    const char *at = strstr(column->header, "%s");
    if (at == NULL) {
        return column->header;
    }
    return arena_format(arena, "%.*s%s%s", (int)(at - column->header), column->header, whole,
                        at + 2);
}
