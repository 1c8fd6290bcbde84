// Completion for bash: functions that give the options of a command, the values of an option and
// the second words of a command, and one that bash calls.
#include "app/command_words.h"

struct listing {
    struct text *out;
    const char *name; // of the command
};

static void add_option(void *context, const struct command_option *option)
{
    const struct listing *l = context;
    text_add(l->out, " %s", option->word);
}

static void add_options(void *context, const char *name, const struct cli *cli)
{
    struct listing l = {context, name};
    text_add(l.out, "    '%s') echo '", name);
    command_words_walk(cli, add_option, &l);
    text_add(l.out, "' ;;\n");
}

static void add_option_values(void *context, const struct command_option *option)
{
    const struct listing *l = context;
    const char *const *words = command_option_words(option->row);
    if (words == NULL) {
        return;
    }
    text_add(l->out, "    '%s %s') echo '", l->name, option->word);
    for (int i = 0; words[i] != NULL; i++) {
        text_add(l->out, "%s%s", i > 0 ? " " : "", words[i]);
    }
    text_add(l->out, "' ;;\n");
}

static void add_values(void *context, const char *name, const struct cli *cli)
{
    struct listing l = {context, name};
    command_words_walk(cli, add_option_values, &l);
}

static const char ends[] = "    esac\n}\n\n";

// Bash cuts words at '=', so that --opt=value comes as three.
static const char main_function[] =
    "_dikdik() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local command=${COMP_WORDS[1]} option=\n"
    "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
    "        COMPREPLY=($(compgen -W \"$(_dikdik_commands)\" -- \"$cur\"))\n"
    "        return\n"
    "    fi\n"
    "    if [ \"$COMP_CWORD\" = 2 ]; then\n"
    "        local word words=\n"
    "        for word in $(_dikdik_second \"$command\"); do words+=\" $word\"; done\n"
    "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n"
    "        [[ $cur == -* ]] || return\n"
    "    elif [ -n \"$(_dikdik_options \"$command ${COMP_WORDS[2]}\")\" ]; then\n"
    "        command=\"$command ${COMP_WORDS[2]}\"\n"
    "    fi\n"
    "    if [ \"$cur\" = = ]; then\n"
    "        option=$prev cur=\n"
    "    elif [ \"$prev\" = = ]; then\n"
    "        option=${COMP_WORDS[COMP_CWORD-2]}\n"
    "    elif [ \"$prev\" = --set ]; then\n"
    "        local paths=\n"
    "        for option in $(_dikdik_options \"$command\"); do\n"
    "            case $option in --set | --help | -?) ;; *) paths+=\" ${option#--}=\" ;; esac\n"
    "        done\n"
    "        COMPREPLY=($(compgen -W \"$paths\" -- \"$cur\"))\n"
    "        compopt -o nospace 2>/dev/null\n"
    "        return\n"
    "    elif [[ $prev == -* ]]; then\n"
    "        option=$prev\n"
    "    fi\n"
    "    local values=\n"
    "    [ -z \"$option\" ] || values=$(_dikdik_values \"$command --${option#--}\")\n"
    "    if [ -n \"$values\" ]; then\n"
    "        COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
    "    elif [[ $cur == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$(_dikdik_options \"$command\")\" -- \"$cur\"))\n"
    "    else\n"
    "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "    fi\n"
    "}\n"
    "complete -o filenames -F _dikdik dikdik\n";

void completion_bash(struct text *out)
{
    text_add(out, "# bash completion for dikdik, by `dikdik completion bash`\n\n"
                  "_dikdik_commands() {\n    echo '");
    for (int i = 0; i < n_commands; i++) {
        text_add(out, "%s ", commands[i]->name);
    }
    text_add(out, "--help --version'\n}\n\n_dikdik_second() {\n    case $1 in\n");
    for (int i = 0; i < n_commands; i++) {
        struct text words = {0};
        completion_second_words(commands[i], &words);
        if (words.length > 0) {
            text_add(out, "    '%s') echo '%s' ;;\n", commands[i]->name, words.bytes);
        }
        text_close(&words);
    }
    text_add(out, "%s_dikdik_options() {\n    case $1 in\n", ends);
    command_words_each(add_options, out);
    text_add(out, "%s_dikdik_values() {\n    case $1 in\n", ends);
    command_words_each(add_values, out);
    text_add(out, "%s%s", ends, main_function);
}
