// The command line of a subcommand. Each word that sets an option is checked against its row, so
// that an error names the word, and then laid over the config file's document, which is read as a
// whole at the end.
#include "core/config.h"
#include "core/option_value.h"
#include "core/option_word.h"
#include "core/suggest.h"

#include <stdio.h>
#include <string.h>

enum { POSITIONAL_MAX = 8, DEPTH_MAX = 16 };

// One option with its place in the nested tables.
struct place {
    const char *path; // "train.epochs"
    const char *keys[DEPTH_MAX + 1];
    int n_keys; // one more than the tables give when a free key of a map follows
    const struct option *row;
};

struct override {
    const struct place *place;
    const char *json; // the value as JSON text
};

struct parse {
    const struct cli *cli;
    struct arena *arena;
    const struct option *table;
    struct place *places;
    int n_places;
    struct override *overrides;
    int n_overrides;
    struct cli_result *result;
};

static int count_places(const struct option *table)
{
    int n = 0;
    for (const struct option *row = table; row->key != NULL; row++) {
        n += 1 + (row->kind == OPTION_OBJECT ? count_places(row->table) : 0);
    }
    return n;
}

static enum status list_places(struct parse *parse, const struct option *table,
                               const struct place *above)
{
    for (const struct option *row = table; row->key != NULL; row++) {
        struct place *place = &parse->places[parse->n_places++];
        *place = *above;
        CHECK(place->n_keys < DEPTH_MAX);
        place->keys[place->n_keys++] = row->key;
        place->row = row;
        place->path = *above->path == '\0'
                          ? row->key
                          : arena_format(parse->arena, "%s.%s", above->path, row->key);
        if (place->path == NULL) {
            return ERR_MEMORY;
        }
        if (row->kind == OPTION_OBJECT) {
            TRY(list_places(parse, row->table, place));
        }
    }
    return OK;
}

// Equal, with '-' and '_' alike, over the first n letters.
static bool alike(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i])) {
            return false;
        }
        if (a[i] == '\0') {
            break;
        }
    }
    return true;
}

static void report_unknown(const struct parse *parse, const char *dashes, const char *name)
{
    struct suggest suggest = suggest_begin(name);
    for (int i = 0; i < parse->n_places; i++) {
        const struct place *place = &parse->places[i];
        suggest_offer(&suggest, place->path);
        if (suggest.best == NULL) {
            const char *dot = strrchr(place->path, '.');
            suggest_offer(&suggest, dot != NULL ? dot + 1 : place->path);
        }
    }
    const char *best = suggest.best;
    (void)status_fail(ERR_CONFIG, __FILE__, __LINE__, "%s: %s%.100s: unknown option (%s%s%s)",
                      parse->cli->command, dashes, name,
                      best != NULL ? "did you mean '" : "see --help", best != NULL ? best : "",
                      best != NULL ? "'?" : "");
}

static enum status find_below(struct parse *parse, const struct option *table, const char *rest,
                              struct place *place, bool *found);

// `rest` begins with a list's index: one of its elements, or a member of that.
static enum status find_element(struct parse *parse, const char *rest, struct place *place,
                                bool *found)
{
    const size_t digits = strspn(rest, "0123456789");
    if (digits == 0 || (rest[digits] != '\0' && rest[digits] != '.')) {
        return OK;
    }
    struct option *element;
    ARENA_NEW(parse->arena, element, 1);
    element->key = arena_format(parse->arena, "%.*s", (int)digits, rest);
    if (element->key == NULL) {
        return ERR_MEMORY;
    }
    element->kind = OPTION_OBJECT;
    element->table = place->row->table;
    place->keys[place->n_keys++] = element->key;
    place->row = element;
    *found = rest[digits] == '\0';
    return *found ? OK : find_below(parse, element->table, rest + digits + 1, place, found);
}

// Takes `place` along the full path `rest` of a table: also the elements of lists and the free keys
// of maps ("slim.widths.layer1.0.conv1"), which stand after the map's own.
static enum status find_below(struct parse *parse, const struct option *table, const char *rest,
                              struct place *place, bool *found)
{
    const struct option *row = table;
    size_t length = 0;
    for (; row->key != NULL; row++) {
        length = strlen(row->key);
        if (strlen(rest) >= length && alike(rest, row->key, length) &&
            (rest[length] == '\0' || rest[length] == '.')) {
            break;
        }
    }
    if (row->key == NULL) {
        return OK;
    }
    CHECK(place->n_keys + 2 < DEPTH_MAX);
    place->keys[place->n_keys++] = row->key;
    place->row = row;
    const char *below = rest + length + (rest[length] == '.');
    *found = rest[length] == '\0';
    if (*found || *below == '\0') {
        return OK;
    }
    if (row->kind == OPTION_OBJECT) {
        return find_below(parse, row->table, below, place, found);
    }
    if (row->kind == OPTION_LIST) {
        return find_element(parse, below, place, found);
    }
    if (row->kind == OPTION_MAP_INT) {
        place->keys[place->n_keys++] = below; // lives as long as the words do
        *found = true;
    }
    return OK;
}

