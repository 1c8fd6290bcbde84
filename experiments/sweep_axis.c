// Reading axes.
#include "experiments/sweep_axis.h"

#include "experiments/sweep_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIANTS "variants"
#define VARIANT "variant"

bool sweep_axis_is_seed(const struct sweep_axis *axis)
{
    return strcmp(axis->path, "seed") == 0;
}

bool sweep_axis_varies(const struct sweep_axis *axis)
{
    return axis->n != 1 || sweep_axis_is_seed(axis);
}

static enum status text_of(const struct json *value, struct arena *arena, const char **out)
{
    struct text text = {0};
    struct json_writer writer = {.out = &text};
    json_write_value(&writer, NULL, value);
    *out = text.failed ? NULL : arena_copy_text(arena, text.bytes);
    text_close(&text);
    return *out != NULL ? OK : ERR_MEMORY;
}

static enum status value_of(const struct json *value, struct arena *arena, struct sweep_value *out)
{
    *out = (struct sweep_value){0};
    TRY(text_of(value, arena, &out->json));
    out->word =
        json_kind(value) == JSON_STRING ? arena_copy_text(arena, json_string(value)) : out->json;
    return out->word != NULL ? OK : ERR_MEMORY;
}

enum status sweep_value_make(const char *json, struct arena *arena, struct sweep_value *out)
{
    struct json *document;
    TRY(json_parse(json, strlen(json), "a value", &document));
    const enum status code = value_of(document, arena, out);
    json_close(document);
    return code;
}

// "1..5"; leaves *out alone where the text is something else.
static enum status read_span(const char *text, struct arena *arena, struct sweep_axis *axis,
                             bool *found)
{
    char *end = NULL, *last = NULL;
    const long long from = strtoll(text, &end, 10);
    *found = end != text && strncmp(end, "..", 2) == 0;
    const long long to = *found ? strtoll(end + 2, &last, 10) : 0;
    *found = *found && last != end + 2 && *last == '\0';
    if (!*found) {
        return OK;
    }
    if (to < from || to - from >= SWEEP_MOST_RUNS) {
        FAIL(ERR_CONFIG,
             "sweep: %s: expected a first number and a last one, up to %d numbers, got "
             "\"%s\"",
             axis->path, SWEEP_MOST_RUNS, text);
    }
    struct sweep_value *values;
    axis->n = (int)(to - from + 1);
    ARENA_NEW(arena, values, (size_t)axis->n);
    for (int i = 0; i < axis->n; i++) {
        values[i].json = values[i].word = arena_format(arena, "%lld", from + i);
        TRY(values[i].json != NULL ? OK : ERR_MEMORY);
    }
    axis->values = values;
    return OK;
}

static enum status read_list(const struct json *list, struct arena *arena, struct sweep_axis *axis)
{
    struct sweep_value *values;
    const int n = json_count(list);
    if (n == 0) {
        FAIL(ERR_CONFIG, "sweep: %s: expected values, got an empty list", axis->path);
    }
    ARENA_NEW(arena, values, (size_t)n);
    for (int i = 0; i < n; i++) {
        TRY(value_of(json_at(list, i), arena, &values[i]));
        for (int j = 0; j < i; j++) {
            if (strcmp(values[i].json, values[j].json) == 0) {
                FAIL(ERR_CONFIG, "sweep: %s: the value %s stands there twice", axis->path,
                     values[i].json);
            }
        }
    }
    axis->n = n;
    axis->values = values;
    return OK;
}

static enum status read_range(const struct json *range, struct sweep_axis *axis)
{
    const struct json *from = json_get(range, "from"), *to = json_get(range, "to");
    for (int i = 0; i < json_count(range); i++) {
        const struct json *member = json_at(range, i);
        const char *key = json_key(member);
        const bool number = strcmp(key, "from") == 0 || strcmp(key, "to") == 0;
        const bool flag = strcmp(key, "log") == 0 || strcmp(key, "integer") == 0;
        if ((!number && !flag) || json_kind(member) != (number ? JSON_NUMBER : JSON_BOOL)) {
            FAIL(ERR_CONFIG,
                 "sweep: %s: expected {\"from\": number, \"to\": number, \"log\": true, "
                 "\"integer\": true}, of which the last two may be left out, got \"%s\" (%s)",
                 axis->path, key, json_kind_name(json_kind(member)));
        }
    }
    axis->log = json_get(range, "log") != NULL && json_bool(json_get(range, "log"));
    axis->integer = json_get(range, "integer") != NULL && json_bool(json_get(range, "integer"));
    axis->from = from != NULL ? json_number(from) : 0;
    axis->to = to != NULL ? json_number(to) : 0;
    if (from == NULL || to == NULL || axis->to <= axis->from || (axis->log && axis->from <= 0)) {
        FAIL(ERR_CONFIG, "sweep: %s: expected \"from\" below \"to\"%s", axis->path,
             axis->log ? ", and above 0 for \"log\"" : "");
    }
    return OK;
}

