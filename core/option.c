// Defaults of option tables, and their help text.
#include "core/option.h"

#include "core/text.h"

#include <string.h>

static const struct int_list no_ints;
static const struct double_list no_doubles;
static const struct int_map no_entries;
static const struct object_list no_objects;

_Static_assert(sizeof(enum option_kind) == sizeof(int), "a choice is stored as an int");

int option_choice_find(const char *const *choices, const char *name)
{
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

const char *option_choice_name(const struct option *row, const void *values)
{
    int choice;
    memcpy(&choice, (const char *)values + row->offset, sizeof choice);
    CHECK(choice >= 0);
    for (int i = 0; i <= choice; i++) {
        CHECK(row->choices[i] != NULL);
    }
    return row->choices[choice];
}

static int default_choice(const struct option *row)
{
    const int choice =
        row->fallback_text != NULL ? option_choice_find(row->choices, row->fallback_text) : 0;
    CHECK(choice >= 0);
    return choice;
}

// Copies instead of casting: the owner's struct decides the alignment.
static void store(void *values, const struct option *row, const void *value, size_t bytes)
{
    memcpy((char *)values + row->offset, value, bytes);
}

static void store_default(const struct option *row, void *values)
{
    const char *text = row->fallback_text != NULL ? row->fallback_text : "";
    switch (row->kind) {
    case OPTION_BOOL:
        store(values, row, &(bool){row->fallback != 0.0}, sizeof(bool));
        break;
    case OPTION_INT:
        store(values, row, &(int){(int)row->fallback}, sizeof(int));
        break;
    case OPTION_INT64:
        store(values, row, &(int64_t){(int64_t)row->fallback}, sizeof(int64_t));
        break;
    case OPTION_SEED:
        store(values, row, &(uint64_t){(uint64_t)row->fallback}, sizeof(uint64_t));
        break;
    case OPTION_DOUBLE:
        store(values, row, &row->fallback, sizeof(double));
        break;
    case OPTION_CHOICE:
        store(values, row, &(int){default_choice(row)}, sizeof(int));
        break;
    case OPTION_STRING:
        store(values, row, &text, sizeof text);
        break;
    case OPTION_INT_LIST:
        store(values, row, &(const struct int_list *){&no_ints}, sizeof(void *));
        break;
    case OPTION_DOUBLE_LIST:
        store(values, row, &(const struct double_list *){&no_doubles}, sizeof(void *));
        break;
    case OPTION_MAP_INT:
        store(values, row, &(const struct int_map *){&no_entries}, sizeof(void *));
        break;
    case OPTION_LIST:
        store(values, row, &(const struct object_list *){&no_objects}, sizeof(void *));
        break;
    case OPTION_OBJECT:
        option_defaults(row->table, (char *)values + row->offset);
        break;
    }
}

void option_defaults(const struct option *table, void *values)
{
    for (const struct option *row = table; row->key != NULL; row++) {
        store_default(row, values);
    }
}

const void *option_list_at(const struct object_list *list, int i)
{
    CHECK(i >= 0 && i < list->n);
    return (const char *)list->values + (size_t)i * list->stride;
}

enum option_shapes option_shapes_of(const struct option *row, enum option_shapes around)
{
    return row->shapes != SHAPES_AS_AROUND ? row->shapes : around;
}

static const char *value_word(enum option_kind kind)
{
    switch (kind) {
    case OPTION_BOOL:
        return "";
    case OPTION_INT:
    case OPTION_INT64:
    case OPTION_SEED:
        return " N";
    case OPTION_DOUBLE:
        return " X";
    case OPTION_STRING:
        return " TEXT";
    case OPTION_CHOICE:
        return " NAME";
    case OPTION_INT_LIST:
        return " N,N,...";
    case OPTION_DOUBLE_LIST:
        return " X,X,...";
    case OPTION_MAP_INT:
        return " NAME=N,...";
    case OPTION_LIST:
        return " JSON";
    case OPTION_OBJECT:
        break;
    }
    return "";
}

const char *option_kind_words(enum option_kind kind)
{
    static const char *const words[] = {
        [OPTION_BOOL] = "true or false",
        [OPTION_INT] = "an integer",
        [OPTION_INT64] = "an integer",
        [OPTION_SEED] = "a seed, a number or a string of digits",
        [OPTION_DOUBLE] = "a number",
        [OPTION_STRING] = "a string",
        [OPTION_CHOICE] = "a string, one of its choices",
        [OPTION_INT_LIST] = "a list of integers",
        [OPTION_DOUBLE_LIST] = "a list of numbers",
        [OPTION_OBJECT] = "an object",
        [OPTION_MAP_INT] = "an object of integers",
        [OPTION_LIST] = "a list of objects",
    };
    return words[kind];
}

bool option_bounded(const struct option *row)
{
    return row->least != 0.0 || row->most != 0.0;
}

const char *option_default_choice(const struct option *row)
{
    return row->choices[default_choice(row)];
}

void option_facts(const struct option *row, struct text *out)
{
    switch (row->kind) {
    case OPTION_BOOL:
        text_add(out, "default %s", row->fallback != 0.0 ? "true" : "false");
        break;
    case OPTION_INT:
    case OPTION_INT64:
    case OPTION_SEED:
    case OPTION_DOUBLE:
        text_add(out, "default %.15g", row->fallback);
        break;
    case OPTION_CHOICE:
        for (int i = 0; row->choices[i] != NULL; i++) {
            text_add(out, "%s%s", i > 0 ? ", " : "one of ", row->choices[i]);
        }
        text_add(out, "; default %s", row->choices[default_choice(row)]);
        break;
    case OPTION_STRING:
        if (row->fallback_text != NULL && *row->fallback_text != '\0') {
            text_add(out, "default %s", row->fallback_text);
        } else {
            text_add(out, "default empty");
        }
        break;
    case OPTION_INT_LIST:
    case OPTION_DOUBLE_LIST:
    case OPTION_MAP_INT:
        text_add(out, "default empty");
        break;
    case OPTION_LIST:
        text_add(out, "a list of objects, N from 0; default empty");
        break;
    case OPTION_OBJECT:
        break;
    }
    if (option_bounded(row)) {
        text_add(out, "; %.15g to %.15g", row->least, row->most);
    }
}

// `text` from `column` on, broken at spaces before column 100.
static void add_wrapped(const char *text, int column, struct text *out)
{
    enum { LAST_COLUMN = 100 };
    int at = column;
    bool first = true;
    while (*text != '\0') {
        const int word = (int)strcspn(text, " ");
        if (!first && at + 1 + word > LAST_COLUMN) {
            text_add(out, "\n%*s", column, "");
            at = column;
            first = true;
        }
        text_add(out, "%s%.*s", first ? "" : " ", word, text);
        at += word + !first;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    text_add(out, "\n");
}

static void add_row(const struct option *row, const char *prefix, struct text *out)
{
    enum { HELP_COLUMN = 32 };
    const size_t start = out->length;
    text_add(out, "  --%s%s%s", prefix, row->key, value_word(row->kind));
    const size_t used = out->length - start;
    if (used + 2 > HELP_COLUMN) {
        text_add(out, "\n%*s", HELP_COLUMN, "");
    } else {
        text_add(out, "%*s", HELP_COLUMN - (int)used, "");
    }
    struct text help = {0};
    text_add(&help, "%s%s(", row->help != NULL ? row->help : "", row->help != NULL ? " " : "");
    option_facts(row, &help);
    text_add(&help, ")");
    add_wrapped(help.failed ? "" : help.bytes, HELP_COLUMN, out);
    text_close(&help);
}

void option_help(const struct option *table, const char *prefix, struct text *out)
{
    for (const struct option *row = table; row->key != NULL; row++) {
        if (row->kind != OPTION_OBJECT) {
            add_row(row, prefix, out);
        }
        if (row->kind != OPTION_OBJECT && row->kind != OPTION_LIST) {
            continue;
        }
        struct text nested = {0};
        text_add(&nested, "%s%s%s.", prefix, row->key, row->kind == OPTION_LIST ? ".N" : "");
        if (!nested.failed) {
            option_help(row->table, nested.bytes, out);
        }
        out->failed = out->failed || nested.failed;
        text_close(&nested);
    }
}
