// Making a run folder, or finding out whether an existing one belongs to the same run.
#include "run/run_folder.h"

#include "core/config.h"
#include "core/file.h"

#include <stdio.h>
#include <string.h>

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

static bool find_difference(const struct json *theirs, const struct json *ours, const char *path,
                            struct run_difference *out)
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

enum status run_folder_open(const char *path, const struct run_kind *kind, struct arena *arena,
                            struct run_folder *out)
{
    struct json *document;
    *out = (struct run_folder){.kind = kind, .lock = {.file = -1}};
    out->config_path = arena_format(arena, "%s/config.json", path);
    out->inputs_path = arena_format(arena, "%s/inputs.json", path);
    if (out->config_path == NULL || out->inputs_path == NULL) {
        return ERR_MEMORY;
    }
    TRY(file_make_folders(path));
    TRY(folder_lock_take(path, kind->command, &folder_lock_patience, &out->lock));
    if (!file_exists(out->config_path)) {
        return OK;
    }
    void *earlier = arena_alloc(arena, 1, kind->bytes);
    if (earlier == NULL) {
        return ERR_MEMORY;
    }
    TRY(json_read_file(out->config_path, &document));
    const enum status code = config_read(document, out->config_path, kind->table, earlier, arena);
    json_close(document);
    TRY(code);
    out->earlier = earlier;
    out->recorded = file_exists(out->inputs_path);
    return out->recorded ? run_inputs_read(out->inputs_path, arena, &out->inputs) : OK;
}

static enum status parse_shaping(const struct run_folder *folder, const void *config,
                                 enum option_shapes shapes, struct json **out)
{
    struct text text = {0};
    struct json_writer writer = {.out = &text};
    config_write_shaping(folder->kind->table, config, shapes, SHAPES_NOTHING, &writer, NULL);
    const enum status code =
        text.failed ? ERR_MEMORY : json_parse(text.bytes, text.length, folder->config_path, out);
    text_close(&text);
    return code;
}

enum status run_folder_differs(const struct run_folder *folder, const void *config,
                               enum option_shapes shapes, bool *differs, struct run_difference *out)
{
    struct json *theirs = NULL, *ours = NULL;
    enum status code = parse_shaping(folder, folder->earlier, shapes, &theirs);
    if (code == OK) {
        code = parse_shaping(folder, config, shapes, &ours);
    }
    if (code == OK) {
        *differs = find_difference(theirs, ours, "", out);
    }
    json_close(theirs);
    json_close(ours);
    return code;
}

enum status run_folder_refuse(const struct run_folder *folder,
                              const struct run_difference *difference)
{
    FAIL(ERR_CONFIG,
         "the run folder holds another run: %s has %s = %s, this run %s; choose another folder "
         "with --run-dir, or remove that one",
         folder->config_path, difference->path, difference->theirs, difference->ours);
}

enum status run_folder_check_recorded(const struct run_folder *folder)
{
    if (!folder->recorded) {
        FAIL(ERR_CONFIG,
             "%s is not there, so nobody can say whether this run goes on with the data and "
             "weights it began with: an older version of this program made the folder, or the file "
             "was removed; choose another run folder with --run-dir",
             folder->inputs_path);
    }
    return OK;
}

// The config last: it claims the folder.
enum status run_folder_claim(const struct run_folder *folder, const void *config,
                             const struct run_inputs *inputs)
{
    struct text text = {0};
    TRY(run_inputs_write(inputs, folder->inputs_path));
    TRY(config_text(folder->kind->table, config, &text));
    const enum status code = file_write(folder->config_path, text.bytes, text.length);
    text_close(&text);
    return code;
}

void run_folder_close(struct run_folder *folder)
{
    folder_lock_release(&folder->lock);
}
