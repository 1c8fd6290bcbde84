// dikdik config: help with configs.
#include "app/command.h"
#include "app/command_line.h"
#include "app/config_check.h"
#include "app/config_example.h"
#include "app/config_explain.h"
#include "app/config_schema.h"
#include "app/output.h"

#include <stdio.h>
#include <string.h>

struct help_config {
    bool schema, json;
    const char *check, *explain;
    enum config_example example;
};
#define AT(field) .offset = offsetof(struct help_config, field)
static const struct option help_table[] = {
    {"schema", "print the JSON Schema (2020-12) of configs, which editors check and complete by",
     OPTION_BOOL, AT(schema), .fallback = 0},
    {"check", "look for mistakes in this config, without running it", OPTION_STRING, AT(check)},
    {"example", "print a config with comments, to begin with", OPTION_CHOICE, AT(example),
     .choices = config_example_names},
    {"explain",
     "say what an option of configs means, by its path or the end of that: learner.learning_rate",
     OPTION_STRING, AT(explain)},
    {"json", "of check and explain: print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {.key = NULL},
};
#undef AT

static const struct cli config_cli = {
    .command = "dikdik config",
    .usage = "--schema | --check FILE | --example NAME | --explain PATH [--json]",
    .about = "Helps with configs. A config that begins with {\"$schema\": \"dikdik.schema.json\"} "
             "is checked and completed by editors once `dikdik config --schema > "
             "dikdik.schema.json` has written that file beside it.",
    .table = help_table,
};

static enum status print_schema(void)
{
    struct text text = {0};
    config_schema_write(&text);
    const bool failed = text.failed;
    fputs(failed ? "" : text.bytes, stdout);
    text_close(&text);
    if (failed) {
        FAIL(ERR_MEMORY, "no memory for the schema");
    }
    return OK;
}

static void write_lines(struct json_writer *w, const char *key, const struct option_faults *list)
{
    json_write_begin(w, '[', key);
    for (const char *line = list->n > 0 ? list->text.bytes : ""; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        struct text one = {0};
        text_add_bytes(&one, line, length);
        json_write_string(w, NULL, one.failed || length == 0 ? "" : one.bytes);
        text_close(&one);
        line += length + (line[length] == '\n');
    }
    json_write_end(w, ']');
}

static enum status print_checked(const struct config_checked *checked, const char *path)
{
    struct output_json json;
    output_json_begin(&json);
    json_write_string(&json.writer, "file", path);
    json_write_bool(&json.writer, "good", checked->faults.n == 0);
    write_lines(&json.writer, "faults", &checked->faults);
    write_lines(&json.writer, "absent", &checked->absent);
    return output_json_end(&json);
}

static enum status check(struct app *app, const struct help_config *config)
{
    struct config_checked checked;
    enum status code = config_check_file(config->check, &checked);
    if (code == OK && config->json) {
        code = print_checked(&checked, config->check);
    } else if (code == OK) {
        fputs(checked.faults.n > 0 ? checked.faults.text.bytes : "", stderr);
        if (checked.absent.n > 0) {
            fprintf(stderr, "this machine lacks what it needs: %s", checked.absent.text.bytes);
        }
        if (checked.faults.n == 0) {
            printf("%s: good, a config of %s\n", config->check, checked.commands);
        }
    }
    if (code == OK && checked.faults.n > 0) {
        app->finished = true;
        app->exit_code = status_exit_code(ERR_CONFIG);
    }
    config_checked_close(&checked);
    return code;
}

static enum status help(struct app *app, const struct help_config *config)
{
    const int asked = config->schema + (config->check[0] != '\0') + (config->explain[0] != '\0') +
                      (config->example != EXAMPLE_NONE);
    if (asked != 1) {
        FAIL(ERR_CONFIG,
             "dikdik config: expected one of --schema, --check FILE, --example NAME "
             "and --explain PATH, got %s",
             asked == 0 ? "none" : "several");
    }
    if (config->schema) {
        return print_schema();
    }
    if (config->check[0] != '\0') {
        return check(app, config);
    }
    if (config->explain[0] != '\0') {
        return config_explain(config->explain, config->json);
    }
    fputs(config_examples[config->example], stdout);
    return OK;
}

static enum status config_run(struct app *app, int argc, char **argv)
{
    struct arena arena = {0};
    struct help_config config;
    struct cli_result words;
    enum status code = command_line_read(&config_cli, argc, argv, &config, &arena, &words);
    if (code == OK && !words.help) {
        code = help(app, &config);
    }
    arena_close(&arena);
    return code;
}

static const struct cli *const config_clis[] = {&config_cli, NULL};

const struct command command_config = {
    .name = "config",
    .about = "help with configs: schema, check, examples, what options mean",
    .clis = config_clis,
    .run = config_run,
};
