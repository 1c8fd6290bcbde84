// The tables that configs are read by: that of `dikdik run` and `search`, and that of `dikdik
// train`, whose configs have a "model".
#pragma once
#include "core/json.h"
#include "core/option.h"

enum config_kind { CONFIG_RUN, CONFIG_TRAIN, CONFIG_KINDS };
struct config_table {
    const char *name, *commands; // "run", "dikdik run and dikdik search"
    const struct option *table;
};
extern const struct config_table config_tables[CONFIG_KINDS];
enum config_kind config_kind_of(const struct json *document);

// A row by its path: keys joined by dots, with the index of a list's element as ".0" or "[0]", or
// without one. NULL if absent. *shapes: what it shapes of a run. '-' and '_' are alike.
const struct option *config_table_find(const struct option *table, const char *path,
                                       enum option_shapes *shapes);
// Calls `visit` with every row of an option table that is not an object, and its path, in which N
// stands for the index of a list's element.
void config_table_walk(const struct option *table,
                       void (*visit)(void *context, const char *path, const struct option *row,
                                     bool in_list),
                       void *context);
// Adds the path nearest to a mistyped one, or to the last part of one; nothing where none is near.
void config_table_nearest(const struct option *table, const char *word, struct text *out);
