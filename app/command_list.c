// The subcommands as a table.
#include "app/command.h"

#include <string.h>

const struct command *const commands[] = {
#define X(name) &command_##name,
    COMMAND_LIST(X)
#undef X
};
const int n_commands = (int)(sizeof commands / sizeof commands[0]);

const struct command *command_find(const char *name)
{
    for (int i = 0; i < n_commands; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}
