// Configs: JSON in and out, by option tables. The command line is in cli.c.
#include "core/config.h"

#include "core/option_value.h"

#include <inttypes.h>
#include <stdio.h>

enum status config_read(const struct json *document, const char *source, const struct option *table,
                        void *values, struct arena *arena)
{
    const struct option_reader reader = {
        .source = source, .arena = arena, .table = table, .document = document};
    option_defaults(table, values);
    return option_read_object(&reader, table, "", document, values);
}

enum status config_read_all(const struct json *document, const char *source,
                            const struct option *table, void *values, struct arena *arena,
                            struct option_faults *faults)
{
    const struct option_reader reader = {
        .source = source, .arena = arena, .table = table, .document = document, .faults = faults};
    option_defaults(table, values);
    const enum status code = option_read_object(&reader, table, "", document, values);
    if (code == ERR_CONFIG) { // it is no object
        text_add(&faults->text, "%s\n", status_message());
        faults->n++;
    }
    TRY(code);
    if (faults->text.failed) {
        FAIL(ERR_MEMORY, "%s: no memory for its faults", source);
    }
    if (faults->n > 0) {
        FAIL(ERR_CONFIG, "%s: %d faults", source, faults->n);
    }
    return OK;
}

// The member that a row describes, as its type. `values` is the struct that owns the row.
#define MEMBER(type, values, row) (*(type const *)((const char *)(values) + (row)->offset))

// Seeds that a JSON number cannot hold exactly are written as strings.
static void write_seed(struct json_writer *writer, const char *key, uint64_t seed)
{
    if (seed < UINT64_C(1) << 53) {
        json_write_int(writer, key, (int64_t)seed);
    } else {
        char digits[24];
        snprintf(digits, sizeof digits, "%" PRIu64, seed);
        json_write_string(writer, key, digits);
    }
}

// Which rows are written: those that shape `only`, or all of them.
struct filter {
    enum option_shapes only; // SHAPES_AS_AROUND = all
    enum option_shapes around;
};

static void write_object(struct json_writer *writer, const struct option *table, const void *values,
                         const char *key, struct filter filter);

static void write_lists(struct json_writer *writer, const struct option *row, const void *values,
                        struct filter inside)
{
    if (row->kind == OPTION_INT_LIST) {
        const struct int_list *list = MEMBER(const struct int_list *, values, row);
        json_write_begin(writer, '[', row->key);
        for (int i = 0; i < list->n; i++) {
            json_write_int(writer, NULL, list->values[i]);
        }
        json_write_end(writer, ']');
    } else if (row->kind == OPTION_DOUBLE_LIST) {
        const struct double_list *list = MEMBER(const struct double_list *, values, row);
        json_write_begin(writer, '[', row->key);
        for (int i = 0; i < list->n; i++) {
            json_write_double(writer, NULL, list->values[i]);
        }
        json_write_end(writer, ']');
    } else if (row->kind == OPTION_LIST) {
        const struct object_list *list = MEMBER(const struct object_list *, values, row);
        json_write_begin(writer, '[', row->key);
        for (int i = 0; i < list->n; i++) {
            write_object(writer, row->table, option_list_at(list, i), NULL, inside);
        }
        json_write_end(writer, ']');
    } else {
        const struct int_map *map = MEMBER(const struct int_map *, values, row);
        json_write_begin(writer, '{', row->key);
        for (int i = 0; i < map->n; i++) {
            json_write_int(writer, map->keys[i], map->values[i]);
        }
        json_write_end(writer, '}');
    }
}

static void write_row(struct json_writer *writer, const struct option *row, const void *values,
                      struct filter filter)
{
    const bool nested = row->kind == OPTION_OBJECT || row->kind == OPTION_LIST;
    const struct filter inside = {filter.only, option_shapes_of(row, filter.around)};
    if (filter.only != SHAPES_AS_AROUND && !nested && inside.around != filter.only) {
        return;
    }
    switch (row->kind) {
    case OPTION_BOOL:
        json_write_bool(writer, row->key, MEMBER(bool, values, row));
        break;
    case OPTION_INT:
        json_write_int(writer, row->key, MEMBER(int, values, row));
        break;
    case OPTION_INT64:
        json_write_int(writer, row->key, MEMBER(int64_t, values, row));
        break;
    case OPTION_SEED:
        write_seed(writer, row->key, MEMBER(uint64_t, values, row));
        break;
    case OPTION_DOUBLE:
        json_write_double(writer, row->key, MEMBER(double, values, row));
        break;
    case OPTION_STRING:
        json_write_string(writer, row->key, MEMBER(const char *, values, row));
        break;
    case OPTION_CHOICE:
        json_write_string(writer, row->key, option_choice_name(row, values));
        break;
    case OPTION_INT_LIST:
    case OPTION_DOUBLE_LIST:
    case OPTION_MAP_INT:
    case OPTION_LIST:
        write_lists(writer, row, values, inside);
        break;
    case OPTION_OBJECT:
        write_object(writer, row->table, (const char *)values + row->offset, row->key, inside);
        break;
    }
}

static void write_object(struct json_writer *writer, const struct option *table, const void *values,
                         const char *key, struct filter filter)
{
    json_write_begin(writer, '{', key);
    for (const struct option *row = table; row->key != NULL; row++) {
        write_row(writer, row, values, filter);
    }
    json_write_end(writer, '}');
}

void config_write(const struct option *table, const void *values, struct json_writer *writer,
                  const char *key)
{
    write_object(writer, table, values, key, (struct filter){SHAPES_AS_AROUND, SHAPES_AS_AROUND});
}

void config_write_shaping(const struct option *table, const void *values, enum option_shapes shapes,
                          enum option_shapes around, struct json_writer *writer, const char *key)
{
    write_object(writer, table, values, key, (struct filter){shapes, around});
}

enum status config_text(const struct option *table, const void *values, struct text *out)
{
    struct json_writer writer = {.out = out, .pretty = true};
    config_write(table, values, &writer, NULL);
    text_add(out, "\n");
    if (out->failed) {
        text_close(out);
        FAIL(ERR_MEMORY, "no memory for the text of the config");
    }
    return OK;
}
