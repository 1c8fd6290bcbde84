// A JSON Schema of the option tables. What a table cannot say, as that a network has weights or an
// architecture, follows as rules of its own; it must say the same as search_config_resolve and
// train_config_resolve.
#include "app/config_schema.h"

#include "app/config_sweep.h"
#include "app/config_tables.h"
#include "core/json.h"
#include "envs/env_list.h"
#include "experiments/sweep_options.h"
#include "nn/zoo.h"
#include "search_space/nas_space.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

// From here on a double no longer tells neighbouring integers apart.
#define EXACT_MOST 9007199254740991.0

static void write_properties(struct json_writer *w, const struct option *table);

static void write_bounds(struct json_writer *w, const struct option *row, double least, double most)
{
    if (option_bounded(row)) {
        least = row->least > least ? row->least : least;
        most = row->most < most ? row->most : most;
    }
    json_write_double(w, "minimum", least);
    json_write_double(w, "maximum", most);
}

static void write_own_bounds(struct json_writer *w, const struct option *row)
{
    if (option_bounded(row)) {
        json_write_double(w, "minimum", row->least);
        json_write_double(w, "maximum", row->most);
    }
}

static void write_names(struct json_writer *w, const char *key, const char *const *names)
{
    json_write_begin(w, '[', key);
    for (int i = 0; names[i] != NULL; i++) {
        json_write_string(w, NULL, names[i]);
    }
    json_write_end(w, ']');
}

// true and false say "on" and "off", where those are choices.
static void write_choices(struct json_writer *w, const struct option *row)
{
    json_write_begin(w, '[', "enum");
    for (int i = 0; row->choices[i] != NULL; i++) {
        json_write_string(w, NULL, row->choices[i]);
    }
    for (int truth = 0; truth < 2; truth++) {
        if (option_choice_find(row->choices, truth ? "on" : "off") >= 0) {
            json_write_bool(w, NULL, truth);
            json_write_string(w, NULL, truth ? "true" : "false");
        }
    }
    json_write_end(w, ']');
    json_write_string(w, "default", option_default_choice(row));
}

static void write_seed(struct json_writer *w, const struct option *row)
{
    json_write_begin(w, '[', "anyOf");
    json_write_begin(w, '{', NULL);
    json_write_string(w, "type", "integer");
    write_bounds(w, row, 0, EXACT_MOST);
    json_write_end(w, '}');
    json_write_begin(w, '{', NULL);
    json_write_string(w, "type", "string");
    json_write_string(w, "pattern", "^[0-9]{1,20}$");
    json_write_end(w, '}');
    json_write_end(w, ']');
    json_write_double(w, "default", row->fallback);
}

static void write_number(struct json_writer *w, const struct option *row)
{
    json_write_string(w, "type", row->kind == OPTION_DOUBLE ? "number" : "integer");
    if (row->kind == OPTION_DOUBLE) {
        write_own_bounds(w, row);
    } else if (row->kind == OPTION_INT) {
        write_bounds(w, row, INT_MIN, INT_MAX);
    } else {
        write_bounds(w, row, -EXACT_MOST, EXACT_MOST);
    }
    json_write_double(w, "default", row->fallback);
}

static void write_string(struct json_writer *w, const struct option *row)
{
    json_write_string(w, "type", "string");
    json_write_string(w, "default", row->fallback_text != NULL ? row->fallback_text : "");
    if (row->known != NULL) {
        write_names(w, "examples", row->known);
    }
}

// A list of numbers or objects, or an object of free keys.
static void write_many(struct json_writer *w, const struct option *row)
{
    const bool is_map = row->kind == OPTION_MAP_INT;
    json_write_string(w, "type", is_map ? "object" : "array");
    json_write_begin(w, '{', is_map ? "additionalProperties" : "items");
    if (row->kind == OPTION_LIST) {
        write_properties(w, row->table);
    } else if (row->kind == OPTION_DOUBLE_LIST) {
        json_write_string(w, "type", "number");
        write_own_bounds(w, row);
    } else {
        json_write_string(w, "type", "integer");
        write_bounds(w, row, INT_MIN, INT_MAX);
    }
    json_write_end(w, '}');
}

