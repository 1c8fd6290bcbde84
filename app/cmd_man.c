// dikdik man: manual pages, as roff, from what --help prints.
#include "app/command_line.h"
#include "app/command_words.h"
#include "app/config_tables.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const positional[] = {"COMMAND", NULL};
static const struct cli man_cli = {
    .command = "dikdik man",
    .usage = "[COMMAND]",
    .about = "Prints the manual page of dikdik or of one of its commands, for `man -l -`. `cmake "
             "--install` puts all of them where man finds them.",
    .positional = positional,
};

// Text as it is: no escapes, no requests, hyphens that can be copied.
static void add_plain(struct text *out, const char *text)
{
    const bool starts_line = out->length == 0 || out->bytes[out->length - 1] == '\n';
    if (starts_line && (*text == '.' || *text == '\'')) {
        text_add(out, "\\&");
    }
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            text_add(out, "\\e");
        } else {
            text_add(out, "%s%c", *text == '-' ? "\\" : "", *text);
        }
    }
}

// "DIKDIK-RUN"
static void add_title(struct text *out, const char *command)
{
    text_add(out, ".TH DIKDIK");
    if (command != NULL) {
        text_add(out, "\\-");
        for (; *command != '\0'; command++) {
            text_add(out, "%c", toupper((unsigned char)*command));
        }
    }
    text_add(out, " 1 \"\" \"dikdik " DIKDIK_VERSION "\" \"User Commands\"\n");
}

static void add_section(struct text *out, const char *name)
{
    text_add(out, ".SH %s\n", name);
}

// "\fB--learner.batch\fR N", its meaning and its values.
static void add_option(void *context, const char *path, const struct option *row, bool in_list)
{
    struct text *out = context;
    struct text facts = {0};
    (void)in_list;
    text_add(out, ".TP\n.B ");
    add_plain(out, "--");
    add_plain(out, path);
    text_add(out, "\n");
    option_facts(row, &facts);
    if (row->help != NULL && *row->help != '\0') {
        add_plain(out, row->help);
        text_add(out, "\n");
    }
    text_add(out, "(");
    add_plain(out, option_kind_words(row->kind));
    if (facts.length > 0) {
        text_add(out, "; ");
        add_plain(out, facts.bytes);
    }
    text_add(out, ")\n");
    text_close(&facts);
}

static void add_cli(struct text *out, const struct cli *cli)
{
    add_section(out, "SYNOPSIS");
    text_add(out, ".B ");
    add_plain(out, cli->command);
    text_add(out, "\n");
    add_plain(out, cli->usage);
    text_add(out, "\n");
    add_section(out, "DESCRIPTION");
    add_plain(out, cli->about);
    text_add(out, "\n");
    add_section(out, "OPTIONS");
    if (cli->table != NULL) {
        config_table_walk(cli->table, add_option, out);
        text_add(out, ".TP\n.B \\-\\-set\nPATH=VALUE\n.br\nsets any of these; may be repeated\n");
    }
    text_add(out, ".TP\n.B \\-\\-help\nprints a list of the options\n");
}

static void add_end(struct text *out)
{
    add_section(out, "EXIT STATUS");
    text_add(out, "0 done, 1 bad input, 2 failed while running, 130 interrupted.\n");
    add_section(out, "ENVIRONMENT");
    text_add(out, ".TP\n.B DIKDIK_DATA\nfolder of data sets and weights that are named without a "
                  "place of their own\n");
    add_section(out, "SEE ALSO");
    text_add(out, ".BR dikdik (1)");
    for (int i = 0; i < n_commands; i++) {
        text_add(out, ",\n.BR dikdik\\-%s (1)", commands[i]->name);
    }
    text_add(out, "\n");
}

static void write_command(struct text *out, const struct command *command)
{
    add_title(out, command->name);
    add_section(out, "NAME");
    text_add(out, "dikdik\\-%s \\- ", command->name);
    add_plain(out, command->about);
    text_add(out, "\n");
    for (int i = 0; command->clis[i] != NULL; i++) {
        add_cli(out, command->clis[i]);
    }
    add_end(out);
}

static void write_program(struct text *out)
{
    add_title(out, NULL);
    add_section(out, "NAME");
    text_add(out, "dikdik \\- shrinks convolutional networks\n");
    add_section(out, "SYNOPSIS");
    text_add(out, ".B dikdik\nCOMMAND [options]\n");
    add_section(out, "DESCRIPTION");
    text_add(out, "One agent, trained by reinforcement learning, searches many small networks at "
                  "once: networks, data sets and budgets become its tasks. Other commands train, "
                  "score, inspect and slim networks.\n");
    add_section(out, "COMMANDS");
    for (int i = 0; i < n_commands; i++) {
        text_add(out, ".TP\n.B %s\n", commands[i]->name);
        add_plain(out, commands[i]->about);
        text_add(out, "\n");
    }
    add_end(out);
}

static enum status print_page(const char *name)
{
    struct text text = {0};
    const struct command *command = name != NULL ? command_find(name) : NULL;
    if (name != NULL && command == NULL) {
        FAIL(ERR_CONFIG, "dikdik man: there is no command \"%.60s\"; dikdik --help lists them",
             name);
    }
    if (command != NULL) {
        write_command(&text, command);
    } else {
        write_program(&text);
    }
    const bool failed = text.failed;
    fputs(failed ? "" : text.bytes, stdout);
    text_close(&text);
    if (failed) {
        FAIL(ERR_MEMORY, "no memory for the page");
    }
    return OK;
}

static enum status man_run(struct app *app, int argc, char **argv)
{
    (void)app;
    struct arena arena = {0};
    struct cli_result words;
    enum status code = command_line_read(&man_cli, argc, argv, NULL, &arena, &words);
    if (code == OK && !words.help) {
        code = print_page(words.n_positional > 0 ? words.positional[0] : NULL);
    }
    arena_close(&arena);
    return code;
}

static const struct cli *const man_clis[] = {&man_cli, NULL};

const struct command command_man = {
    .name = "man",
    .about = "manual pages, from the same tables as --help",
    .clis = man_clis,
    .run = man_run,
};