static enum status read_variant(const struct json *bundle, struct arena *arena,
                                struct sweep_value *out)
{
    const char **paths, **texts;
    *out = (struct sweep_value){0};
    out->word = arena_copy_text(arena, json_key(bundle));
    TRY(out->word != NULL ? OK : ERR_MEMORY);
    out->json = out->word;
    if (json_kind(bundle) != JSON_OBJECT) {
        FAIL(ERR_CONFIG, "sweep: variants: %s: expected an object of options, got %s", out->word,
             json_kind_name(json_kind(bundle)));
    }
    const int n = out->n_sets = json_count(bundle);
    ARENA_NEW(arena, paths, (size_t)n);
    ARENA_NEW(arena, texts, (size_t)n);
    for (int i = 0; i < n; i++) {
        paths[i] = arena_copy_text(arena, json_key(json_at(bundle, i)));
        TRY(paths[i] != NULL ? OK : ERR_MEMORY);
        TRY(text_of(json_at(bundle, i), arena, &texts[i]));
    }
    out->paths = paths;
    out->texts = texts;
    return OK;
}

static enum status read_variants(const struct json *variants, struct arena *arena,
                                 struct sweep_axis *axis)
{
    struct sweep_value *values;
    if (json_kind(variants) != JSON_OBJECT || json_count(variants) == 0) {
        FAIL(ERR_CONFIG, "sweep: variants: expected {\"NAME\": {\"PATH\": value, ...}, ...}");
    }
    axis->n = json_count(variants);
    ARENA_NEW(arena, values, (size_t)axis->n);
    for (int i = 0; i < axis->n; i++) {
        TRY(read_variant(json_at(variants, i), arena, &values[i]));
    }
    axis->values = values;
    return OK;
}

static enum status read_single(const struct json *value, struct arena *arena,
                               struct sweep_axis *axis)
{
    struct sweep_value *single;
    bool span = false;
    if (json_kind(value) == JSON_STRING) {
        TRY(read_span(json_string(value), arena, axis, &span));
    }
    if (span) {
        return OK;
    }
    ARENA_NEW(arena, single, 1);
    TRY(value_of(value, arena, single));
    axis->n = 1;
    axis->values = single;
    return OK;
}

static enum status find_axis(const char *path, struct sweep_axes *axes, struct sweep_axis **out)
{
    static const char *const ours[] = {"run_dir", "json", "name", NULL};
    for (int i = 0; ours[i] != NULL; i++) {
        if (strcmp(path, ours[i]) == 0) {
            FAIL(ERR_CONFIG, "sweep: %s: the sweep says this to its runs itself; leave it out",
                 path);
        }
    }
    int i = 0;
    while (i < axes->n && strcmp(axes->axes[i].path, path) != 0) {
        i++;
    }
    if (i == SWEEP_MOST_AXES) {
        FAIL(ERR_CONFIG, "sweep: more than %d options to run through", SWEEP_MOST_AXES);
    }
    axes->n = i == axes->n ? i + 1 : axes->n;
    *out = &axes->axes[i];
    **out = (struct sweep_axis){.path = path, .name = path};
    return OK;
}

static bool is_own_option(const char *key)
{
    for (const struct option *row = sweep_config_table; row->key != NULL; row++) {
        if (strcmp(row->key, key) == 0) {
            return true;
        }
    }
    return strcmp(key, SWEEP_CONFIG_KEY) == 0;
}

