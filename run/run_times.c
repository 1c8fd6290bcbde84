// Times of stages in and out of JSON, by one option table.
#include "run/run_times.h"

#include "core/config.h"
#include "core/file.h"

#include <stddef.h>

#define AT(field) .offset = offsetof(struct run_stage_time, field)
static const struct option stage_table[] = {
    {"seconds", "", OPTION_DOUBLE, AT(seconds)},
    {"core_seconds", "", OPTION_DOUBLE, AT(core_seconds)},
    {"busy_seconds", "", OPTION_DOUBLE, AT(busy_seconds)},
    {"orders", "", OPTION_INT64, AT(orders)},
    {"retries", "", OPTION_INT64, AT(retries)},
    {.key = NULL},
};
#undef AT
#define AT(field) .offset = offsetof(struct run_times, field), .table = stage_table
static const struct option times_table[] = {
    {"base", "", OPTION_OBJECT, AT(base)},
    {"search", "", OPTION_OBJECT, AT(search)},
    {"rescore", "", OPTION_OBJECT, AT(rescore)},
    {"finetune", "", OPTION_OBJECT, AT(finetune)},
    {.key = NULL},
};
#undef AT

enum status run_times_write(const struct run_times *times, const char *path)
{
    struct text text = {0};
    enum status code = config_text(times_table, times, &text);
    if (code == OK) {
        code = file_write(path, text.bytes, text.length);
    }
    text_close(&text);
    return code;
}

enum status run_times_read(const char *path, struct run_times *out)
{
    struct arena arena = {0};
    struct json *document;
    *out = (struct run_times){0};
    if (!file_exists(path)) {
        return OK;
    }
    TRY(json_read_file(path, &document));
    const enum status code = config_read(document, path, times_table, out, &arena);
    json_close(document);
    arena_close(&arena);
    return code;
}

double run_busy_share(const struct run_stage_time *time)
{
    return time->core_seconds > 0 ? time->busy_seconds / time->core_seconds : 0;
}
