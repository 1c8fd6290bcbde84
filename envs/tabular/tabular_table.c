#include "envs/tabular/tabular_table.h"

#include "core/file.h"

#include <math.h>
#include <stdlib.h>

const struct tabular_format *const tabular_formats[] = {
#define X(id, name, text) &tabular_##name,
    TABULAR_FORMAT_LIST(X)
#undef X
};

int tabular_number(const struct tabular_format *format, const int16_t *steps)
{
    int number = 0;
    for (int i = 0; i < format->steps; i++) {
        CHECK(steps[i] >= 0 && steps[i] < format->n_operations);
        number = number * format->n_operations + steps[i];
    }
    return number;
}

void tabular_steps(const struct tabular_format *format, int number, int16_t *steps)
{
    for (int i = format->steps - 1; i >= 0; i--) {
        steps[i] = (int16_t)(number % format->n_operations);
        number /= format->n_operations;
    }
}

static enum status find_folder(const struct tabular_format *format, const char *folder, char *out,
                               size_t bytes)
{
    const char *data = getenv("DIKDIK_DATA");
    if (folder[0] != '\0') {
        return file_join(out, bytes, folder, "");
    }
    if (data == NULL || data[0] == '\0') {
        FAIL(ERR_CONFIG,
             "tabular.path: expected the folder of the table %s, as DIKDIK_DATA does not name one "
             "that holds %s",
             format->name, format->folder);
    }
    return file_join(out, bytes, data, format->folder);
}

static enum status make_arrays(const struct tabular_format *format, struct arena *arena,
                               struct tabular_table *table)
{
    table->format = format;
    table->n = 1;
    for (int i = 0; i < format->steps; i++) {
        table->n *= format->n_operations;
    }
    const size_t n = (size_t)table->n, results = n * (size_t)format->n_data;
    ARENA_NEW(arena, table->proxy, results);
    ARENA_NEW(arena, table->final, results);
    for (size_t i = 0; i < results; i++) {
        table->proxy[i] = table->final[i] = NAN;
    }
    if (format->has_costs) {
        ARENA_NEW(arena, table->macs, n);
        ARENA_NEW(arena, table->params, n);
    }
    if (format->has_equals) {
        ARENA_NEW(arena, table->canonical, n);
        for (int i = 0; i < table->n; i++) {
            table->canonical[i] = i;
        }
    }
    return OK;
}

enum status tabular_table_read(enum tabular_kind kind, const char *folder, struct arena *arena,
                               struct tabular_table *out)
{
    const struct tabular_format *format = tabular_formats[kind];
    char path[4096];
    struct tabular_table table = {0};
    struct arena scratch = {0};
    TRY(find_folder(format, folder, path, sizeof path));
    TRY(make_arrays(format, arena, &table));
    const enum status code = format->read(path, &scratch, &table);
    arena_close(&scratch);
    if (code != OK) {
        return status_context(code, "table %s", format->name);
    }
    *out = table;
    return OK;
}