// By full path, or by the last parts of it where only one option ends that way.
static enum status find_place(struct parse *parse, const char *dashes, const char *name,
                              const struct place **out)
{
    const struct place *found = NULL, *second = NULL;
    const size_t n_name = strlen(name);
    for (int i = 0; i < parse->n_places; i++) {
        const struct place *place = &parse->places[i];
        const size_t n_path = strlen(place->path);
        if (n_path < n_name || n_name == 0 || !alike(name, place->path + n_path - n_name, n_name)) {
            continue;
        }
        if (n_path == n_name) {
            *out = place;
            return OK;
        }
        if (place->path[n_path - n_name - 1] == '.') {
            second = found != NULL ? found : second;
            found = place;
        }
    }
    if (second != NULL) {
        FAIL(ERR_CONFIG, "%s: %s%s: can mean '%s' or '%s'; give the full path", parse->cli->command,
             dashes, name, second->path, found->path);
    }
    if (found == NULL) {
        struct place *below;
        bool there = false;
        ARENA_NEW(parse->arena, below, 1);
        TRY(find_below(parse, parse->table, name, below, &there));
        found = there ? below : NULL;
    }
    if (found == NULL) {
        report_unknown(parse, dashes, name);
        return ERR_CONFIG;
    }
    *out = found;
    return OK;
}

// Checks the word as a value of its option and keeps it for later.
static enum status add_override(struct parse *parse, const char *dashes, const char *name,
                                const char *word)
{
    const struct place *place = NULL;
    TRY(find_place(parse, dashes, name, &place));
    const bool map_entry = place->keys[place->n_keys - 1] != place->row->key;
    struct option entry_row = *place->row;
    if (map_entry) {
        entry_row.kind = OPTION_INT;
    }
    struct text json = {0};
    option_word_to_json(entry_row.kind, word, &json);
    if (json.failed) {
        text_close(&json);
        FAIL(ERR_MEMORY, "%s: out of memory", parse->cli->command);
    }
    const char *shown = arena_format(parse->arena, "%s%s", dashes, name);
    const char *source = arena_format(parse->arena, "%s: %s", parse->cli->command, shown);
    const struct option_reader reader = {
        .source = parse->cli->command, .arena = parse->arena, .table = parse->cli->table};
    struct json *value = NULL;
    enum status status = shown == NULL || source == NULL ? ERR_MEMORY : OK;
    if (status == OK) {
        status = json_parse(json.bytes, json.length, source, &value);
    }
    if (status == OK) {
        status = option_read_value(&reader, &entry_row, shown, value, NULL);
    }
    const char *kept = status == OK ? arena_copy_text(parse->arena, json.bytes) : NULL;
    json_close(value);
    text_close(&json);
    TRY(status);
    parse->overrides[parse->n_overrides++] = (struct override){place, kept};
    return kept != NULL ? OK : ERR_MEMORY;
}

// "--set PATH=VALUE"; `assignment` is NULL when the line ended.
static enum status read_set(struct parse *parse, const char *assignment)
{
    const char *equals = assignment != NULL ? strchr(assignment, '=') : NULL;
    if (equals == NULL || equals == assignment) {
        FAIL(ERR_CONFIG, "%s: --set needs PATH=VALUE, got '%.60s'", parse->cli->command,
             assignment != NULL ? assignment : "nothing");
    }
    const char *name = arena_format(parse->arena, "%.*s", (int)(equals - assignment), assignment);
    return name != NULL ? add_override(parse, "--set ", name, equals + 1) : ERR_MEMORY;
}

// A word "--..." at argv[*at]; leaves *at on the last word it used.
static enum status read_option(struct parse *parse, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
    if (strcmp(name, "set") == 0) {
        ++*at;
        return read_set(parse, next);
    }
    if (strncmp(name, "set=", 4) == 0) {
        return read_set(parse, equals + 1);
    }
    if (equals != NULL) {
        const char *key = arena_format(parse->arena, "%.*s", (int)(equals - name), name);
        return key != NULL ? add_override(parse, "--", key, equals + 1) : ERR_MEMORY;
    }
    const struct place *place = NULL;
    TRY(find_place(parse, "--", name, &place));
    const bool value_follows = next != NULL && strncmp(next, "--", 2) != 0;
    if (place->row->kind == OPTION_BOOL) {
        const bool spelled =
            value_follows && (strcmp(next, "true") == 0 || strcmp(next, "false") == 0);
        *at += spelled;
        return add_override(parse, "--", name, spelled ? next : "true");
    }
    if (!value_follows) {
        FAIL(ERR_CONFIG, "%s: --%s needs a value, got %s", parse->cli->command, name,
             next != NULL ? next : "the end of the line");
    }
    ++*at;
    return add_override(parse, "--", name, next);
}

