// A sweep's own tables. Its file, sweep.h5, is a set of arrays; texts are rows of bytes padded with
// zeros.
#include "core/hdf5_file.h"
#include "experiments/report/report_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct sweep_file {
    const char *path;
    struct hdf5_file *file; // owned
    struct arena *arena;
};
struct texts {
    int64_t n, columns, width; // columns: 1 where there is one text a row
    const uint8_t *bytes;
};

static enum status read_texts(const struct sweep_file *f, const char *name, struct texts *out)
{
    struct hdf5_array array;
    uint8_t *bytes;
    TRY(hdf5_describe(f->file, name, &array));
    if (array.n_dims < 1 || array.n_dims > 3) {
        FAIL(ERR_INPUT, "%s: '%s' has %d dimensions, expected 1 to 3", f->path, name, array.n_dims);
    }
    *out = (struct texts){.n = array.n_dims > 1 ? array.dims[0] : 1,
                          .columns = array.n_dims > 2 ? array.dims[1] : 1,
                          .width = array.dims[array.n_dims - 1]};
    ARENA_NEW(f->arena, bytes, array.count + 1);
    out->bytes = bytes;
    return hdf5_read(f->file, name, HDF5_U8, array.count, bytes);
}

// Arena; "" when memory ran out.
static const char *text_at(const struct sweep_file *f, const struct texts *texts, int64_t row,
                           int64_t column)
{
    const uint8_t *at = texts->bytes + (row * texts->columns + column) * texts->width;
    const char *text = arena_format(f->arena, "%.*s", (int)texts->width, (const char *)at);
    return text != NULL ? text : "";
}

static enum status read_numbers(const struct sweep_file *f, const char *name, double **out,
                                int64_t *columns)
{
    struct hdf5_array array;
    TRY(hdf5_describe(f->file, name, &array));
    if (array.n_dims < 1 || array.n_dims > 2) {
        FAIL(ERR_INPUT, "%s: '%s' has %d dimensions, expected 1 or 2", f->path, name, array.n_dims);
    }
    *columns = array.n_dims > 1 ? array.dims[1] : 1;
    ARENA_NEW(f->arena, *out, array.count + 1);
    return hdf5_read(f->file, name, HDF5_F64, array.count, *out);
}

static void add_number(struct report_tables *tables, double value)
{
    isfinite(value) ? report_table_cell(tables, "%.4f", value) : report_table_cell(tables, "-");
}

static enum status add_importance(const struct sweep_file *f, const char *title,
                                  struct report_tables *tables)
{
    struct texts names;
    double *importance;
    int64_t one;
    TRY(read_texts(f, "options/name", &names));
    TRY(read_numbers(f, "options/importance", &importance, &one));
    report_table_begin(tables, SECTION_RESULTS, title,
                       "Importance: the share of the settings' variance that this option alone "
                       "explains.",
                       false);
    report_table_header(tables, "option");
    report_table_header(tables, ">importance");
    for (int64_t i = 0; i < names.n; i++) {
        report_table_cell(tables, "%s", text_at(f, &names, i, 0));
        add_number(tables, importance[i]);
    }
    return OK;
}

static enum status add_settings(const struct sweep_file *f, const char *title,
                                struct report_tables *tables)
{
    static const char *const keys[] = {"groups/done",      "groups/failed", "groups/mean",
                                       "groups/deviation", "groups/iqm",    "groups/iqm_low",
                                       "groups/iqm_high"};
    static const char *const headers[] = {
        ">done", ">failed", ">mean", ">deviation", ">interquartile mean", ">from", ">to"};
    enum { KEYS = sizeof keys / sizeof keys[0], NAMED = 32 };
    struct texts options, values;
    double *columns[KEYS];
    int64_t width[KEYS];
    TRY(read_texts(f, "options/name", &options));
    TRY(read_texts(f, "groups/values", &values));
    for (int k = 0; k < KEYS; k++) {
        TRY(read_numbers(f, keys[k], &columns[k], &width[k]));
    }
    report_table_begin(tables, SECTION_RESULTS, title,
                       "Over all tasks and seeds; the interquartile mean with its 95% interval.",
                       false);
    const int64_t named = options.n < NAMED ? options.n : NAMED;
    for (int64_t i = 0; i < named; i++) {
        report_table_header(tables, text_at(f, &options, i, 0));
    }
    for (int k = 0; k < KEYS; k++) {
        report_table_header(tables, headers[k]);
    }
    for (int64_t s = 0; s < values.n; s++) {
        for (int64_t i = 0; i < named; i++) {
            const char *value = i < values.columns ? text_at(f, &values, s, i) : "";
            report_table_cell(tables, "%s", value[0] != '\0' ? value : "-");
        }
        for (int k = 0; k < KEYS; k++) {
            const double value = columns[k][s * width[k] + width[k] - 1];
            k < 2 ? report_table_cell(tables, "%.0f", value) : add_number(tables, value);
        }
    }
    return OK;
}

static enum status add_tables(const struct sweep_file *f, struct report_tables *tables)
{
    struct texts name, figure;
    char title[512];
    TRY(read_texts(f, "sweep/name", &name));
    TRY(read_texts(f, "sweep/figure", &figure));
    snprintf(title, sizeof title, "Sweep %s: settings, by %s", text_at(f, &name, 0, 0),
             text_at(f, &figure, 0, 0));
    TRY(add_settings(f, title, tables));
    snprintf(title, sizeof title, "Sweep %s: what matters", text_at(f, &name, 0, 0));
    return add_importance(f, title, tables);
}

enum status report_sweep_tables(const char *folder, struct report_tables *tables)
{
    struct sweep_file f = {.arena = tables->arena};
    f.path = arena_format(tables->arena, "%s/sweep.h5", folder);
    TRY(f.path != NULL ? OK : ERR_MEMORY);
    TRY(hdf5_open(f.path, &f.file));
    const enum status code = add_tables(&f, tables);
    hdf5_close(f.file);
    return code;
}
