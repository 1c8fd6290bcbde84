// A task's result in and out of JSON, by one option table.
#include "run/run_result.h"

#include "core/config.h"
#include "core/file.h"

#include <stddef.h>

struct stored {
    struct run_result result;
    const struct int_list *widths;
};

const char *const run_images_names[] = {
    [IMAGES_UNKNOWN] = "unknown", [IMAGES_UNSEEN] = "unseen", NULL};

#define AT(field) .offset = offsetof(struct stored, result.field)
static const struct option result_table[] = {
    {"full_macs", "", OPTION_INT64, AT(full_macs)},
    {"full_params", "", OPTION_INT64, AT(full_params)},
    {"full_bytes", "", OPTION_INT64, AT(full_bytes)},
    {"macs", "", OPTION_INT64, AT(macs)},
    {"params", "", OPTION_INT64, AT(params)},
    {"bytes", "", OPTION_INT64, AT(bytes)},
    {"validation_images", "", OPTION_CHOICE, AT(validation_images), .fallback_text = "unknown",
     .choices = run_images_names},
    {"accuracy_base", "", OPTION_DOUBLE, AT(accuracy_base)},
    {"score", "", OPTION_DOUBLE, AT(score)},
    {"accuracy_found", "", OPTION_DOUBLE, AT(accuracy_found)},
    {"evaluations", "", OPTION_INT64, AT(evaluations)},
    {"episode", "", OPTION_INT64, AT(episode)},
    {"widths", "", OPTION_INT_LIST, .offset = offsetof(struct stored, widths)},
    {"tested", "", OPTION_BOOL, AT(tested)},
    {"accuracy_test", "", OPTION_DOUBLE, AT(accuracy_test)},
    {"accuracy_base_test", "", OPTION_DOUBLE, AT(accuracy_base_test)},
    {.key = NULL},
};
#undef AT

enum status run_result_write(const struct run_result *result, const char *path)
{
    const struct int_list widths = {.n = result->n_widths, .values = result->widths};
    const struct stored stored = {.result = *result, .widths = &widths};
    struct text text = {0};
    TRY(config_text(result_table, &stored, &text));
    const enum status code = file_write(path, text.bytes, text.length);
    text_close(&text);
    return code;
}

enum status run_result_read(const char *path, struct arena *arena, struct run_result *out)
{
    struct json *document;
    struct stored stored;
    TRY(json_read_file(path, &document));
    const enum status code = config_read(document, path, result_table, &stored, arena);
    json_close(document);
    TRY(code);
    *out = stored.result;
    out->n_widths = stored.widths->n;
    out->widths = stored.widths->values;
    return OK;
}
