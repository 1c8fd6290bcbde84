// A parameter is described once, by a row of a table: parsing, bounds, help, defaults and the
// resolved config all read that row. A table ends with a row whose key is NULL.
#pragma once
#include "core/arena.h"
#include "core/status.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_BOOL,        // bool
    OPTION_INT,         // int
    OPTION_INT64,       // int64_t, up to 2^53 in JSON
    OPTION_SEED,        // uint64_t; a JSON number below 2^53 or a string of digits
    OPTION_DOUBLE,      // double
    OPTION_STRING,      // const char *
    OPTION_CHOICE,      // int or an enum: the index into `choices`
    OPTION_INT_LIST,    // const struct int_list *
    OPTION_DOUBLE_LIST, // const struct double_list *
    OPTION_OBJECT,      // a nested struct, described by `table`, stored in place at `offset`
    OPTION_MAP_INT,     // const struct int_map *: an object of free keys with integer values
    OPTION_LIST,        // const struct object_list *: an array of objects, described by `table`
};

// What an option shapes of a run: the first stage whose result depends on it, so the last one that
// may be done already when it changes.
enum option_shapes {
    SHAPES_AS_AROUND, // what the object around it says
    SHAPES_NOTHING,   // how, when or where: a place is compared by what lies there
    SHAPES_BASE,      // base networks
    SHAPES_SEARCH,
    SHAPES_MORE,    // how far the search goes: it may grow, not shrink
    SHAPES_RESCORE, // which candidates are scored again
    SHAPES_FINETUNE,
    SHAPES_COUNT
};

struct int_list {
    int n;
    const int *values;
};
struct double_list {
    int n;
    const double *values;
};
struct int_map {
    int n;
    const char *const *keys;
    const int *values;
};

struct object_list {
    int n;
    size_t stride;      // bytes from one element to the next: the row's element_bytes
    const void *values; // n structs
};

struct option {
    const char *key, *help;
    enum option_kind kind;
    enum option_shapes shapes; // of configs that a run folder keeps; others say nothing
    size_t offset;             // of the value in the owner's struct
    double fallback;           // default of BOOL, INT, INT64, SEED, DOUBLE
    const char *fallback_text; // default of STRING ("" if NULL) and CHOICE (the first if NULL)
    double least,
        most; // bounds of numbers and list elements, both included; least == most == 0: none
    const char *const *choices; // CHOICE: the names, NULL-ended
    const struct option *table; // OPTION_OBJECT, OPTION_LIST
    size_t element_bytes;       // OPTION_LIST: sizeof the struct that `table` describes
    const char *const *known;   // STRING: words that it often is, NULL-ended; NULL = none
};

// What is wrong with a config, a line each.
struct option_faults {
    struct text text;
    int n;
};

// Sets every value of the struct to its default. Lists and maps become empty ones, never NULL.
void option_defaults(const struct option *table, void *values);
// The index of a name among NULL-ended choices; -1 if it is none of them.
int option_choice_find(const char *const *choices, const char *name);
// The name of the CHOICE that a row describes, of the struct that owns the row.
const char *option_choice_name(const struct option *row, const void *values);
// Element i of a list, for its owner to cast; i < list->n.
const void *option_list_at(const struct object_list *list, int i);
// What a row shapes, in an object that shapes `around`.
enum option_shapes option_shapes_of(const struct option *row, enum option_shapes around);
// Prints the table as help text: "--key VALUE  help (default ...; range ...)" with nested keys
// dotted, and N for the index of a list's element.
void option_help(const struct option *table, const char *prefix, struct text *out);
// "one of a, b; default a" or "default 8; 1 to 100": what there is of it; nothing of an object.
void option_facts(const struct option *row, struct text *out);
// What kind of value it takes, in words: "an integer", "a list of numbers".
const char *option_kind_words(enum option_kind kind);
// Whether its numbers have bounds.
bool option_bounded(const struct option *row);
// The choice that a CHOICE has by default.
const char *option_default_choice(const struct option *row);