static enum status read_positional(struct parse *parse, const char *word)
{
    struct cli_result *result = parse->result;
    const char *const *names = parse->cli->positional;
    int known = 0;
    while (names != NULL && known < POSITIONAL_MAX && names[known] != NULL) {
        known++;
    }
    if (result->n_positional == known) {
        FAIL(ERR_CONFIG, "%s: '%.100s' is one word too many; usage: %s %s", parse->cli->command,
             word, parse->cli->command, parse->cli->usage);
    }
    result->positional[result->n_positional++] = word;
    return OK;
}

static enum status read_words(struct parse *parse, int argc, char **argv)
{
    bool options_over = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (options_over || word[0] != '-' || word[1] == '\0') {
            TRY(read_positional(parse, word));
        } else if (strcmp(word, "--") == 0) {
            options_over = true;
        } else if (word[1] != '-') {
            FAIL(ERR_CONFIG, "%s: %.100s: unknown option; options begin with '--' (see --help)",
                 parse->cli->command, word);
        } else {
            TRY(read_option(parse, argc, argv, &i));
        }
    }
    if (parse->result->n_positional < parse->cli->required) {
        FAIL(ERR_CONFIG, "%s: %s is missing; usage: %s %s", parse->cli->command,
             parse->cli->positional[parse->result->n_positional], parse->cli->command,
             parse->cli->usage);
    }
    return OK;
}

static bool help_wanted(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static enum status print_help(const struct cli *cli, const struct option *table)
{
    struct text text = {0};
    text_add(&text, "usage: %s %s\n\n%s\n\noptions:\n", cli->command, cli->usage, cli->about);
    option_help(table, "", &text);
    text_add(&text, "  --set PATH=VALUE              sets any of these, also as PATH=JSON; may be "
                    "repeated\n"
                    "  --help                        prints this\n");
    const bool fine = !text.failed && fputs(text.bytes, stdout) >= 0 && fflush(stdout) == 0;
    text_close(&text);
    if (!fine) {
        FAIL(ERR_IO, "%s: the help text cannot be written", cli->command);
    }
    return OK;
}

// The config file, if a positional word is one, with the command line's values laid over it.
static enum status read_document(const struct parse *parse, const struct option *table,
                                 void *values)
{
    const char *source = parse->cli->command;
    struct json *document = NULL;
    for (int i = 0; i < parse->result->n_positional; i++) {
        if (strcmp(parse->cli->positional[i], "CONFIG") == 0) {
            source = parse->result->positional[i];
            TRY(json_read_config(source, &document));
        }
    }
    enum status status = OK;
    if (document == NULL) {
        status = json_parse("{}", 2, source, &document);
    }
    for (int i = 0; i < parse->n_overrides && status == OK; i++) {
        const struct override *override = &parse->overrides[i];
        status =
            json_set_keys(document, override->place->keys, override->place->n_keys, override->json);
        if (status != OK) {
            status = status_context(status, "%s", source);
        }
    }
    if (status == OK) {
        status = config_read(document, source, table, values, parse->arena);
    }
    json_close(document);
    return status;
}

enum status cli_read(const struct cli *cli, int argc, char **argv, void *values,
                     struct arena *arena, struct cli_result *out)
{
    static const struct option no_options[] = {{.key = NULL}};
    const struct option *table = cli->table != NULL ? cli->table : no_options;
    struct cli_result result = {0};
    option_defaults(table, values);
    if (help_wanted(argc, argv)) {
        TRY(print_help(cli, table));
        result.help = true;
        *out = result;
        return OK;
    }
    struct parse parse = {.cli = cli, .arena = arena, .table = table, .result = &result};
    ARENA_NEW(arena, parse.places, (size_t)count_places(table));
    ARENA_NEW(arena, parse.overrides, argc > 0 ? (size_t)argc : 1);
    TRY(list_places(&parse, table, &(struct place){.path = ""}));
    TRY(read_words(&parse, argc, argv));
    TRY(read_document(&parse, table, values));
    *out = result;
    return OK;
}
