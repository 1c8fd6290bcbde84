// Making a run folder, or finding out whether an existing one belongs to the same run.
#include "run/run_folder.h"

#include "core/config.h"
#include "core/file.h"

#include <stdio.h>
#include <string.h>

#define VALUE_CHARS 80

static void describe_value(const struct json *value, char *out, size_t n)
{
    switch (json_kind(value)) {
    case JSON_BOOL:
        snprintf(out, n, "%s", json_bool(value) ? "true" : "false");
        break;
    case JSON_NUMBER:
        snprintf(out, n, "%.10g", json_number(value));
        break;
    case JSON_STRING:
        snprintf(out, n, "\"%s\"", json_string(value));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        snprintf(out, n, "%d entries", json_count(value));
        break;
    case JSON_NULL:
        snprintf(out, n, "null");
        break;
    }
}

// Where two documents written from the same option table differ.
struct difference {
    char path[256];
    char theirs[VALUE_CHARS], ours[VALUE_CHARS];
};

static bool find_difference(const struct json *theirs, const struct json *ours, const char *path,
                            struct difference *out)
{
    const enum json_kind kind = json_kind(theirs);
    const bool nested = kind == JSON_OBJECT || kind == JSON_ARRAY;
    describe_value(theirs, out->theirs, sizeof out->theirs);
    describe_value(ours, out->ours, sizeof out->ours);
    snprintf(out->path, sizeof out->path, "%s", path);
    if (kind != json_kind(ours) || (nested && json_count(theirs) != json_count(ours))) {
        return true;
    }
    if (!nested) {
        return !json_same(theirs, ours); // the texts are cut short
    }
    for (int i = 0; i < json_count(theirs); i++) {
        const struct json *child = json_at(theirs, i);
        char inner[256];
        if (kind == JSON_OBJECT) {
            snprintf(inner, sizeof inner, "%s%s%s", path, path[0] != '\0' ? "." : "",
                     json_key(child));
        } else {
            snprintf(inner, sizeof inner, "%s[%d]", path, i);
        }
        if (find_difference(child, json_at(ours, i), inner, out)) {
            return true;
        }
    }
    return false;
}

static enum status fail_different(const char *path, const char *theirs, const char *ours)
{
    struct json *their_document = NULL;
    struct json *our_document = NULL;
    struct difference difference = {.path = "?", .theirs = "?", .ours = "?"};
    enum status code = json_parse(theirs, strlen(theirs), path, &their_document);
    if (code == OK) {
        code = json_parse(ours, strlen(ours), "this run's config", &our_document);
    }
    if (code == OK) {
        find_difference(their_document, our_document, "", &difference);
    }
    json_close(our_document);
    json_close(their_document);
    TRY(code);
    FAIL(ERR_CONFIG,
         "the run folder holds another run: %s has %s = %s, this run %s; choose another folder "
         "with --run-dir, or remove that one",
         path, difference.path, difference.theirs, difference.ours);
}

static enum status compare(const char *path, const struct json *document,
                           const struct run_kind *kind, const void *config, struct arena *arena)
{
    struct text their_text = {0};
    struct text our_text = {0};
    void *theirs = arena_alloc(arena, 1, kind->bytes);
    if (theirs == NULL) {
        return ERR_MEMORY;
    }
    TRY(config_read(document, path, kind->table, theirs, arena));
    enum status code = kind->identity(theirs, &their_text);
    if (code == OK) {
        code = kind->identity(config, &our_text);
    }
    if (code == OK && strcmp(their_text.bytes, our_text.bytes) != 0) {
        code = fail_different(path, their_text.bytes, our_text.bytes);
    }
    text_close(&our_text);
    text_close(&their_text);
    return code;
}

static enum status check_config(const char *path, const struct run_kind *kind, const void *config)
{
    struct json *document;
    struct arena arena = {0};
    TRY(json_read_file(path, &document));
    const enum status code = compare(path, document, kind, config, &arena);
    arena_close(&arena);
    json_close(document);
    return code;
}

enum status run_folder_claim(const char *path, const struct run_kind *kind, const void *config,
                             const char *text)
{
    char config_path[4096];
    TRY(file_join(config_path, sizeof config_path, path, "config.json"));
    TRY(file_make_folders(path));
    if (file_exists(config_path)) {
        return check_config(config_path, kind, config);
    }
    return file_write(config_path, text, strlen(text));
}
