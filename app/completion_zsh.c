// Completion for zsh, by its _arguments.
#include "app/command_words.h"

#include <string.h>

// Within '...' of a specification: quotes, and the characters that end its parts.
static void add_escaped(struct text *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            text_add(out, "'\\''");
        } else {
            text_add(out, "%s%c", strchr("[]:\\", *text) != NULL ? "\\" : "", *text);
        }
    }
}

static void add_option(void *context, const struct command_option *option)
{
    struct text *out = context;
    const char *const *words = command_option_words(option->row);
    if (strcmp(option->word, "--set") == 0) {
        text_add(out, "            '*--set[set any option]:PATH=VALUE:_dikdik_set' \\\n");
        return;
    }
    const bool is_long = strncmp(option->word, "--", 2) == 0;
    text_add(out, "            '%s%s[", option->word, option->takes_value && is_long ? "=" : "");
    add_escaped(out, command_option_help(option));
    text_add(out, "]");
    if (option->takes_value) {
        text_add(out, ":value:");
        if (words == NULL) {
            text_add(out, "_files");
        } else {
            text_add(out, "(");
            for (int i = 0; words[i] != NULL; i++) {
                text_add(out, "%s%s", i > 0 ? " " : "", words[i]);
            }
            text_add(out, ")");
        }
    }
    text_add(out, "' \\\n");
}

static void add_path(void *context, const struct command_option *option)
{
    if (option->row != NULL && strcmp(option->word + 2, option->path) == 0) {
        text_add(context, " %s", option->path);
    }
}

static void add_command(void *context, const char *name, const struct cli *cli)
{
    struct text *out = context;
    text_add(out, "    '%s')\n        paths=(", name);
    command_words_walk(cli, add_path, out);
    text_add(out, ")\n        _arguments \\\n");
    command_words_walk(cli, add_option, out);
    text_add(out, "            '*: :_dikdik_words' ;;\n");
}

void completion_zsh(struct text *out)
{
    text_add(out, "#compdef dikdik\n"
                  "# zsh completion for dikdik, by `dikdik completion zsh`\n\n"
                  "_dikdik_set() {\n    compadd -S = -- $paths\n}\n\n"
                  "_dikdik_words() {\n"
                  "    (( ! second_words[(I)?*] )) || compadd -- $second_words\n"
                  "    _files\n}\n\n"
                  "_dikdik() {\n    local -a commands paths second_words\n    commands=(\n");
    for (int i = 0; i < n_commands; i++) {
        text_add(out, "        '%s:", commands[i]->name);
        add_escaped(out, commands[i]->about);
        text_add(out, "'\n");
    }
    text_add(out, "    )\n"
                  "    if (( CURRENT == 2 )); then\n"
                  "        _describe command commands\n"
                  "        return\n"
                  "    fi\n"
                  "    shift words\n"
                  "    (( CURRENT-- ))\n"
                  "    local name=$words[1]\n"
                  "    case $name in\n");
    for (int i = 0; i < n_commands; i++) {
        struct text words = {0};
        completion_second_words(commands[i], &words);
        if (words.length > 0) {
            text_add(out,
                     "    %s)\n        second_words=(%s)\n"
                     "        if (( CURRENT > 2 && $second_words[(Ie)$words[2]] )); then\n"
                     "            name=\"$words[1] $words[2]\"\n"
                     "            second_words=()\n"
                     "        fi ;;\n",
                     commands[i]->name, words.bytes);
        }
        text_close(&words);
    }
    text_add(out, "    esac\n    case $name in\n");
    command_words_each(add_command, out);
    text_add(out, "    esac\n}\n\n_dikdik \"$@\"\n");
}
