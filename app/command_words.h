// What may follow the words of a command, for completion and manual pages.
#pragma once
#include "app/command.h"
#include "core/text.h"

// Every command line with its name, "bench nn" where a second word chooses it, else "bench".
void command_words_each(void (*visit)(void *context, const char *name, const struct cli *cli),
                        void *context);
// Calls `visit` with every option that can be given: those of the table, short forms (row NULL) and
// the three that all commands share, --set, --help and -h. Options of a list's elements, whose
// index is free, are left out.
struct command_option {
    const char *word;         // "--learner.mode", "-o"
    const char *path;         // "learner.mode", of the option that it stands for; "" = none
    const struct option *row; // NULL: it has none
    bool takes_value;
};
void command_words_walk(const struct cli *cli,
                        void (*visit)(void *context, const struct command_option *option),
                        void *context);
// The words that a value can be: choices, or known ones; NULL = it is free.
const char *const *command_option_words(const struct option *row);
// What it means, one line; never NULL.
const char *command_option_help(const struct command_option *option);
// The words that may follow a command's name to choose what it does, with spaces between: "nn
// search" of bench.
void completion_second_words(const struct command *command, struct text *out);

// The scripts.
void completion_bash(struct text *out);
void completion_zsh(struct text *out);
void completion_fish(struct text *out);