static void write_row(struct json_writer *w, const struct option *row)
{
    json_write_begin(w, '{', row->key);
    if (row->help != NULL) {
        json_write_string(w, "description", row->help);
    }
    switch (row->kind) {
    case OPTION_BOOL:
        json_write_string(w, "type", "boolean");
        json_write_bool(w, "default", row->fallback != 0);
        break;
    case OPTION_INT:
    case OPTION_INT64:
    case OPTION_DOUBLE:
        write_number(w, row);
        break;
    case OPTION_SEED:
        write_seed(w, row);
        break;
    case OPTION_STRING:
        write_string(w, row);
        break;
    case OPTION_CHOICE:
        write_choices(w, row);
        break;
    case OPTION_INT_LIST:
    case OPTION_DOUBLE_LIST:
    case OPTION_MAP_INT:
    case OPTION_LIST:
        write_many(w, row);
        break;
    case OPTION_OBJECT:
        write_properties(w, row->table);
        break;
    }
    json_write_end(w, '}');
}

static void write_properties(struct json_writer *w, const struct option *table)
{
    json_write_string(w, "type", "object");
    json_write_begin(w, '{', "properties");
    for (const struct option *row = table; row->key != NULL; row++) {
        write_row(w, row);
    }
    json_write_end(w, '}');
    json_write_bool(w, "additionalProperties", false);
}

// ---- "sweep"

struct sweep {
    struct json_writer *w;
    const char *kind;
};

// "#/$defs/run/properties/learner/properties/batch" of "learner.batch".
static void write_reference(struct json_writer *w, const char *kind, const char *path)
{
    struct text reference = {0};
    text_add(&reference, "#/$defs/%s", kind);
    while (*path != '\0') {
        const int length = (int)strcspn(path, ".");
        text_add(&reference, "/properties/%.*s", length, path);
        path += length + (path[length] == '.');
    }
    w->out->failed = w->out->failed || reference.failed;
    json_write_string(w, "$ref", reference.failed ? "" : reference.bytes);
    text_close(&reference);
}

// Values of an option: a list of them, or all whole numbers of a range.
static void write_swept(void *context, const char *path, const struct option *row, bool in_list)
{
    const struct sweep *sweep = context;
    struct json_writer *w = sweep->w;
    const bool whole =
        row->kind == OPTION_INT || row->kind == OPTION_INT64 || row->kind == OPTION_SEED;
    if (in_list) {
        return;
    }
    json_write_begin(w, '{', path);
    json_write_begin(w, '[', "anyOf");
    json_write_begin(w, '{', NULL);
    write_reference(w, sweep->kind, path);
    json_write_end(w, '}');
    json_write_begin(w, '{', NULL);
    json_write_string(w, "type", "array");
    json_write_int(w, "minItems", 1);
    json_write_begin(w, '{', "items");
    write_reference(w, sweep->kind, path);
    json_write_end(w, '}');
    json_write_end(w, '}');
    if (whole || row->kind == OPTION_DOUBLE) {
        json_write_raw(w, NULL, "{\"type\": \"object\", \"required\": [\"from\", \"to\"]}");
    }
    if (whole) {
        json_write_raw(w, NULL,
                       "{\"type\": \"string\", \"pattern\": \"^-?[0-9]+\\\\.\\\\.-?[0-9]+$\"}");
    }
    json_write_end(w, ']');
    json_write_end(w, '}');
}

