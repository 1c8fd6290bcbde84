// Options of configs in words.
#include "app/config_explain.h"

#include "app/config_tables.h"
#include "app/output.h"

#include <stdio.h>
#include <string.h>

// An option, in one of the tables, or in both.
struct found {
    char path[512];
    const struct option *row;
    enum option_shapes shapes;
    const char *commands;
};
enum { MOST_FOUND = 32 };
struct explaining {
    const char *wanted;
    int kind; // table that is walked
    struct found found[MOST_FOUND];
    int n;
};

// What has to be done again in a run folder when it changes.
static const char *shapes_words(enum option_shapes shapes)
{
    static const char *const words[SHAPES_COUNT] = {
        [SHAPES_AS_AROUND] = "",
        [SHAPES_NOTHING] = "no result",
        [SHAPES_BASE] = "base networks and all that follows",
        [SHAPES_SEARCH] = "the search and what follows",
        [SHAPES_MORE] = "how far the search goes; it may grow in a run",
        [SHAPES_RESCORE] = "which candidates are scored again",
        [SHAPES_FINETUNE] = "fine-tuning",
    };
    return words[shapes];
}

static void keep(struct explaining *e, const char *path, const struct option *row)
{
    struct found *found = &e->found[e->n];
    for (int i = 0; i < e->n; i++) {
        if (strcmp(e->found[i].path, path) == 0 && e->kind != CONFIG_RUN) {
            e->found[i].commands = "dikdik run, search and train";
            return;
        }
    }
    if (e->n < MOST_FOUND) {
        *found = (struct found){.row = row, .commands = config_tables[e->kind].commands};
        snprintf(found->path, sizeof found->path, "%s", path);
        (void)config_table_find(config_tables[e->kind].table, path, &found->shapes);
        e->n++;
    }
}

// Those whose last parts are the wanted ones.
static void take_if_ends(void *context, const char *path, const struct option *row, bool in_list)
{
    (void)in_list;
    struct explaining *e = context;
    const size_t length = strlen(path), wanted = strlen(e->wanted);
    if (length > wanted && path[length - wanted - 1] == '.' &&
        strcmp(path + length - wanted, e->wanted) == 0) {
        keep(e, path, row);
    }
}

static void find(struct explaining *e)
{
    for (e->kind = 0; e->kind < CONFIG_KINDS; e->kind++) {
        enum option_shapes shapes = SHAPES_AS_AROUND;
        const struct option *row =
            config_table_find(config_tables[e->kind].table, e->wanted, &shapes);
        if (row != NULL) {
            keep(e, e->wanted, row);
        }
    }
    if (e->n > 0) {
        return;
    }
    for (e->kind = 0; e->kind < CONFIG_KINDS; e->kind++) {
        config_table_walk(config_tables[e->kind].table, take_if_ends, e);
    }
}

static enum status fail_unknown(const char *wanted)
{
    struct text nearest = {0};
    for (int i = 0; i < CONFIG_KINDS && nearest.length == 0; i++) {
        config_table_nearest(config_tables[i].table, wanted, &nearest);
    }
    const bool near = nearest.length > 0;
    (void)status_fail(ERR_CONFIG, __FILE__, __LINE__,
                      "--explain %.200s: there is no such option%s%s%s", wanted,
                      near ? ", did you mean " : "; dikdik run --help lists them",
                      near ? nearest.bytes : "", near ? "?" : "");
    text_close(&nearest);
    return ERR_CONFIG;
}

static void print_members(const struct option *table)
{
    for (const struct option *row = table; row->key != NULL; row++) {
        printf("    %-22s %s\n", row->key, row->help != NULL ? row->help : "");
    }
}

static void print_found(const struct found *found)
{
    const struct option *row = found->row;
    struct text facts = {0};
    option_facts(row, &facts);
    printf("%s\n  %s\n", found->path, row->help != NULL ? row->help : "");
    printf("  type      %s\n", option_kind_words(row->kind));
    if (facts.length > 0) {
        printf("  values    %s\n", facts.bytes);
    }
    if (row->known != NULL) {
        printf("  known");
        for (int i = 0; row->known[i] != NULL; i++) {
            printf("%s%s", i > 0 ? ", " : "     ", row->known[i]);
        }
        printf("\n");
    }
    if (shapes_words(found->shapes)[0] != '\0') {
        printf("  shapes    %s\n", shapes_words(found->shapes));
    }
    printf("  of        %s\n", found->commands);
    if (row->table != NULL) {
        printf("  with\n");
        print_members(row->table);
    }
    text_close(&facts);
}

static void write_found(struct json_writer *w, const struct found *found)
{
    const struct option *row = found->row;
    struct text facts = {0};
    option_facts(row, &facts);
    json_write_begin(w, '{', NULL);
    json_write_string(w, "path", found->path);
    json_write_string(w, "meaning", row->help != NULL ? row->help : "");
    json_write_string(w, "type", option_kind_words(row->kind));
    json_write_string(w, "values", facts.length > 0 ? facts.bytes : "");
    if (option_bounded(row)) {
        json_write_double(w, "least", row->least);
        json_write_double(w, "most", row->most);
    }
    const char *const *words = row->kind == OPTION_CHOICE ? row->choices : row->known;
    if (words != NULL) {
        json_write_begin(w, '[', row->kind == OPTION_CHOICE ? "choices" : "known");
        for (int i = 0; words[i] != NULL; i++) {
            json_write_string(w, NULL, words[i]);
        }
        json_write_end(w, ']');
    }
    json_write_string(w, "shapes", shapes_words(found->shapes));
    json_write_string(w, "commands", found->commands);
    json_write_end(w, '}');
    text_close(&facts);
}

enum status config_explain(const char *path, bool json)
{
    struct explaining e = {.wanted = path};
    find(&e);
    if (e.n == 0) {
        return fail_unknown(path);
    }
    if (json) {
        struct output_json out;
        output_json_begin(&out);
        json_write_begin(&out.writer, '[', "options");
        for (int i = 0; i < e.n; i++) {
            write_found(&out.writer, &e.found[i]);
        }
        json_write_end(&out.writer, ']');
        return output_json_end(&out);
    }
    for (int i = 0; i < e.n; i++) {
        printf("%s", i > 0 ? "\n" : "");
        print_found(&e.found[i]);
    }
    return OK;
}
