// Short forms of options.
#include "app/command_line.h"

#include <string.h>

const struct short_form command_short_forms[] = {
    {"-h", "--help"},
    {"-o", "--output"},
    {"--data", "--data.name"},
    {"--backend", "--backend.name"},
    {"--threads", "--backend.threads"},
    {"--actors", "--actors.count"},
    {NULL, NULL},
};

// The word with its short form, alone or before '=', written out; NULL when memory ran out.
static char *write_out(char *word, struct arena *arena)
{
    const size_t length = strcspn(word, "=");
    for (int i = 0; command_short_forms[i].word != NULL; i++) {
        const struct short_form *form = &command_short_forms[i];
        if (strlen(form->word) == length && strncmp(form->word, word, length) == 0) {
            return arena_format(arena, "%s%s", form->means, word + length);
        }
    }
    return word;
}

enum status command_line_read(const struct cli *cli, int argc, char **argv, void *values,
                              struct arena *arena, struct cli_result *out)
{
    char **words;
    ARENA_NEW(arena, words, (size_t)argc + 1);
    for (int i = 0; i < argc; i++) {
        words[i] = i == 0 ? argv[0] : write_out(argv[i], arena);
        if (words[i] == NULL) {
            return ERR_MEMORY;
        }
    }
    return cli_read(cli, argc, words, values, arena, out);
}