static void write_sweep(struct json_writer *w, const struct config_table *config)
{
    struct sweep sweep = {w, config->name};
    json_write_begin(w, '{', "sweep");
    json_write_string(w, "description",
                      "of dikdik sweep: paths of options with the values that they take in turn, "
                      "[1, 2, 5], as whole numbers from one to the other, \"1..5\", or drawn of a "
                      "range, {\"from\": 1, \"to\": 5}");
    json_write_string(w, "type", "object");
    json_write_begin(w, '{', "properties");
    config_table_walk(config->table, write_swept, &sweep);
    for (const struct option *row = sweep_config_table; row->key != NULL; row++) {
        json_write_bool(w, row->key, true);
    }
    for (int i = 0; config_sweep_others[i] != NULL; i++) {
        json_write_bool(w, config_sweep_others[i], true);
    }
    json_write_end(w, '}');
    json_write_raw(w, "patternProperties",
                   "{\"^[a-z_]+(\\\\.[a-z_]+)*\\\\.[0-9]+(\\\\..+)?$\": true}");
    json_write_bool(w, "additionalProperties", false);
    json_write_end(w, '}');
}

// ---- what is required

#define WORD "{\"type\": \"string\", \"pattern\": \"^([A-Za-z0-9_+-][A-Za-z0-9._+-]*)?$\"}"
#define ABOVE_0(key)                                                                               \
    "{\"required\": [\"" key "\"], \"properties\": {\"" key "\": {\"exclusiveMinimum\": 0}}}"
#define BUDGETS ABOVE_0("macs") ", " ABOVE_0("params") ", " ABOVE_0("bytes")
#define FILE_NAMED(key)                                                                            \
    "{\"required\": [\"" key "\"], \"properties\": {\"" key "\": {\"minLength\": 1}}}"

static const char names_are_words[] =
    "{\"properties\": {\"name\": " WORD ","
    " \"networks\": {\"items\": {\"properties\": {\"name\": " WORD "}}},"
    " \"tasks\": {\"items\": {\"properties\": {\"name\": " WORD "}}}}}";
static const char prune_tasks[] = "{\"minItems\": 1, \"items\": {\"anyOf\": [" BUDGETS "]}}";
static const char nas_tasks[] =
    "{\"minItems\": 1, \"items\": {\"anyOf\": [" BUDGETS ", {\"required\": [\"objective\"],"
    " \"properties\": {\"objective\": {\"anyOf\": [" BUDGETS "]}}}]}}";

static void write_one_of(struct json_writer *w, const char *key, const char *const *names)
{
    json_write_begin(w, '{', key);
    write_names(w, "enum", names);
    json_write_end(w, '}');
}

// Weights or an architecture of the zoo.
static void write_model_rule(struct json_writer *w)
{
    json_write_begin(w, '[', "anyOf");
    json_write_raw(w, NULL, FILE_NAMED("weights"));
    json_write_begin(w, '{', NULL);
    json_write_raw(w, "required", "[\"architecture\"]");
    json_write_begin(w, '{', "properties");
    write_one_of(w, "architecture", zoo_names);
    json_write_end(w, '}');
    json_write_end(w, '}');
    json_write_end(w, ']');
}

static void write_network_rule(struct json_writer *w, bool is_space)
{
    json_write_begin(w, '{', "networks");
    json_write_int(w, "minItems", 1);
    json_write_begin(w, '{', "items");
    json_write_raw(w, "required", is_space ? "[\"data\", \"space\"]" : "[\"data\"]");
    json_write_begin(w, '{', "properties");
    json_write_raw(w, "data",
                   "{\"required\": [\"name\"], \"properties\": {\"name\": {\"minLength\": 1}}}");
    if (is_space) {
        json_write_raw(w, "architecture", "{\"maxLength\": 0}");
        json_write_begin(w, '{', "space");
        json_write_raw(w, "required", "[\"name\"]");
        json_write_begin(w, '{', "properties");
        write_one_of(w, "name", nas_space_names);
        json_write_end(w, '}');
        json_write_end(w, '}');
    } else {
        json_write_raw(w, "space", "{\"properties\": {\"name\": {\"maxLength\": 0}}}");
    }
    json_write_end(w, '}');
    if (!is_space) {
        write_model_rule(w);
    }
    json_write_end(w, '}');
    json_write_end(w, '}');
}

