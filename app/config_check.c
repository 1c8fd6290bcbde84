// Checks a config in steps, each only when the one before has found nothing: the text, every option
// by its table, what they say together, and last whether they fit what lies on this machine.
#include "app/config_check.h"

#include "app/config_sweep.h"
#include "app/config_tables.h"
#include "app/search_config_read.h"
#include "app/train_config.h"
#include "core/config.h"
#include "run/run_check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checking {
    const char *path;
    struct json *document;
    struct arena arena;
    struct config_checked *out;
    bool elsewhere; // most of it is in the config that its sweep names
};

static void add(struct option_faults *list, const char *line)
{
    text_add(&list->text, "%s\n", line);
    list->n++;
}

// As deep as the message's path, "networks[0].data.name", leads into the document.
static const struct json *follow(const struct json *value, const char *path)
{
    while (*path != '\0') {
        const struct json *child = NULL;
        if (*path == '[' && json_kind(value) == JSON_ARRAY) {
            const long index = strtol(path + 1, NULL, 10);
            child = index >= 0 && index < json_count(value) ? json_at(value, (int)index) : NULL;
            path += strcspn(path, "]");
            path += *path == ']';
        } else if (json_kind(value) == JSON_OBJECT) {
            char key[128];
            path += *path == '.';
            const size_t length = strcspn(path, ".[");
            snprintf(key, sizeof key, "%.*s", (int)length, path);
            child = json_get(value, key);
            path += length;
        }
        if (child == NULL) {
            break;
        }
        value = child;
    }
    return value;
}

// A message that begins with a path, "tasks[1].network: ...", with file and line before it.
static enum status add_message(struct checking *c, struct option_faults *list)
{
    char path[256];
    const char *message = status_message();
    size_t length = 0;
    while (isalnum((unsigned char)message[length]) ||
           (message[length] != '\0' && strchr("._[]", message[length]) != NULL)) {
        length++;
    }
    snprintf(path, sizeof path, "%.*s", (int)length, message);
    const struct json *value = follow(c->document, path);
    const int line = value != c->document ? json_line(c->document, value) : 0;
    char *whole = line > 0 ? arena_format(&c->arena, "%s: line %d: %s", c->path, line, message)
                           : arena_format(&c->arena, "%s: %s", c->path, message);
    if (whole == NULL) {
        return ERR_MEMORY;
    }
    add(list, whole);
    return OK;
}

// A fault when the config is to blame, a note when this machine is.
static enum status sort_message(struct checking *c, enum status code)
{
    switch (code) {
    case ERR_CONFIG:
        return add_message(c, &c->out->faults);
    case ERR_INPUT:
    case ERR_UNSUPPORTED:
    case ERR_IO:
        return add_message(c, &c->out->absent);
    default:
        return code;
    }
}

// ---- of a search

static enum status look_around(struct run_session *session)
{
    struct run_inputs inputs;
    session->config.transport = TRANSPORT_INLINE; // no processes
    session->finishes = true;
    TRY(run_session_prepare(session));
    return run_check(session, &inputs);
}

static enum status check_run(struct checking *c)
{
    static const struct collective alone = {.ranks = 1, .local_ranks = 1};
    struct run_session *session;
    TRY(run_session_make(&alone, &session));
    option_defaults(run_command_table, &session->config);
    enum status code = config_read_all(c->document, c->path, run_config_table, &session->config,
                                       &session->arena, &c->out->faults);
    if (code == OK && !c->elsewhere) {
        code = search_config_resolve(&session->config, c->path, &session->arena);
        if (code == OK) {
            code = look_around(session);
        }
        if (code != OK) {
            code = sort_message(c, code);
        }
    }
    run_session_close(session);
    return code;
}

// ---- of a training

static enum status look_at_data(struct checking *c, const struct train_config *config)
{
    struct dataset train = {0}, test = {0};
    const char *unused;
    enum status code = dataset_describe(&config->data, DATASET_TRAIN, &train);
    if (code == OK) {
        code = dataset_describe(&config->data, DATASET_TEST, &test);
    }
    if (code == OK) {
        code = dataset_check_test(&train, &test);
    }
    if (code == OK && config->model.weights[0] != '\0') {
        code = load_find_file(config->model.weights, &c->arena, &unused);
    }
    dataset_close(&train);
    dataset_close(&test);
    return code;
}

static enum status check_train(struct checking *c)
{
    struct train_config config;
    option_defaults(train_command_table, &config);
    TRY(config_read_all(c->document, c->path, train_config_table, &config, &c->arena,
                        &c->out->faults));
    enum status code = train_config_resolve(&config, c->path, &c->arena);
    if (code == OK) {
        code = look_at_data(c, &config);
    }
    return code == OK ? OK : sort_message(c, code);
}

static enum status check(struct checking *c)
{
    const enum config_kind kind = config_kind_of(c->document);
    c->out->commands = config_tables[kind].commands;
    TRY(config_sweep_check(c->document, c->path, config_tables[kind].table, &c->arena,
                           &c->out->faults, &c->elsewhere));
    const enum status code = kind == CONFIG_TRAIN ? check_train(c) : check_run(c);
    return code == ERR_CONFIG && c->out->faults.n > 0 ? OK : code;
}

enum status config_check_file(const char *path, struct config_checked *out)
{
    struct checking c = {.path = path, .out = out};
    *out = (struct config_checked){.commands = ""};
    enum status code = json_read_config(path, &c.document);
    if (code == ERR_CONFIG) {
        add(&out->faults, status_message());
        return OK;
    }
    if (code == OK) {
        code = check(&c);
    }
    json_close(c.document);
    arena_close(&c.arena);
    if (code == OK && (out->faults.text.failed || out->absent.text.failed)) {
        FAIL(ERR_MEMORY, "%s: no memory for its faults", path);
    }
    return code;
}

void config_checked_close(struct config_checked *checked)
{
    text_close(&checked->faults.text);
    text_close(&checked->absent.text);
}
