// Rows of config tables by their paths.
#include "app/config_tables.h"

#include "app/train_config.h"
#include "core/suggest.h"
#include "run/run_config.h"

#include <stdio.h>
#include <string.h>

const struct config_table config_tables[CONFIG_KINDS] = {
    [CONFIG_RUN] = {"run", "dikdik run and dikdik search", run_config_table},
    [CONFIG_TRAIN] = {"train", "dikdik train", train_config_table},
};

enum config_kind config_kind_of(const struct json *document)
{
    return json_kind(document) == JSON_OBJECT && json_get(document, "model") != NULL ? CONFIG_TRAIN
                                                                                     : CONFIG_RUN;
}

static bool is_key(const char *word, size_t length, const char *key)
{
    for (size_t i = 0; i < length; i++) {
        if ((word[i] == '-' ? '_' : word[i]) != key[i]) {
            return false;
        }
    }
    return key[length] == '\0';
}

// Behind ".0" or "[0]", where an index may stand.
static const char *skip_index(const char *rest)
{
    if (*rest != '[' && *rest != '.') {
        return rest;
    }
    const size_t digits = strspn(rest + 1, "0123456789");
    const char *end = rest + 1 + digits;
    if (digits == 0 && strncmp(rest + 1, "N", 1) == 0) {
        end++;
    }
    if (*rest == '[') {
        return *end == ']' ? end + 1 : rest;
    }
    return end > rest + 1 && (*end == '\0' || *end == '.') ? end : rest;
}

const struct option *config_table_find(const struct option *table, const char *path,
                                       enum option_shapes *shapes)
{
    const size_t length = strcspn(path, ".[");
    for (const struct option *row = table; row->key != NULL; row++) {
        if (!is_key(path, length, row->key)) {
            continue;
        }
        const char *rest = path + length;
        *shapes = option_shapes_of(row, *shapes);
        if (row->kind == OPTION_LIST || row->kind == OPTION_INT_LIST ||
            row->kind == OPTION_DOUBLE_LIST) {
            rest = skip_index(rest);
        }
        if (*rest == '\0') {
            return row;
        }
        return *rest == '.' && row->table != NULL ? config_table_find(row->table, rest + 1, shapes)
                                                  : NULL;
    }
    return NULL;
}

struct walk {
    void (*visit)(void *context, const char *path, const struct option *row, bool in_list);
    void *context;
};

static void walk_table(const struct walk *walk, const struct option *table, const char *prefix,
                       bool in_list)
{
    for (const struct option *row = table; row->key != NULL; row++) {
        char path[512];
        snprintf(path, sizeof path, "%.400s%s%s", prefix, prefix[0] != '\0' ? "." : "", row->key);
        if (row->kind != OPTION_OBJECT) {
            walk->visit(walk->context, path, row, in_list);
        }
        if (row->kind == OPTION_LIST) {
            strncat(path, ".N", sizeof path - strlen(path) - 1);
        }
        if (row->table != NULL) {
            walk_table(walk, row->table, path, in_list || row->kind == OPTION_LIST);
        }
    }
}

void config_table_walk(const struct option *table,
                       void (*visit)(void *context, const char *path, const struct option *row,
                                     bool in_list),
                       void *context)
{
    walk_table(&(struct walk){visit, context}, table, "", false);
}

struct nearest {
    const char *word;
    char best[512];
    int distance;
};

static void offer(void *context, const char *path, const struct option *row, bool in_list)
{
    (void)row, (void)in_list;
    struct nearest *nearest = context;
    const char *dot = strrchr(path, '.');
    struct suggest suggest = suggest_begin(nearest->word);
    suggest_offer(&suggest, path);
    suggest_offer(&suggest, dot != NULL ? dot + 1 : path);
    if (suggest.best != NULL &&
        (nearest->best[0] == '\0' || suggest.distance < nearest->distance)) {
        snprintf(nearest->best, sizeof nearest->best, "%s", path);
        nearest->distance = suggest.distance;
    }
}

void config_table_nearest(const struct option *table, const char *word, struct text *out)
{
    struct nearest nearest = {.word = word};
    config_table_walk(table, offer, &nearest);
    text_add(out, "%s", nearest.best);
}