// Of an environment that designs networks; without one it is the first.
static void write_design_rule(struct json_writer *w, const char *environment, bool is_space)
{
    json_write_begin(w, '{', NULL);
    json_write_begin(w, '{', "if");
    json_write_begin(w, '{', "properties");
    json_write_begin(w, '{', "environment");
    json_write_string(w, "const", environment);
    json_write_end(w, '}');
    json_write_end(w, '}');
    if (is_space) {
        json_write_raw(w, "required", "[\"environment\"]");
    }
    json_write_end(w, '}');
    json_write_begin(w, '{', "then");
    json_write_raw(w, "required", "[\"networks\", \"tasks\"]");
    json_write_begin(w, '{', "properties");
    write_network_rule(w, is_space);
    json_write_raw(w, "tasks", is_space ? nas_tasks : prune_tasks);
    json_write_end(w, '}');
    json_write_end(w, '}');
    json_write_end(w, '}');
}

static void write_run_rules(struct json_writer *w)
{
    json_write_begin(w, '[', "allOf");
    json_write_raw(w, NULL, names_are_words);
    json_write_begin(w, '{', NULL);
    json_write_begin(w, '{', "properties");
    write_one_of(w, "environment", env_names);
    json_write_end(w, '}');
    json_write_end(w, '}');
    json_write_begin(w, '{', NULL); // a sweep may be of another file's config
    json_write_raw(w, "if",
                   "{\"required\": [\"sweep\"], \"properties\": {\"sweep\": {\"required\": "
                   "[\"config\"]}}}");
    json_write_begin(w, '{', "else");
    json_write_begin(w, '[', "allOf");
    write_design_rule(w, env_names[ENV_PRUNE], false);
    write_design_rule(w, env_names[ENV_NAS], true);
    json_write_end(w, ']');
    json_write_end(w, '}');
    json_write_end(w, '}');
    json_write_end(w, ']');
}

static void write_train_rules(struct json_writer *w)
{
    json_write_raw(w, "required", "[\"model\", \"data\"]");
    json_write_begin(w, '[', "allOf");
    json_write_raw(w, NULL, "{\"properties\": {\"name\": {\"pattern\": \"^([^/.][^/]*)?$\"}}}");
    json_write_raw(w, NULL,
                   "{\"properties\": {\"data\": {\"anyOf\": [" FILE_NAMED("name") ", " FILE_NAMED(
                       "path") "]}}}");
    json_write_begin(w, '{', NULL);
    json_write_begin(w, '{', "properties");
    json_write_begin(w, '{', "model");
    write_model_rule(w);
    json_write_end(w, '}');
    json_write_end(w, '}');
    json_write_end(w, '}');
    json_write_end(w, ']');
}

static void write_config(struct json_writer *w, const struct config_table *config,
                         void (*rules)(struct json_writer *w))
{
    json_write_begin(w, '{', config->name);
    json_write_string(w, "description", config->commands);
    json_write_string(w, "type", "object");
    json_write_begin(w, '{', "properties");
    json_write_raw(w, "$schema", "{\"type\": \"string\"}");
    for (const struct option *row = config->table; row->key != NULL; row++) {
        write_row(w, row);
    }
    write_sweep(w, config);
    json_write_end(w, '}');
    json_write_bool(w, "additionalProperties", false);
    rules(w);
    json_write_end(w, '}');
}

void config_schema_write(struct text *out)
{
    struct json_writer w = {.out = out, .pretty = true};
    json_write_begin(&w, '{', NULL);
    json_write_string(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_write_string(&w, "title", "A config of dikdik");
    json_write_raw(&w, "if", "{\"required\": [\"model\"]}");
    json_write_raw(&w, "then", "{\"$ref\": \"#/$defs/train\"}");
    json_write_raw(&w, "else", "{\"$ref\": \"#/$defs/run\"}");
    json_write_begin(&w, '{', "$defs");
    write_config(&w, &config_tables[CONFIG_RUN], write_run_rules);
    write_config(&w, &config_tables[CONFIG_TRAIN], write_train_rules);
    json_write_end(&w, '}');
    json_write_end(&w, '}');
    text_add(out, "\n");
}
