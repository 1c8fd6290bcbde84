// Completion for fish.
#include "app/command_words.h"

#include <string.h>

static void add_quoted(struct text *out, const char *text)
{
    text_add(out, "'");
    for (; *text != '\0'; text++) {
        text_add(out, "%s%c", *text == '\'' || *text == '\\' ? "\\" : "", *text);
    }
    text_add(out, "'");
}

struct listing {
    struct text *out;
    const char *name;
};

static void add_option(void *context, const struct command_option *option)
{
    const struct listing *l = context;
    const char *const *words = command_option_words(option->row);
    const bool is_long = strncmp(option->word, "--", 2) == 0;
    text_add(l->out, "complete -c dikdik -n '__dikdik_is %s' -%s %s -d ", l->name,
             is_long ? "l" : "s", option->word + (is_long ? 2 : 1));
    add_quoted(l->out, command_option_help(option));
    if (words != NULL && option->takes_value) {
        text_add(l->out, " -x -a '");
        for (int i = 0; words[i] != NULL; i++) {
            text_add(l->out, "%s%s", i > 0 ? " " : "", words[i]);
        }
        text_add(l->out, "'");
    } else if (option->takes_value) {
        text_add(l->out, " -r");
    }
    text_add(l->out, "\n");
}

static void add_options(void *context, const char *name, const struct cli *cli)
{
    struct listing l = {context, name};
    command_words_walk(cli, add_option, &l);
}

void completion_fish(struct text *out)
{
    text_add(out, "# fish completion for dikdik, by `dikdik completion fish`\n\n"
                  "# The command, and its second word where that chooses one.\n"
                  "function __dikdik_is\n"
                  "    set -l words (commandline -opc)\n"
                  "    test (count $words) -gt (count $argv)\n"
                  "    or return 1\n"
                  "    set -l last (math 1 + (count $argv))\n"
                  "    test \"$words[2..$last]\" = \"$argv\"\n"
                  "end\n\n");
    for (int i = 0; i < n_commands; i++) {
        struct text words = {0};
        text_add(out, "complete -c dikdik -f -n __fish_use_subcommand -a %s -d ",
                 commands[i]->name);
        add_quoted(out, commands[i]->about);
        completion_second_words(commands[i], &words);
        if (words.length > 0) {
            text_add(out, "\ncomplete -c dikdik -n '__dikdik_is %s' -a '%s'", commands[i]->name,
                     words.bytes);
        }
        text_add(out, "\n");
        text_close(&words);
    }
    command_words_each(add_options, out);
}
