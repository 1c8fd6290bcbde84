// Any bytes as a config: JSON through the option tables of a run and of a data set, and as a change
// to one. What was read and written out reads back to the same text.
#include "core/config.h"
#include "core/text.h"
#include "fuzz_file.h"
#include "run/run_config.h"

#include <stdlib.h>
#include <string.h>

static void read_back(const struct option *table, const void *values, void *again,
                      struct arena *arena)
{
    struct text first = {0}, second = {0};
    struct json *document;
    CHECK(config_text(table, values, &first) == OK);
    CHECK(json_parse(first.bytes, first.length, "written", &document) == OK);
    CHECK(config_read(document, "written", table, again, arena) == OK);
    CHECK(config_text(table, again, &second) == OK);
    CHECK(strcmp(first.bytes, second.bytes) == 0);
    json_close(document);
    text_close(&first);
    text_close(&second);
}

static void read_tables(const struct json *document)
{
    static struct run_config run[2];
    static struct dataset_options data[2];
    struct arena arena = {0};
    if (config_read(document, "fuzz", run_config_table, &run[0], &arena) == OK) {
        read_back(run_config_table, &run[0], &run[1], &arena);
    }
    if (config_read(document, "fuzz", dataset_option_table, &data[0], &arena) == OK) {
        read_back(dataset_option_table, &data[0], &data[1], &arena);
    }
    arena_close(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct json *document;
    const struct fuzz_part text = fuzz_take(&bytes, &n);
    if (json_parse((const char *)text.bytes, text.n, "fuzz", &document) != OK) {
        return 0;
    }
    read_tables(document);
    // PATH=VALUE, as --set has it.
    char *set = strndup((const char *)bytes, n);
    CHECK(set != NULL);
    char *value = strchr(set, '=');
    if (value != NULL && json_kind(document) == JSON_OBJECT) {
        *value = '\0';
        if (json_set_path(document, set, value + 1) == OK) {
            read_tables(document);
        }
    }
    free(set);
    json_close(document);
    return 0;
}