enum status sweep_axes_read(const struct json *sweep, const char *source, struct arena *arena,
                            struct sweep_axes *out)
{
    for (int i = 0; i < json_count(sweep); i++) {
        const struct json *member = json_at(sweep, i);
        const char *key = json_key(member);
        if (is_own_option(key)) {
            continue;
        }
        const bool variants = strcmp(key, VARIANTS) == 0;
        const char *path = variants ? VARIANT : arena_copy_text(arena, key);
        struct sweep_axis *axis;
        TRY(path != NULL ? OK : ERR_MEMORY);
        TRY(find_axis(path, out, &axis));
        const enum json_kind kind = json_kind(member);
        const enum status code = variants              ? read_variants(member, arena, axis)
                                 : kind == JSON_ARRAY  ? read_list(member, arena, axis)
                                 : kind == JSON_OBJECT ? read_range(member, axis)
                                                       : read_single(member, arena, axis);
        if (code != OK) {
            return status_context(code, "%s", source);
        }
    }
    return OK;
}

// ---- the command line

// Length of the first value of a list: commas inside brackets and quotes part nothing.
static size_t value_length(const char *text)
{
    int depth = 0;
    bool quoted = false;
    size_t i = 0;
    for (; text[i] != '\0' && (text[i] != ',' || depth > 0 || quoted); i++) {
        if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) {
            quoted = !quoted;
        } else if (!quoted) {
            depth += text[i] == '[' || text[i] == '{' ? 1 : 0;
            depth -= (text[i] == ']' || text[i] == '}') && depth > 0 ? 1 : 0;
        }
    }
    return i;
}

// JSON, or else text as it is, as --set takes it everywhere.
static enum status add_word(const char *word, size_t length, struct json_writer *writer,
                            struct arena *arena)
{
    struct json *document = NULL;
    char *copy = arena_format(arena, "%.*s", (int)length, word);
    TRY(copy != NULL ? OK : ERR_MEMORY);
    if (length > 0 && json_parse(copy, length, "a value", &document) == OK) {
        json_write_value(writer, NULL, document);
        json_close(document);
    } else {
        json_write_string(writer, NULL, copy);
    }
    return OK;
}

static enum status list_words(const char *words, struct arena *arena, struct text *out)
{
    struct json_writer writer = {.out = out};
    json_write_begin(&writer, '[', NULL);
    for (const char *at = words;; at++) {
        const size_t length = value_length(at);
        TRY(add_word(at, length, &writer, arena));
        at += length;
        if (*at == '\0') {
            break;
        }
    }
    json_write_end(&writer, ']');
    return out->failed ? ERR_MEMORY : OK;
}

enum status sweep_axes_set(const char *assignment, struct arena *arena, struct sweep_axes *out)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || equals == assignment) {
        FAIL(ERR_CONFIG, "dikdik sweep: --set needs PATH=VALUE,VALUE,..., got '%.60s'", assignment);
    }
    char *path = arena_format(arena, "%.*s", (int)(equals - assignment), assignment);
    struct sweep_axis *axis;
    bool span = false;
    TRY(path != NULL ? OK : ERR_MEMORY);
    for (char *at = path; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    TRY(find_axis(path, out, &axis));
    TRY(read_span(equals + 1, arena, axis, &span));
    if (span) {
        return OK;
    }
    struct text text = {0};
    struct json *document = NULL;
    enum status code = list_words(equals + 1, arena, &text);
    if (code == OK) {
        code = json_parse(text.bytes, text.length, "--set", &document);
    }
    if (code == OK) {
        code = read_list(document, arena, axis);
    }
    json_close(document);
    text_close(&text);
    return code;
}

static void move_seed_to_end(struct sweep_axes *axes)
{
    for (int i = 0; i + 1 < axes->n; i++) {
        if (sweep_axis_is_seed(&axes->axes[i])) {
            const struct sweep_axis seed = axes->axes[i];
            axes->axes[i] = axes->axes[i + 1];
            axes->axes[i + 1] = seed;
        }
    }
}

void sweep_axes_finish(struct sweep_axes *axes)
{
    move_seed_to_end(axes);
    for (int i = 0; i < axes->n; i++) {
        const char *dot = strrchr(axes->axes[i].path, '.');
        axes->axes[i].name = dot != NULL ? dot + 1 : axes->axes[i].path;
    }
    for (int i = 0; i < axes->n; i++) {
        for (int j = 0; j < axes->n; j++) {
            if (i != j && strcmp(axes->axes[i].name, axes->axes[j].name) == 0) {
                axes->axes[i].name = axes->axes[i].path;
                axes->axes[j].name = axes->axes[j].path;
            }
        }
    }
}
