#include "core/option_unknown.h"

#include "core/suggest.h"

#include <stdio.h>
#include <string.h>

enum { MOST_PLACES = 3, MOST_DEPTH = 8, PLACE_BYTES = 256 };
struct places {
    const char *key;
    char paths[MOST_PLACES][PLACE_BYTES];
    int n;
};

// Those that stand `depth` objects further down.
static void find_places(struct places *places, const struct option *table, const char *prefix,
                        int depth)
{
    for (const struct option *row = table; row->key != NULL && places->n < MOST_PLACES; row++) {
        char path[PLACE_BYTES];
        const char *list = depth > 0 && row->kind == OPTION_LIST ? "[]" : "";
        snprintf(path, sizeof path, "%.200s%s%.40s%s", prefix, *prefix != '\0' ? "." : "", row->key,
                 list);
        if (depth == 0 && strcmp(row->key, places->key) == 0) {
            memcpy(places->paths[places->n++], path, sizeof path);
        } else if (depth > 0 && row->table != NULL) {
            find_places(places, row->table, path, depth - 1);
        }
    }
}

static void list_keys(const struct option *table, struct text *out)
{
    text_add(out, table->key != NULL ? "known here: " : "no options are known here");
    for (const struct option *row = table; row->key != NULL; row++) {
        text_add(out, "%s%s", row != table ? ", " : "", row->key);
    }
}

void option_hint_unknown(const struct option *root, const struct option *table, const char *key,
                         struct text *out)
{
    struct suggest suggest = suggest_begin(key);
    struct places places = {.key = key};
    for (const struct option *row = table; row->key != NULL; row++) {
        suggest_offer(&suggest, row->key);
    }
    for (int depth = 0; root != NULL && depth < MOST_DEPTH; depth++) {
        find_places(&places, root, "", depth);
    }
    const int n = places.n + (suggest.best != NULL);
    if (n == 0) {
        list_keys(table, out);
        return;
    }
    text_add(out, "did you mean ");
    if (suggest.best != NULL) {
        text_add(out, "'%s'", suggest.best);
    }
    for (int i = 0; i < places.n; i++) {
        const int before = i + (suggest.best != NULL);
        text_add(out, "%s'%s'",
                 before == 0       ? ""
                 : before == n - 1 ? " or "
                                   : ", ",
                 places.paths[i]);
    }
    text_add(out, "?");
}
