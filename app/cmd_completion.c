// dikdik completion: scripts by which shells complete dikdik's words.
#include "app/command_line.h"
#include "app/command_words.h"

#include <stdio.h>
#include <string.h>

static const char *const positional[] = {"SHELL", NULL};
static const struct cli completion_cli = {
    .command = "dikdik completion",
    .usage = "bash | zsh | fish",
    .about = "Prints a script by which a shell completes commands, options and their values. Bash: "
             "`source <(dikdik completion bash)`; fish: `dikdik completion fish | source`; zsh: "
             "write it to a file _dikdik in a folder of $fpath. `cmake --install` puts all three "
             "where shells find them.",
    .positional = positional,
    .required = 1,
};

static enum status print_script(const char *shell)
{
    static const struct {
        const char *shell;
        void (*write)(struct text *out);
    } scripts[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        if (strcmp(shell, scripts[i].shell) == 0) {
            struct text text = {0};
            scripts[i].write(&text);
            const bool failed = text.failed;
            fputs(failed ? "" : text.bytes, stdout);
            text_close(&text);
            if (failed) {
                FAIL(ERR_MEMORY, "no memory for the script");
            }
            return OK;
        }
    }
    FAIL(ERR_CONFIG, "dikdik completion: expected bash, zsh or fish, got \"%.60s\"", shell);
}

static enum status completion_run(struct app *app, int argc, char **argv)
{
    (void)app;
    struct arena arena = {0};
    struct cli_result words;
    enum status code = command_line_read(&completion_cli, argc, argv, NULL, &arena, &words);
    if (code == OK && !words.help) {
        code = print_script(words.positional[0]);
    }
    arena_close(&arena);
    return code;
}

static const struct cli *const completion_clis[] = {&completion_cli, NULL};

const struct command command_completion = {
    .name = "completion",
    .about = "scripts by which bash, zsh and fish complete dikdik's words",
    .clis = completion_clis,
    .run = completion_run,
};
