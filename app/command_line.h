// A subcommand's words, with the short forms that all commands share.
#pragma once
#include "core/config.h"

// cli_read after short forms were written out: -h for --help, -o for --output, --data NAME for
// --data.name, --backend NAME for --backend.name, --threads N for --backend.threads, --actors N for
// --actors.count.
enum status command_line_read(const struct cli *cli, int argc, char **argv, void *values,
                              struct arena *arena, struct cli_result *out);

// Those forms: {NULL, NULL} behind the last.
struct short_form {
    const char *word, *means;
};
extern const struct short_form command_short_forms[];
