#include "core/csv.h"

#include "core/file.h"
#include "core/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Takes the next line off the text; NULL: there is none.
static char *take_line(struct csv *csv)
{
    char *line = csv->at;
    if (*line == '\0') {
        return NULL;
    }
    char *end = strchr(line, '\n');
    csv->at = end != NULL ? end + 1 : line + strlen(line);
    if (end != NULL) {
        *end = '\0';
    }
    const size_t length = strlen(line);
    if (length > 0 && line[length - 1] == '\r') {
        line[length - 1] = '\0';
    }
    csv->line++;
    return line;
}

// Cuts a line at its commas; *n: fields, one more than there is room for where there are too many.
static enum status cut(const struct csv *csv, char *line, const char **fields, int *n)
{
    if (strchr(line, '"') != NULL) {
        FAIL(ERR_INPUT,
             "%s, line %d: there is a quotation mark; fields must be plain text between "
             "commas",
             csv->path, csv->line);
    }
    for (*n = 0; line != NULL && *n <= CSV_MOST_COLUMNS; ++*n) {
        char *comma = strchr(line, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        if (*n < CSV_MOST_COLUMNS) {
            fields[*n] = line;
        }
        line = comma != NULL ? comma + 1 : NULL;
    }
    return OK;
}

enum status csv_open(const char *path, size_t most_bytes, struct arena *arena, struct csv *out)
{
    struct csv csv = {.path = path};
    char *bytes;
    size_t n_bytes;
    TRY(file_read(path, most_bytes, arena, &bytes, &n_bytes));
    if (strlen(bytes) != n_bytes) {
        FAIL(ERR_INPUT, "%s: this is no text: there is a zero byte in it", path);
    }
    csv.at = bytes;
    char *line = take_line(&csv);
    if (line == NULL) {
        FAIL(ERR_INPUT, "%s: it is empty; expected a line of column names", path);
    }
    TRY(cut(&csv, line, csv.names, &csv.n_columns));
    if (csv.n_columns > CSV_MOST_COLUMNS) {
        FAIL(ERR_INPUT, "%s, line 1: more than %d columns", path, CSV_MOST_COLUMNS);
    }
    *out = csv;
    return OK;
}

enum status csv_find(const struct csv *csv, const char *name, int *out)
{
    for (int i = 0; i < csv->n_columns; i++) {
        if (strcmp(csv->names[i], name) == 0) {
            *out = i;
            return OK;
        }
    }
    struct text names = {0};
    for (int i = 0; i < csv->n_columns; i++) {
        text_add(&names, "%s%.40s", i > 0 ? ", " : "", csv->names[i]);
    }
    (void)status_fail(ERR_INPUT, __FILE__, __LINE__,
                      "%s, line 1: expected a column \"%s\", got only %.300s", csv->path, name,
                      names.bytes != NULL ? names.bytes : "others");
    text_close(&names);
    return ERR_INPUT;
}

enum status csv_next(struct csv *csv, bool *more)
{
    char *line = take_line(csv);
    *more = line != NULL && *line != '\0';
    if (!*more) {
        while (line != NULL && *line == '\0') {
            line = take_line(csv);
        }
        if (line != NULL) {
            FAIL(ERR_INPUT, "%s, line %d: there is a row behind an empty line", csv->path,
                 csv->line);
        }
        return OK;
    }
    int n;
    TRY(cut(csv, line, csv->fields, &n));
    if (n != csv->n_columns) {
        FAIL(
            ERR_INPUT,
            "%s, line %d: %s%d fields, expected %d as in the line of names; the file is damaged or "
            "cut off",
            csv->path, csv->line, n > CSV_MOST_COLUMNS ? "at least " : "", n, csv->n_columns);
    }
    return OK;
}

enum status csv_number(const struct csv *csv, int column, double least, double most, double *out)
{
    const char *field = csv->fields[column];
    char *end;
    const double value = strtod(field, &end);
    if (end == field || *end != '\0' || !isfinite(value) || value < least || value > most) {
        FAIL(ERR_INPUT, "%s, line %d, column %s: expected a number from %g to %g, got \"%.40s\"",
             csv->path, csv->line, csv->names[column], least, most, field);
    }
    *out = value;
    return OK;
}

enum status csv_integer(const struct csv *csv, int column, int64_t least, int64_t most,
                        int64_t *out)
{
    const char *field = csv->fields[column];
    char *end;
    errno = 0;
    const long long value = strtoll(field, &end, 10);
    if (end == field || *end != '\0' || errno != 0 || value < least || value > most) {
        FAIL(ERR_INPUT,
             "%s, line %d, column %s: expected a whole number from %lld to %lld, got \"%.40s\"",
             csv->path, csv->line, csv->names[column], (long long)least, (long long)most, field);
    }
    *out = value;
    return OK;
}
