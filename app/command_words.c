// Walks over the options of a command line.
#include "app/command_words.h"

#include "app/command_line.h"
#include "app/config_tables.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void name_of(const struct command *command, int cli, char *out, size_t bytes)
{
    const char *usage = command->clis[cli]->usage; // "nn [options]"
    int length = 0;
    while (cli > 0 && islower((unsigned char)usage[length])) {
        length++;
    }
    snprintf(out, bytes, "%s%s%.*s", command->name, length > 0 ? " " : "", length, usage);
}

void command_words_each(void (*visit)(void *context, const char *name, const struct cli *cli),
                        void *context)
{
    for (int i = 0; i < n_commands; i++) {
        for (int j = 0; commands[i]->clis[j] != NULL; j++) {
            char name[64];
            name_of(commands[i], j, name, sizeof name);
            visit(context, name, commands[i]->clis[j]);
        }
    }
}

void completion_second_words(const struct command *command, struct text *out)
{
    for (int j = 1; command->clis[j] != NULL; j++) {
        char name[64];
        name_of(command, j, name, sizeof name);
        const char *space = strchr(name, ' ');
        text_add(out, "%s%s", out->length > 0 ? " " : "", space != NULL ? space + 1 : "");
    }
}

struct visiting {
    void (*visit)(void *context, const struct command_option *option);
    void *context;
    const struct option *table;
};

static void visit_row(void *context, const char *path, const struct option *row, bool in_list)
{
    const struct visiting *v = context;
    char word[520];
    if (in_list) {
        return;
    }
    snprintf(word, sizeof word, "--%s", path);
    v->visit(v->context, &(struct command_option){word, path, row, row->kind != OPTION_BOOL});
}

static void visit_short(const struct visiting *v, const struct short_form *form)
{
    enum option_shapes unused = SHAPES_AS_AROUND;
    const char *path = form->means + 2;
    const struct option *row = v->table != NULL ? config_table_find(v->table, path, &unused) : NULL;
    if (row != NULL) {
        v->visit(v->context,
                 &(struct command_option){form->word, path, row, row->kind != OPTION_BOOL});
    }
}

void command_words_walk(const struct cli *cli,
                        void (*visit)(void *context, const struct command_option *option),
                        void *context)
{
    struct visiting v = {visit, context, cli->table};
    if (cli->table != NULL) {
        config_table_walk(cli->table, visit_row, &v);
    }
    for (int i = 0; command_short_forms[i].word != NULL; i++) {
        visit_short(&v, &command_short_forms[i]);
    }
    visit(context, &(struct command_option){"--set", "", NULL, true});
    visit(context, &(struct command_option){"--help", "", NULL, false});
    visit(context, &(struct command_option){"-h", "", NULL, false});
}

const char *const *command_option_words(const struct option *row)
{
    return row == NULL ? NULL : row->kind == OPTION_CHOICE ? row->choices : row->known;
}

const char *command_option_help(const struct command_option *option)
{
    if (option->row == NULL) {
        return option->takes_value ? "set any option: PATH=VALUE" : "print help";
    }
    return option->row->help != NULL ? option->row->help : "";
}
