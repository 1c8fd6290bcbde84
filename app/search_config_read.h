// The command line of `dikdik search` and `dikdik run`.
#pragma once
#include "core/config.h"
#include "run/run_config.h"

extern const struct cli search_cli, run_cli;

// Reads a command line: config file and options; with --policy the agent of that run, and its base
// networks where the config has the same. Names filled in, everything checked that can be checked
// without data. Strings and lists live in `arena`. help: it was asked for and has been printed.
enum status search_config_read(const struct cli *cli, int argc, char **argv, struct arena *arena,
                               struct run_config *out, bool *help);

// The same of a config that has been read from the file `path`: its names filled in and checked.
enum status search_config_resolve(struct run_config *config, const char *path, struct arena *arena);
// What `base.json` and a folder name must be: no path, nothing hidden. ERR_CONFIG names `where`.
enum status search_check_word(const char *where, const char *word);
